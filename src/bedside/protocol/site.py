"""The site's own say: its policy, its approvers, and an approval of one order (N3).

The clauses of `docs/protocol/site.md`:

11.1 A policy is signed by the site's key, which the manufacturer does not hold.
11.2 It rules on every action: an action that it does not name refuses the document.
11.3 The policy with the highest serial applies; a lower or equal one is refused.
11.4 What two must approve is asked of the site.
11.5 An approver is one person with one passkey: its credential, its public key, and the page that
     it belongs to. Neither stands twice: one key is not two people.
11.6 A site gives its devices to another key by a document that its old key signs.
12.1 An approval is a WebAuthn assertion whose challenge is the digest of what is approved.
12.2 The digest covers every field of the order that a person reads, and none that carries it.
12.3 An approval counts once for each approver.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from bedside.protocol.codec import MAX_INTEGER, Fields, Wire, to_json
from bedside.protocol.document import Document
from bedside.protocol.errors import MalformedError
from bedside.protocol.shapes import check_host, check_time_zone, parse_actions, parse_time
from bedside.protocol.windows import MAX_WINDOWS, SingleWindow, WeeklyWindow, open_until_ms
from bedside.vocabulary import SiteAction, SiteRule

__all__ = [
    "MAX_APPROVALS",
    "MAX_APPROVERS",
    "Approval",
    "Approver",
    "SiteKeyHandOver",
    "SitePolicy",
    "subject_digest",
]

MAX_APPROVERS = 32
MAX_APPROVALS = 4
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-]{16,512}")
_ORIGIN = re.compile(r"https://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_LOCAL_ORIGIN = re.compile(r"http://localhost(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver(Wire):
    """A person who may say yes for the site, and the passkey that says it."""

    id: str
    name: str
    rp_id: str
    origin: str
    credential: str
    public_key: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "Approver":
        """Read an approver (11.5)."""
        approver = cls(
            id=fields.text("id", max=64),
            name=fields.text("name", max=120),
            rp_id=fields.parsed("rp_id", lambda text: check_host(text, address=False), max=253),
            origin=fields.text("origin", max=270),
            credential=fields.text("credential", max=512, pattern=_CREDENTIAL),
            public_key=fields.text("public_key", max=1024, lines=True),
        )
        if not (_ORIGIN.fullmatch(approver.origin) or _LOCAL_ORIGIN.fullmatch(approver.origin)):
            raise MalformedError("pattern", "origin")
        fields.end()
        return approver


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(Wire):
    """One approver's assertion over the digest of an order's subject (12.1)."""

    approver: str
    credential: str
    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @classmethod
    def from_fields(cls, fields: Fields) -> "Approval":
        """Read an approval; whether it holds is `pki.webauthn`'s to say."""
        approval = cls(
            approver=fields.text("approver", max=64),
            credential=fields.text("credential", max=512, pattern=_CREDENTIAL),
            authenticator_data=fields.bytes_("authenticator_data", min=37, max=1024),
            client_data=fields.bytes_("client_data", min=2, max=2048),
            signature=fields.bytes_("signature", min=8, max=80),
        )
        fields.end()
        return approval


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePolicy(Document):
    """What a site allows on its devices, whoever asks (R2, R17, R19): the console only carries it."""

    site: str
    serial: int
    issued_ms: int
    timezone: str
    rules: Mapping[SiteAction, SiteRule]
    ticket: tuple[SiteAction, ...]
    two_approvers: tuple[SiteAction, ...]
    window: tuple[SiteAction, ...]
    weekly: tuple[WeeklyWindow, ...]
    single: tuple[SingleWindow, ...]
    approvers: tuple[Approver, ...]

    @classmethod
    def _read(cls, fields: Fields) -> "SitePolicy":
        rules = fields.object("rules")
        policy = cls(
            site=fields.text("site", max=64),
            serial=fields.integer("serial", low=1, high=MAX_INTEGER),
            issued_ms=parse_time(fields, "issued_ms"),
            timezone=fields.parsed("timezone", check_time_zone),
            rules={action: rules.enum(action, SiteRule) for action in SiteAction},  # 11.2
            ticket=parse_actions(fields, "ticket"),
            two_approvers=parse_actions(fields, "two_approvers"),
            window=parse_actions(fields, "window"),
            weekly=tuple(
                WeeklyWindow.from_fields(each) for each in fields.objects("weekly", max=MAX_WINDOWS)
            ),
            single=tuple(
                SingleWindow.from_fields(each) for each in fields.objects("single", max=MAX_WINDOWS)
            ),
            approvers=tuple(
                Approver.from_fields(each)
                for each in fields.objects("approvers", max=MAX_APPROVERS)
            ),
        )
        rules.end()
        if any(
            policy.rules[each] is not SiteRule.ASK_SITE for each in policy.two_approvers
        ):  # 11.4
            raise MalformedError("mismatch", "two_approvers")
        for once in ("credential", "public_key"):  # 11.5
            if len({getattr(each, once) for each in policy.approvers}) != len(policy.approvers):
                raise MalformedError("repeated", "approvers")
        return policy

    def to_dict(self) -> dict[str, Any]:
        """Return this policy as JSON's own types."""
        rules = {str(action): str(rule) for action, rule in self.rules.items()}
        # A class with slots is made twice: super() without arguments would name the first.
        return {**Document.to_dict(self), "rules": rules}

    def approvals_needed(self, actions: tuple[SiteAction, ...]) -> int:
        """Return how many approvers must say yes to these actions together: 0, 1 or 2."""
        if not any(self.rules[action] is SiteRule.ASK_SITE for action in actions):
            return 0
        return 2 if any(action in self.two_approvers for action in actions) else 1

    def open_until_ms(self, now_ms: int) -> int | None:
        """Return when the service window that is open at `now_ms` closes, None where none is."""
        return open_until_ms((*self.weekly, *self.single), self.timezone, now_ms)

    def approver(self, approval: Approval) -> Approver | None:
        """Return whose approval this says it is, None where the site enrolled nobody such."""
        for each in self.approvers:
            if each.id == approval.approver and each.credential == approval.credential:
                return each
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteKeyHandOver(Document):
    """The site's word, by its old key, that `public_key` (PEM) is its key from now on (11.6)."""

    site: str
    public_key: str
    issued_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "SiteKeyHandOver":
        return cls(
            site=fields.text("site", max=64),
            public_key=fields.text("public_key", max=1024, lines=True),
            issued_ms=parse_time(fields, "issued_ms"),
        )


def subject_digest(subject: dict[str, Any]) -> bytes:
    """Return the 32 bytes that an approver's passkey signs as its challenge (12.2)."""
    return sha256(b"bedside approval 1\0" + to_json(subject)).digest()

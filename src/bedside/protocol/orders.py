"""The documents that are signed: what the console tells a device, and what a device answers.

The clauses of `docs/protocol/documents.md`:

2.1 Every field is known and present; an unknown field refuses the document.
2.2 An order is answered after it was issued and within ten minutes of it.
2.3 A session lasts from one minute to four hours; its idle limit is no longer than itself.
2.4 A list of relays has at least one, no name twice, ports from 1 to 65535.
2.5 Texts that a person reads hold no control characters and nothing that turns their direction.
2.6 A device is locked with a reason, or not locked and without one.
2.7 A report's entries end at or before the size that it states.
2.11 Beside its session an order names files in, files out, or neither.
2.12 An order with approvals says until when the site lets it be answered.
2.13 An order that joins a session names another one; for observation it names no files.
2.14 A configuration names at most two support contacts (`protocol.support`).
2.15 For control, the session that it names is a join of the same person with the same key: it lets
     that person be handed control, and opens no tunnel.
2.16 A configuration prefers relays by name, each once; a name that is in no list counts for nothing.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from bedside.protocol.codec import MAX_INTEGER, Fields
from bedside.protocol.document import MAX_DOCUMENT, Document
from bedside.protocol.errors import MalformedError
from bedside.protocol.shapes import (
    CERTIFICATE_LINE,
    FINGERPRINT,
    MAX_MS,
    PRODUCT,
    JournalHead,
    Person,
    Relay,
    Site,
    parse_actions,
    parse_preferred,
    parse_relays,
    parse_revoked,
    parse_time,
)
from bedside.protocol.site import MAX_APPROVALS, Approval, subject_digest
from bedside.protocol.support import SupportContact, read_contacts
from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    Ending,
    Gate,
    Mode,
    PollMode,
    RelayName,
    SessionId,
    SiteAction,
    parse_device_id,
    parse_session_id,
    session_action,
)

__all__ = [
    "MAX_ANSWER_MS",
    "MAX_DOCUMENT",
    "MAX_DURATION_S",
    "MAX_ENTRIES",
    "MAX_ENTRY",
    "MAX_REPORT_DOCUMENT",
    "MIN_DURATION_S",
    "Consent",
    "DeviceConfiguration",
    "DeviceReport",
    "Document",
    "EnrolmentBundle",
    "Receipt",
    "SessionOrder",
    "Withdrawal",
]

MAX_REPORT_DOCUMENT = 128 * 1024
MAX_ENTRIES = 256
MAX_ENTRY = 16 * 1024
MAX_ANSWER_MS = 10 * 60 * 1000
MIN_DURATION_S = 60
MAX_DURATION_S = 14_400
_MIN_IDLE_S = 10
_MAX_NOTE = 4096
_MAX_PEM = 16 * 1024
_CODE_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{5}")
_BESIDE = frozenset({SiteAction.FILES_IN, SiteAction.FILES_OUT})
_SUBJECT = (
    "session",
    "device",
    "product",
    "person",
    "access",
    "mode",
    "actions",
    "reason",
    "case",
    "ticket",
    "duration_s",
    "specialist_key",
    "approved_until_ms",
    "break_glass",
    "joins",
)
_SSH_KEY = re.compile(r"ecdsa-sha2-nistp256 [A-Za-z0-9+/]+={0,2}(?: [!-~]+)?")
_NOTE_KEY = re.compile(r"[!-*,-~]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOrder(Document):
    """The console's grant: who may ask for what on which device, why, and until when."""

    session: SessionId
    device: DeviceId
    product: str
    person: Person
    access: AccessKind
    mode: Mode
    reason: str
    case: str
    ticket: str | None
    issued_ms: int
    answer_by_ms: int
    duration_s: int
    idle_s: int
    specialist_key: str
    proof_seed: bytes
    max_bytes: int
    checkpoint: str
    actions: tuple[SiteAction, ...] = ()
    """What the grant covers beside the session itself: files in, files out (2.11)."""
    site_policy: int = 0
    """The serial of the site's policy that the console knew; 0 where it knew none."""
    approvals: tuple[Approval, ...] = ()
    approved_until_ms: int | None = None
    """Until when the site lets this order be answered (2.12)."""
    break_glass: bool = False
    """The site itself opened the device for an hour (R42)."""
    joins: SessionId | None = None
    """The live session that this person asks to join (S37); for control, their own join (2.15)."""

    @property
    def hands_over(self) -> bool:
        """Whether it is for control of a session that this person has joined (R10)."""
        return self.joins is not None and self.mode is Mode.CONTROL

    @property
    def of_site(self) -> bool:
        """Whether it is for somebody of the site itself, who only ever watches (2.18)."""
        return self.person.level is None

    @property
    def site_actions(self) -> tuple[SiteAction, ...]:
        """Everything that the site rules on and this order asks for, sorted."""
        return tuple(sorted({session_action(self.access, self.mode), *self.actions}))

    @property
    def subject(self) -> dict[str, Any]:
        """What a site's approver approves: all that a person reads, nothing that carries it (12.2)."""
        told = self.to_dict()
        return {name: told[name] for name in _SUBJECT}

    @property
    def approval_digest(self) -> bytes:
        """The 32 bytes that an approver's passkey signs as its challenge (12.1)."""
        return subject_digest(self.subject)

    @classmethod
    def _read(cls, fields: Fields) -> "SessionOrder":
        order = cls(
            session=fields.parsed("session", parse_session_id),
            device=fields.parsed("device", parse_device_id),
            product=fields.text("product", max=64, pattern=PRODUCT),
            person=Person.from_fields(fields.object("person")),
            access=fields.enum("access", AccessKind),
            mode=fields.enum("mode", Mode),
            reason=fields.text("reason", max=500),
            case=fields.text("case", max=64),
            ticket=fields.optional("ticket", fields.text, max=64),
            issued_ms=parse_time(fields, "issued_ms"),
            answer_by_ms=parse_time(fields, "answer_by_ms"),
            duration_s=fields.integer("duration_s", low=MIN_DURATION_S, high=MAX_DURATION_S),
            idle_s=fields.integer("idle_s", low=_MIN_IDLE_S, high=MAX_DURATION_S),
            specialist_key=fields.text("specialist_key", max=50, pattern=FINGERPRINT),
            proof_seed=fields.bytes_("proof_seed", min=32, max=32),
            max_bytes=fields.integer("max_bytes", low=1, high=MAX_INTEGER),
            checkpoint=fields.text("checkpoint", max=_MAX_NOTE, lines=True),
            actions=parse_actions(fields, "actions"),
            site_policy=fields.integer("site_policy", low=0, high=MAX_INTEGER),
            approvals=tuple(
                Approval.from_fields(each)
                for each in fields.objects("approvals", max=MAX_APPROVALS)
            ),
            approved_until_ms=fields.optional(
                "approved_until_ms", fields.integer, low=0, high=MAX_MS
            ),
            break_glass=fields.boolean("break_glass"),
            joins=fields.optional("joins", fields.parsed, parse=parse_session_id),
        )
        if set(order.actions) - _BESIDE:  # 2.11
            raise MalformedError("not_a_member", "actions")
        if order.approvals and order.approved_until_ms is None:  # 2.12
            raise MalformedError("mismatch", "approved_until_ms")
        if order.joins is not None:  # 2.13
            if order.joins == order.session:
                raise MalformedError("mismatch", "joins")
            if order.mode is Mode.VIEW and order.actions:
                raise MalformedError("mismatch", "mode")
        if order.of_site and (order.joins is None or order.mode is not Mode.VIEW):  # 2.18
            raise MalformedError("mismatch", "level")
        if not 0 < order.answer_by_ms - order.issued_ms <= MAX_ANSWER_MS:  # 2.2
            raise MalformedError("range", "answer_by_ms")
        if order.idle_s > order.duration_s:  # 2.3
            raise MalformedError("range", "idle_s")
        return order


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal(Document):
    """The console takes a session back, whatever its state; the device's journal says who and why.

    `by` names who did it; `gate` is the requirement that is met no longer, where that is why.
    """

    session: SessionId
    device: DeviceId
    ending: Ending
    by: str
    gate: Gate | None
    issued_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Withdrawal":
        return cls(
            session=fields.parsed("session", parse_session_id),
            device=fields.parsed("device", parse_device_id),
            ending=fields.enum("ending", Ending),
            by=fields.text("by", max=120),
            gate=fields.optional("gate", fields.enum, members=Gate),
            issued_ms=parse_time(fields, "issued_ms"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Document):
    """The console has this much of the device's journal, and shows its own head (N4)."""

    device: DeviceId
    size: int
    head: str
    checkpoint: str
    sent_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Receipt":
        return cls(
            device=fields.parsed("device", parse_device_id),
            size=fields.integer("size", low=0, high=MAX_INTEGER),
            head=fields.hex("head", 64),
            checkpoint=fields.text("checkpoint", max=_MAX_NOTE, lines=True),
            sent_ms=parse_time(fields, "sent_ms"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfiguration(Document):
    """What the manufacturer sets on a device; the highest serial applies.

    Its relays extend the bundle's, which nothing overwrites.
    """

    device: DeviceId
    serial: int
    issued_ms: int
    display_name: str
    site: Site
    product: str
    relays: tuple[Relay, ...]
    ssh_host_certificate: str
    poll_mode: PollMode
    locked: bool
    lock_reason: str | None
    contacts: tuple[SupportContact, ...] = ()
    """Whom people at the device call, whether or not anything answers (S55)."""
    preferred: tuple[RelayName, ...] = ()
    """The relays that this device is pinned to, the most preferred first (R6, 2.16)."""
    revoked: tuple[str, ...] = ()
    """Serials of relays' certificates that open nothing any more (2.17)."""

    @classmethod
    def _read(cls, fields: Fields) -> "DeviceConfiguration":
        configuration = cls(
            device=fields.parsed("device", parse_device_id),
            serial=fields.integer("serial", low=1, high=MAX_INTEGER),
            issued_ms=parse_time(fields, "issued_ms"),
            display_name=fields.text("display_name", max=120),
            site=Site.from_fields(fields.object("site")),
            product=fields.text("product", max=64, pattern=PRODUCT),
            relays=parse_relays(fields),  # 2.4
            ssh_host_certificate=fields.text(
                "ssh_host_certificate", max=4096, pattern=CERTIFICATE_LINE
            ),
            poll_mode=fields.enum("poll_mode", PollMode),
            locked=fields.boolean("locked"),
            lock_reason=fields.optional("lock_reason", fields.text, max=200),
            contacts=read_contacts(fields),  # 2.14
            preferred=parse_preferred(fields),  # 2.16
            revoked=parse_revoked(fields),  # 2.17
        )
        if configuration.locked is (configuration.lock_reason is None):  # 2.6
            raise MalformedError("mismatch", "lock_reason")
        return configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentBundle(Document):
    """Whom a device trusts from its first day: signed by the manufacturer, kept for life."""

    LIMIT: ClassVar[int] = 96 * 1024

    enrolment: str
    device: DeviceId
    product: str
    display_name: str
    site: Site
    relays: tuple[Relay, ...]
    ca: str
    ssh_user_ca: str
    ssh_host_ca: str
    order_keys: tuple[str, ...]
    report_key: str
    checkpoint_key: str
    issued_ms: int
    expires_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "EnrolmentBundle":
        bundle = cls(
            enrolment=fields.text("enrolment", max=5, pattern=_CODE_ID),
            device=fields.parsed("device", parse_device_id),
            product=fields.text("product", max=64, pattern=PRODUCT),
            display_name=fields.text("display_name", max=120),
            site=Site.from_fields(fields.object("site")),
            relays=parse_relays(fields),  # 2.4
            ca=fields.text("ca", max=_MAX_PEM, lines=True),
            ssh_user_ca=fields.text("ssh_user_ca", max=1024, pattern=_SSH_KEY),
            ssh_host_ca=fields.text("ssh_host_ca", max=1024, pattern=_SSH_KEY),
            order_keys=fields.texts("order_keys", min=1, max=8, each=1024, lines=True),
            report_key=fields.text("report_key", max=1024, lines=True),
            checkpoint_key=fields.text("checkpoint_key", max=256, pattern=_NOTE_KEY),
            issued_ms=parse_time(fields, "issued_ms"),
            expires_ms=parse_time(fields, "expires_ms"),
        )
        if bundle.expires_ms <= bundle.issued_ms:
            raise MalformedError("range", "expires_ms")
        return bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport(Document):
    """A range of the device's journal, and the head of all of it.

    `first` is the index of the first entry, counted from 0; `size` is the number of entries in the
    journal and `head` its hash when the report was made.
    """

    LIMIT: ClassVar[int] = MAX_REPORT_DOCUMENT

    device: DeviceId
    first: int
    entries: tuple[str, ...]
    size: int
    head: str
    sent_ms: int

    @property
    def journal(self) -> JournalHead:
        """The head of the journal when the report was made."""
        return JournalHead(size=self.size, head=self.head)

    @classmethod
    def _read(cls, fields: Fields) -> "DeviceReport":
        report = cls(
            device=fields.parsed("device", parse_device_id),
            first=fields.integer("first", low=0, high=MAX_INTEGER),
            entries=_entries(fields.list("entries", max=MAX_ENTRIES)),
            size=fields.integer("size", low=0, high=MAX_INTEGER),
            head=fields.hex("head", 64),
            sent_ms=parse_time(fields, "sent_ms"),
        )
        if report.first + len(report.entries) > report.size:  # 2.7
            raise MalformedError("range", "size")
        return report


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Document):
    """What the person at the device allowed: signed by the device, which the console cannot do."""

    session: SessionId
    device: DeviceId
    order: str
    name: str
    access: AccessKind
    mode: Mode
    given_ms: int
    until_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Consent":
        consent = cls(
            session=fields.parsed("session", parse_session_id),
            device=fields.parsed("device", parse_device_id),
            order=fields.hex("order", 64),
            name=fields.text("name", max=120),
            access=fields.enum("access", AccessKind),
            mode=fields.enum("mode", Mode),
            given_ms=parse_time(fields, "given_ms"),
            until_ms=parse_time(fields, "until_ms"),
        )
        if not 0 < consent.until_ms - consent.given_ms <= MAX_DURATION_S * 1000:  # 2.3
            raise MalformedError("range", "until_ms")
        return consent


def _entries(items: Any) -> tuple[str, ...]:
    # An entry is a line of canonical JSON that its own parser reads; it may quote what a hostile
    # peer sent, so direction marks inside it are the reader's to show, not ours to refuse.
    for item in items:
        if type(item) is not str or not item or "\n" in item or len(item) > MAX_ENTRY:
            raise MalformedError("entry", "entries")
    return tuple(items)

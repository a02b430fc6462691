"""What a person asks for, as a value: checked on the way in, whoever sends it."""

from dataclasses import dataclass

from bedside.pki.ssh_certificates import SshKeyError, load_ssh_key
from bedside.policy.facts import RequestFacts
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import check_text
from bedside.vocabulary import AccessKind, Mode, SiteAction, parse_session_id

__all__ = ["RequestError", "SessionRequest"]


class RequestError(ValueError):
    """A value of the request cannot be used; `field` names it, `code` says why.

    `limit` is the field's greatest length, where it is a text.
    """

    def __init__(self, field: str, code: str, *, limit: int | None = None) -> None:
        super().__init__(f"{field}: {code}")
        self.field = field
        self.code = code
        self.limit = limit


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """What is asked for, why, and the specialist's one-session public key (an OpenSSH line)."""

    access: AccessKind
    mode: Mode
    duration_s: int
    case: str
    reason: str
    public_key: str
    ticket: str = ""
    files: frozenset[SiteAction] | None = None
    """Files in, files out; None for what the site leaves to the person at the device."""
    joins: str | None = None
    """The live session of somebody else to join; to watch it is without files.

    For control it is this person's own join, and `public_key` is the key of that join (R10).
    """

    def __post_init__(self) -> None:
        # An empty case or reason is the policy's to refuse, by its gate (S10).
        for field, limit in (("case", 64), ("reason", 500), ("ticket", 64)):
            try:
                check_text(getattr(self, field), field, max=limit, min=0)
            except ProtocolError as error:
                raise RequestError(field, error.code, limit=limit) from error
        if self.joins is not None:
            try:
                parse_session_id(self.joins)
            except ValueError as error:
                raise RequestError("joins", "pattern") from error
            if self.mode is Mode.VIEW and self.files:
                raise RequestError("mode", "joins")
        try:
            load_ssh_key(self.public_key)
        except SshKeyError as error:
            raise RequestError("public_key", "pattern") from error

    @property
    def hands_over(self) -> bool:
        """Whether control is asked for by somebody who has joined."""
        return self.joins is not None and self.mode is Mode.CONTROL

    @property
    def facts(self) -> RequestFacts:
        """The part that the policy looks at."""
        return RequestFacts(
            access=self.access,
            mode=self.mode,
            duration_s=self.duration_s,
            case=self.case,
            reason=self.reason,
            ticket=self.ticket,
            files=self.files or frozenset(),
            joins=self.joins is not None,
        )

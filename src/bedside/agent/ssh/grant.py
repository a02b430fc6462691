"""What a session may do here, and what the end point asks of the agent around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bedside.audit.entry import DetailValue, Thing
from bedside.language import Language
from bedside.protocol.profile import ProductProfile
from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    Gate,
    JournalAction,
    Mode,
    Outcome,
    SessionId,
    SiteAction,
)

__all__ = ["SessionGrant", "SessionHooks", "SessionLimits"]


@dataclass(frozen=True, kw_only=True)
class SessionLimits:
    """How much one session may take of the device."""

    wrong_answers: int = 3
    """Wrong second authentications in all, over every connection of the session."""
    authentication_attempts: int = 12
    """Refused authentication requests of one connection before it is closed."""
    login_seconds: float = 120.0
    connections: int = 16
    channels: int = 16
    """Open channels of one connection."""
    second_authentication_seconds: float = 15.0
    """How long the agent may take to check one answer."""


@dataclass(frozen=True, kw_only=True)
class SessionGrant:
    """What order and consent allow, and the keys that prove it; immutable for the session."""

    session: SessionId
    device: DeviceId
    access: AccessKind
    mode: Mode
    language: Language
    user_ca: str
    """The pinned user CA, one OpenSSH public key line."""
    key_fingerprint: str
    """`SHA256:...` of the specialist's one-session key, as the order names it."""
    host_key: bytes = field(repr=False)
    """The device's SSH host key, PEM or OpenSSH private key text."""
    host_certificate: str
    """The host certificate for that key, one line."""
    profile: ProductProfile
    actions: frozenset[SiteAction]
    """What the order covers beside the session itself: files in, files out, both or neither."""
    watcher: str = ""
    """Who joined to watch, in the words that the others read; empty for whoever started it."""
    of_site: bool = False
    """Whether that is somebody of the site itself, who only ever watches (R18)."""
    site_credential: bool = False
    """Whether the site's own credential is asked of them, and not the support credential."""
    limits: SessionLimits = SessionLimits()


class SessionHooks(Protocol):
    """What the agent does for the end point; an exception from any of these closes the connection."""

    async def check_support_credential(self, text: str) -> bool:
        """Return whether `text` is the device's credential for this session (`site_credential`)."""
        ...

    async def check_presence_code(self, text: str) -> bool:
        """Return whether `text` is the code that the panel shows for this session."""
        ...

    async def record(
        self,
        action: JournalAction,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        gate: Gate | None = None,
        object: Thing | None = None,  # noqa: A002 - the journal's own word for what was acted on
        detail: Mapping[str, DetailValue] = ...,
    ) -> None:
        """Write one entry; it is durable on return. Raises when it cannot be kept: no act then."""
        ...

    def doing(self, text: str, *, may_change: bool) -> None:
        """Show on the panel what the specialist does now, and note what may change the device."""
        ...

    def authenticated(self) -> None:
        """Write that a connection passed both authentications; durable on return, or raises."""
        ...

    def session_bytes(self, count: int) -> None:
        """Note `count` bytes of channel data, either way (the idle limit is counted in bytes)."""
        ...

    def refused(self, gate: Gate) -> None:
        """End the session as refused: its wrong answers are used up. Called once."""
        ...

"""What this app is told of a device, and what it hands out: values, no tables."""

from dataclasses import dataclass

from bedside.protocol.shapes import Site
from bedside.protocol.support import SupportContact
from bedside.vocabulary import DeviceId, PollMode, RelayName

__all__ = ["DeviceFacts", "EnrolmentOffer", "SessionCredentials"]


@dataclass(frozen=True, kw_only=True)
class DeviceFacts:
    """What the console knows of a device, for its bundle and its configuration."""

    device: DeviceId
    display_name: str
    product: str
    site: Site
    poll_mode: PollMode = PollMode.HELD
    locked: bool = False
    lock_reason: str | None = None
    """Why the device is locked; None when it is not."""
    contacts: tuple[SupportContact, ...] = ()
    """Whom people at the device call."""
    preferred: tuple[RelayName, ...] = ()
    """The relays that it is pinned to."""


@dataclass(frozen=True)
class EnrolmentOffer:
    """What an administrator carries to the device: shown once, never kept in this form."""

    code: str
    bundle: bytes
    expires_ms: int


@dataclass(frozen=True)
class SessionCredentials:
    """What a specialist needs to reach one device for one session."""

    ca: str
    client_certificate: str
    ssh_certificate: str
    ssh_host_certificate: str

"""Who speaks to a link: the handler above it, whoever owns it, whatever has a deadline."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from bedside.pki.names import CertificateKind, CertificateName
from bedside.relay.read_watch import Reads
from bedside.relay.sockets import Sockets
from bedside.relay.wheel import Wheel
from bedside.vocabulary import DeviceId

if TYPE_CHECKING:
    from bedside.relay.link import Link

__all__ = ["NOBODY", "Driver", "Handler", "Owner", "Peer", "Timed", "Tls"]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, by a certificate that was verified; `name` is None while enrolling."""

    name: CertificateName | None
    serial: str
    """Of the certificate, lower-case hex without leading zeros."""
    expires_ms: int
    """End of the certificate's life, Unix milliseconds."""
    device: DeviceId | None = field(init=False, default=None)
    """The device that is named, if one is."""

    def __post_init__(self) -> None:
        name = self.name
        if name is not None and name.kind is CertificateKind.DEVICE:
            object.__setattr__(self, "device", DeviceId(name.id))


class Timed(Protocol):
    """Whatever may have a deadline in the driver's wheel."""

    def expired(self) -> None:
        """The deadline has come."""


class Handler(Timed, Protocol):
    """What a link speaks to. None of these calls may raise."""

    def received(self, data: memoryview) -> None:
        """Bytes from the peer; `data` is valid during the call only."""

    def pours(self) -> "tuple[Link, int] | None":
        """Where bytes may go without passing here, and how many records this turn; or nowhere."""

    def poured(self, count: int) -> None:
        """So many bytes went where `pours` said."""

    def drained(self) -> None:
        """What waited to be sent fell to the low mark after it had passed the high one."""

    def ended(self) -> None:
        """The peer closed, or the connection broke; nothing more comes and nothing can be sent."""


class _Nobody:
    """Stands where no handler has been set yet, or none is wanted any more."""

    def received(self, data: memoryview) -> None:
        """Drop the bytes."""

    def pours(self) -> None:
        """Nowhere."""

    def poured(self, count: int) -> None:
        """Nobody counts."""

    def drained(self) -> None:
        """Nothing waits for this."""

    def ended(self) -> None:
        """Nobody is told."""

    def expired(self) -> None:
        """Nobody set a deadline."""


NOBODY = _Nobody()


class Tls(Protocol):
    """What a link needs of a TLS connection, as `ssl.SSLSocket` has it and raises it."""

    def fileno(self) -> int:
        """The socket's descriptor, -1 when it is closed."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Set an option of the socket."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        """Return an option of the socket."""

    def shutdown(self, how: int, /) -> None:
        """Close one direction of the socket."""

    def close(self) -> None:
        """Close the socket."""

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises OSError, ssl.SSLWantReadError among them."""

    def getpeercert(self) -> Mapping[str, object] | None:
        """The peer's verified certificate, as `ssl` describes it."""

    def read(self, count: int, buffer: memoryview, /) -> Any:
        """Read into `buffer`; 0 when the peer said goodbye. Raises OSError."""

    def write(self, data: memoryview, /) -> int:
        """Write what the socket takes. Raises OSError."""

    def unwrap(self) -> object:
        """Say goodbye. Raises OSError."""


class Driver(Protocol):
    """What all links of a process share."""

    loop: asyncio.AbstractEventLoop
    sockets: Sockets
    lines: Sockets
    """For the lines to the console: what it orders does not stand in line with the devices."""
    arrivals: Sockets
    """For handshakes, which take long: a few, then whoever is served has its turn."""
    timers: Wheel[Timed]
    record: memoryview
    """Room for one record: nothing in it outlives a callback."""
    reads: Reads
    """What is read now, for whoever watches."""

    def now_ms(self) -> int:
        """Monotonic time of the timers, in milliseconds."""


class Owner(Driver, Protocol):
    """Who opened or took a link, as the link sees it."""

    counts: Counter[str]
    """What was refused, cut off or served, by a word for each."""

    def established(self, link: "Link", tls: Tls) -> None:
        """The handshake is done and the certificate verified: look at it and set a handler."""

    def refused(self, link: "Link", error: OSError) -> None:
        """The handshake failed; `closed` follows."""

    def endless(self, link: "Link") -> None:
        """A peer sends on and on, and not a byte for anybody."""

    def closed(self, link: "Link") -> None:
        """The socket is closed; last call."""

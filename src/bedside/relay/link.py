"""One TLS connection that a peer opened, without a transport: a socket read in loop callbacks.

What both drivers share is here: the life of a connection, from its handshake to a close that loses
nothing. A handler sees plain bytes, and only after the peer's certificate was verified (S23).
`bedside.relay.socket_link` is the driver for what waits, `bedside.relay.memory_link` the one for
what moves (docs/rfd, 8); either can serve either function.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from bedside.pki.names import CertificateName
from bedside.relay.wheel import Wheel

__all__ = [
    "HIGH_MARK",
    "RECORD_BYTES",
    "Handler",
    "Link",
    "Owner",
    "Peer",
    "Scratch",
    "State",
    "Timed",
]

HIGH_MARK = 256 * 1024
"""Bytes waiting for a slow reader at which the other side is no longer read."""
LOW_MARK = 64 * 1024
"""Bytes still waiting at which it is read again."""
RECORD_BYTES = 16 * 1024
"""The most plain bytes of one TLS record (RFC 8446, 5.1)."""
_LINGER_MS = 2_000
_FLUSH_MS = 30_000


class Timed(Protocol):
    """Whatever may have a deadline in the driver's wheel."""

    def expired(self) -> None:
        """The deadline has come."""


class Handler(Timed, Protocol):
    """What a link speaks to. None of these calls may raise."""

    def received(self, data: memoryview) -> None:
        """Bytes from the peer; `data` is valid during the call only."""

    def moved(self, count: int) -> None:
        """So many bytes went from here into the link's sink, where they wait for `flush`."""

    def drained(self) -> None:
        """What waited to be sent fell to the low mark after it had passed the high one."""

    def ended(self) -> None:
        """The peer closed, or the connection broke; nothing more comes and nothing can be sent."""


class _Nobody:
    """Stands where no handler has been set yet, or none is wanted any more."""

    def received(self, data: memoryview) -> None:
        """Drop the bytes."""

    def moved(self, count: int) -> None:
        """Nobody counts."""

    def drained(self) -> None:
        """Nothing waits for this."""

    def ended(self) -> None:
        """Nobody is told."""

    def expired(self) -> None:
        """Nobody set a deadline."""


_NOBODY = _Nobody()


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, by a certificate that was verified; `name` is None while enrolling."""

    name: CertificateName | None
    serial: str
    """Of the certificate, lower-case hex without leading zeros."""
    expires_ms: int
    """End of the certificate's life, Unix milliseconds."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Buffers that all links of one process share: nothing in them outlives a callback."""

    raw: memoryview
    plain: memoryview

    @classmethod
    def make(cls) -> "Scratch":
        """Allocate both: ciphertext in large reads, plain bytes one record at a time."""
        return cls(memoryview(bytearray(256 * 1024)), memoryview(bytearray(RECORD_BYTES)))


class Owner(Protocol):
    """The driver, as its links see it."""

    loop: asyncio.AbstractEventLoop
    timers: Wheel[Timed]
    scratch: Scratch

    def now_ms(self) -> int:
        """Monotonic time of the driver's timers, in milliseconds."""

    def established(self, link: "Link", tls: ssl.SSLSocket | ssl.SSLObject) -> None:
        """The handshake is done and the certificate verified: look at it and set a handler."""

    def refused(self, link: "Link", error: OSError) -> None:
        """The handshake failed; `closed` follows."""

    def closed(self, link: "Link") -> None:
        """The socket is closed; last call."""


class State(Enum):
    """A link's life."""

    HANDSHAKING = auto()
    OPEN = auto()
    FLUSHING = auto()
    LINGERING = auto()
    CLOSED = auto()


class Link(ABC):
    """One TLS connection that a peer opened."""

    __slots__ = (
        "_owner",
        "_reading",
        "_sock",
        "_state",
        "_writing",
        "address",
        "handler",
        "peer",
        "sink",
    )

    def __init__(self, sock: socket.socket, address: str, owner: Owner) -> None:
        self._sock = sock
        self._owner = owner
        self._state = State.HANDSHAKING
        self._reading = False
        self._writing = False
        self.address = address
        self.handler: Handler = _NOBODY
        self.peer: Peer | None = None
        self.sink: Link | None = None
        """Where bytes go without passing the handler: the partner of a splice."""

    @property
    @abstractmethod
    def pending(self) -> int:
        """Bytes that wait to be sent."""

    @abstractmethod
    def _shake(self) -> ssl.SSLSocket | ssl.SSLObject | None:
        """Go on with the handshake; the TLS object when done, None to wait, OSError on failure."""

    @abstractmethod
    def _read(self) -> None:
        """Read what has come, within one turn's share, and give it to the handler."""

    @abstractmethod
    def _encrypt(self, data: memoryview) -> None:
        """Send `data`, or keep what does not fit. Raises OSError when the connection is broken."""

    @abstractmethod
    def _send_waiting(self) -> bool:
        """Send what waits; True when nothing is left. Raises OSError when broken."""

    @abstractmethod
    def _say_goodbye(self) -> None:
        """Queue or send close_notify; errors do not matter any more."""

    # ---- for the owner and the handlers ----

    @property
    def is_open(self) -> bool:
        """Whether bytes may still be written."""
        return self._state is State.OPEN

    def start(self) -> None:
        """Begin the handshake with what has already come."""
        self.resume()
        self._readable()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`; what the socket does not take now is kept (see `pending`)."""
        self.feed(memoryview(data))
        self.flush()

    def feed(self, data: memoryview) -> None:
        """Take `data` to be sent; it may wait for `flush`."""
        if self._state is State.OPEN:
            try:
                self._encrypt(data)
            except OSError:
                self._break()

    def intake(self) -> Callable[[memoryview], object]:
        """The quickest call that takes one record, for a loop; as `feed`."""
        return self.feed

    def flush(self) -> None:
        """Send what was fed, as far as the socket takes it; the rest follows by itself."""
        if self._state is State.OPEN and not self._writing and self.pending:
            try:
                self._want_writing(wanted=not self._send_waiting())
            except OSError:
                self._break()

    def pause(self) -> None:
        """Read no more until `resume`."""
        if self._reading:
            self._reading = False
            self._owner.loop.remove_reader(self._sock.fileno())

    def resume(self) -> None:
        """Read again."""
        if not self._reading and self._state is not State.CLOSED:
            self._reading = True
            self._owner.loop.add_reader(self._sock.fileno(), self._readable)

    def close(self) -> None:
        """Send what waits, say goodbye, close; in bounded time. The handler hears no more."""
        if self._state is State.HANDSHAKING:
            self.abort()
        if self._state is not State.OPEN:
            return
        self.handler = _NOBODY
        self._state = State.FLUSHING
        self.pause()
        self._owner.timers.set(self, self._owner.now_ms() + _FLUSH_MS)
        self._writable()

    def abort(self) -> None:
        """Close now. The handler hears no more."""
        if self._state is State.CLOSED:
            return
        self.pause()
        self._want_writing(wanted=False)
        self._state = State.CLOSED
        self.handler = _NOBODY
        self._owner.timers.cancel(self)
        with contextlib.suppress(OSError):
            self._sock.close()
        self._owner.closed(self)

    def expired(self) -> None:
        """Deadline: of the handshake or the goodbye it is ours, of an open link the handler's."""
        if self._state is State.HANDSHAKING:
            self._owner.refused(self, TimeoutError("handshake"))
            self.abort()
        elif self._state is State.OPEN:
            self.handler.expired()
        else:
            self.abort()

    # ---- callbacks of the event loop ----

    def _readable(self) -> None:
        if self._state is State.OPEN:
            if self._reading:
                self._read()
        elif self._state is State.HANDSHAKING:
            self._handshake()
        elif self._state is State.LINGERING:
            self._discard()

    def _writable(self) -> None:
        if self._state is State.HANDSHAKING:
            self._handshake()
            return
        if self._state not in (State.OPEN, State.FLUSHING):
            return
        full = self.pending > LOW_MARK
        try:
            empty = self._send_waiting()
        except OSError:
            self._break()
            return
        self._want_writing(wanted=not empty)
        if self._state is State.FLUSHING:
            if empty:
                self._linger()
        elif full and self.pending <= LOW_MARK:
            self.handler.drained()

    def _want_writing(self, *, wanted: bool) -> None:
        if wanted is self._writing:
            return
        self._writing = wanted
        if wanted:
            self._owner.loop.add_writer(self._sock.fileno(), self._writable)
        else:
            self._owner.loop.remove_writer(self._sock.fileno())

    def _handshake(self) -> None:
        try:
            tls = self._shake()
        except OSError as error:
            self._owner.refused(self, error)
            self.abort()
            return
        if tls is None:
            return
        self._want_writing(wanted=False)
        self._owner.timers.cancel(self)
        self._state = State.OPEN
        self._owner.established(self, tls)
        # Bytes that came with the end of the handshake do not wake the loop again.
        self._owner.loop.call_soon(self._readable)

    def _linger(self) -> None:
        """Close our side and wait for the peer's: a reset would eat what is still on its way."""
        self._want_writing(wanted=False)
        self._state = State.LINGERING
        self._owner.timers.set(self, self._owner.now_ms() + _LINGER_MS)
        try:
            self._say_goodbye()
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()
            return
        self.resume()

    def _discard(self) -> None:
        try:
            data = os.read(self._sock.fileno(), 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.abort()

    def _break(self) -> None:
        """The peer is gone: tell the handler once, then close."""
        handler = self.handler
        self.abort()
        handler.ended()

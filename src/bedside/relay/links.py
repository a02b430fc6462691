"""TLS connections without transports: non-blocking sockets read in event-loop callbacks.

Two drivers with one face (docs/rfd: the relay's driver):
- `SocketLink` gives OpenSSL the socket. An idle connection costs what OpenSSL costs (about 25 KiB),
  so it carries the polls.
- `MemoryLink` moves ciphertext in large reads through memory BIOs: far fewer system calls a
  gigabyte, so it carries the tunnels.
Either can serve either function. A handler sees plain bytes, and only after the peer's certificate
was verified (S23).
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
from typing import Protocol, cast

from bedside.pki.names import CertificateName
from bedside.relay.wheel import Wheel

__all__ = [
    "HIGH_MARK",
    "Handler",
    "Link",
    "MemoryLink",
    "Owner",
    "Peer",
    "Scratch",
    "SocketLink",
    "Timed",
]

HIGH_MARK = 256 * 1024
"""Bytes waiting for a slow reader at which the other side is no longer read."""
LOW_MARK = 64 * 1024
"""Bytes still waiting at which it is read again."""
_RECORD = 16 * 1024
_RECORDS_A_TURN = 32
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
        return cls(memoryview(bytearray(256 * 1024)), memoryview(bytearray(_RECORD)))


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


class _State(Enum):
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
        self._state = _State.HANDSHAKING
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
        return self._state is _State.OPEN

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
        if self._state is _State.OPEN:
            try:
                self._encrypt(data)
            except OSError:
                self._break()

    def intake(self) -> Callable[[memoryview], object]:
        """The quickest call that takes one record, for a loop; as `feed`."""
        return self.feed

    def flush(self) -> None:
        """Send what was fed, as far as the socket takes it; the rest follows by itself."""
        if self._state is _State.OPEN and not self._writing and self.pending:
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
        if not self._reading and self._state is not _State.CLOSED:
            self._reading = True
            self._owner.loop.add_reader(self._sock.fileno(), self._readable)

    def close(self) -> None:
        """Send what waits, say goodbye, close; in bounded time. The handler hears no more."""
        if self._state is _State.HANDSHAKING:
            self.abort()
        if self._state is not _State.OPEN:
            return
        self.handler = _NOBODY
        self._state = _State.FLUSHING
        self.pause()
        self._owner.timers.set(self, self._owner.now_ms() + _FLUSH_MS)
        self._writable()

    def abort(self) -> None:
        """Close now. The handler hears no more."""
        if self._state is _State.CLOSED:
            return
        self.pause()
        self._want_writing(wanted=False)
        self._state = _State.CLOSED
        self.handler = _NOBODY
        self._owner.timers.cancel(self)
        with contextlib.suppress(OSError):
            self._sock.close()
        self._owner.closed(self)

    def expired(self) -> None:
        """Deadline: of the handshake or the goodbye it is ours, of an open link the handler's."""
        if self._state is _State.HANDSHAKING:
            self._owner.refused(self, TimeoutError("handshake"))
            self.abort()
        elif self._state is _State.OPEN:
            self.handler.expired()
        else:
            self.abort()

    # ---- callbacks of the event loop ----

    def _readable(self) -> None:
        if self._state is _State.OPEN:
            if self._reading:
                self._read()
        elif self._state is _State.HANDSHAKING:
            self._handshake()
        elif self._state is _State.LINGERING:
            self._discard()

    def _writable(self) -> None:
        if self._state is _State.HANDSHAKING:
            self._handshake()
            return
        if self._state not in (_State.OPEN, _State.FLUSHING):
            return
        full = self.pending > LOW_MARK
        try:
            empty = self._send_waiting()
        except OSError:
            self._break()
            return
        self._want_writing(wanted=not empty)
        if self._state is _State.FLUSHING:
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
        self._state = _State.OPEN
        self._owner.established(self, tls)
        # Bytes that came with the end of the handshake do not wake the loop again.
        self._owner.loop.call_soon(self._readable)

    def _linger(self) -> None:
        """Close our side and wait for the peer's: a reset would eat what is still on its way."""
        self._want_writing(wanted=False)
        self._state = _State.LINGERING
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


class SocketLink(Link):
    """OpenSSL reads and writes the socket itself: the least memory for a connection that waits."""

    __slots__ = ("_out", "_tls")

    def __init__(
        self, sock: socket.socket, address: str, owner: Owner, context: ssl.SSLContext
    ) -> None:
        tls = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        super().__init__(tls, address, owner)
        self._tls = tls
        self._out = bytearray()

    @property
    def pending(self) -> int:
        """Plain bytes that wait."""
        return len(self._out)

    def _shake(self) -> ssl.SSLSocket | None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._want_writing(wanted=False)
            return None
        except ssl.SSLWantWriteError:
            self._want_writing(wanted=True)
            return None
        return self._tls

    def _read(self) -> None:
        view = self._owner.scratch.plain
        for _ in range(_RECORDS_A_TURN):
            try:
                count = self._tls.recv_into(view, _RECORD)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLWantWriteError:
                self._want_writing(wanted=True)  # an answer to a key update waits
                return
            except OSError:
                self._break()
                return
            if not count:
                self._break()
                return
            if self.sink is None:
                self.handler.received(view[:count])
            else:
                self.sink.feed(view[:count])
                self.handler.moved(count)
            if self._state is not _State.OPEN or not self._reading:
                return
        # Its share of this turn is used up; OpenSSL may hold bytes that do not wake the loop.
        self._owner.loop.call_soon(self._readable)

    def _encrypt(self, data: memoryview) -> None:
        sent = 0 if self._out else self._send(data)
        if sent < len(data):
            self._out += data[sent:]
            self._want_writing(wanted=True)

    def _send(self, data: memoryview) -> int:
        sent = 0
        while sent < len(data):
            try:
                sent += self._tls.send(data[sent:])
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                break
        return sent

    def _send_waiting(self) -> bool:
        if self._out:
            # A repeated SSL_write must start with the same bytes: only what was taken goes.
            with memoryview(self._out) as view:
                sent = self._send(view)
            del self._out[:sent]
        return not self._out

    def _say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # waiting for the peer's goodbye is not ours
            self._tls.unwrap()


class MemoryLink(Link):
    """OpenSSL works on memory; ciphertext moves in large reads and writes: the least CPU a byte."""

    __slots__ = ("_ended", "_incoming", "_outgoing", "_rest", "_tls")

    def __init__(
        self, sock: socket.socket, address: str, owner: Owner, context: ssl.SSLContext
    ) -> None:
        super().__init__(sock, address, owner)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._rest = memoryview(b"")
        self._ended = False

    @property
    def pending(self) -> int:
        """Encrypted bytes that wait."""
        return len(self._rest) + self._outgoing.pending

    def _shake(self) -> ssl.SSLObject | None:
        self._fetch()
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            if self._incoming.eof:
                raise ConnectionResetError("closed during the handshake") from None
            self._want_writing(wanted=not self._send_waiting())
            return None
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self._send_waiting()  # the alert that says why
            raise
        self._want_writing(wanted=not self._send_waiting())
        return self._tls

    def _fetch(self) -> None:
        """Move what has come into OpenSSL's reach. Raises OSError when the connection is broken."""
        raw = self._owner.scratch.raw
        try:
            count = self._sock.recv_into(raw)
        except BlockingIOError:
            return
        if count:
            self._incoming.write(raw[:count])
        else:
            self._incoming.write_eof()

    def _read(self) -> None:
        self._fetch_and_give()
        if self._state is not _State.OPEN:
            return
        if self._ended:
            self._break()
        else:
            self.flush()  # an answer to a key update

    def _fetch_and_give(self) -> None:
        """Decrypt all that has come, one record at a time."""
        view = self._owner.scratch.plain
        # With a buffer, read returns a count; the stub knows only the form that returns bytes.
        decrypt = cast("Callable[[int, memoryview], int]", self._tls.read)
        if self.sink is not None:
            self._give_to(self.sink, decrypt, view)
            return
        try:
            self._fetch()
            while count := decrypt(_RECORD, view):
                self.handler.received(view[:count])  # the handler may change between two records
                if self._state is not _State.OPEN:
                    return
            self._ended = True
        except ssl.SSLWantReadError:
            self._ended = self._incoming.eof
        except OSError:
            self._ended = True

    def _give_to(
        self, sink: Link, decrypt: "Callable[[int, memoryview], int]", view: memoryview
    ) -> None:
        """The loop that a gigabyte costs in Python: two calls a record, which is still in the cache."""
        give, moved = sink.intake(), 0
        try:
            self._fetch()
            while count := decrypt(_RECORD, view):
                moved += count
                give(view if count == _RECORD else view[:count])
            self._ended = True
        except ssl.SSLWantReadError:
            self._ended = self._incoming.eof
        except OSError:
            self._ended = True
        if moved:
            self.handler.moved(moved)

    def intake(self) -> Callable[[memoryview], object]:
        """A record always fits into memory: OpenSSL's own call takes it."""
        return self._tls.write if self._state is _State.OPEN else self.feed

    def _encrypt(self, data: memoryview) -> None:
        sent = self._tls.write(data)
        while sent < len(data):
            sent += self._tls.write(data[sent:])

    def _send_waiting(self) -> bool:
        while True:
            if not self._rest:
                if not self._outgoing.pending:
                    return True
                self._rest = memoryview(self._outgoing.read())
            try:
                self._rest = self._rest[self._sock.send(self._rest) :]
            except BlockingIOError:
                return False
            if self._rest:
                return False

    def _say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._send_waiting()

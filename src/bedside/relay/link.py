"""One TLS connection without a transport: a socket read in loop callbacks.

OpenSSL reads and writes the socket itself, so a connection that waits costs what OpenSSL costs
(docs/rfd, 8). A handler sees plain bytes, and only after the peer's certificate was verified (S23).
"""

import contextlib
import os
import socket
import ssl
from enum import Enum, auto
from typing import Any

from bedside.relay import dead_leg
from bedside.relay.roles import NOBODY, Handler, Owner, Peer, Tls
from bedside.relay.sockets import READ, WRITE, bytes_taken

__all__ = ["HIGH_MARK", "RECORD_BYTES", "Link"]

HIGH_MARK = 256 * 1024
"""Bytes waiting for a slow reader at which the other side is no longer read."""
RECORD_BYTES = 16 * 1024
"""The most plain bytes of one TLS record (RFC 8446, 5.1)."""
_LOW_MARK = 64 * 1024
_RECORDS_A_TURN = 32
_RECORD_COST = 22
_UNEXPLAINED_BYTES = 32 * 1024
_LINGER_MS = 2_000
_FLUSH_MS = 30_000
_WANTS = (ssl.SSLWantWriteError, ssl.SSLWantReadError)


class _State(Enum):
    """A link's life."""

    HANDSHAKING = auto()
    OPEN = auto()
    FLUSHING = auto()
    LINGERING = auto()
    CLOSED = auto()


# In Python 3.11, to look a member up in its class costs what three calls cost.
_HANDSHAKING, _OPEN, _FLUSHING = _State.HANDSHAKING, _State.OPEN, _State.FLUSHING
_LINGERING, _CLOSED = _State.LINGERING, _State.CLOSED


class Link:
    """One TLS connection: that a peer opened, or that we opened to the console."""

    __slots__ = (
        "_explained",
        "_out",
        "_owner",
        "_quick",
        "_reading",
        "_state",
        "_tls",
        "_writing",
        "address",
        "handler",
        "peer",
    )

    def __init__(self, tls: Tls, address: str, owner: Owner) -> None:
        self._tls = tls
        # The C object beneath saves Python frames for each record that is read or written; where a
        # later Python keeps it elsewhere, the public one does the same, a little slower.
        self._quick: Any = getattr(self._tls, "_sslobj", None) or self._tls
        self._owner = owner
        self._state = _HANDSHAKING
        self._reading = False
        self._writing = False
        self._out: bytes | bytearray = b""  # an empty bytearray for each costs a fleet's memory
        self._explained = 0
        self.address = address
        self.handler: Handler = NOBODY
        self.peer: Peer | None = None

    # ---- for the owner and the handlers ----

    @property
    def is_open(self) -> bool:
        """Whether bytes may still be written."""
        return self._state is _OPEN

    def start(self) -> None:
        """Begin the handshake with what has already come."""
        self.resume()
        self._readable()

    @property
    def pending(self) -> int:
        """Bytes that wait to be sent."""
        return len(self._out)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`; what the socket does not take now is kept (see `pending`)."""
        if self._state is not _OPEN:
            return
        try:
            sent = 0 if self._out else self._quick.write(data)
            if 0 < sent < len(data):
                sent += self._send(memoryview(data)[sent:])
        except _WANTS:
            sent = 0
        except OSError:
            self._break()
            return
        if sent < len(data):
            self._keep(memoryview(data)[sent:])

    def pause(self) -> None:
        """Read no more until `resume`."""
        if self._reading:
            self._reading = False
            self._watch()

    def resume(self) -> None:
        """Read again."""
        if not self._reading and self._state is not _CLOSED:
            self._reading = True
            self._watch()

    def ask_when_silent(self) -> None:
        """Have the kernel find out that the peer vanished (`dead_leg`)."""
        with contextlib.suppress(OSError):  # what is broken is told in its turn
            dead_leg.ask_when_silent(self._tls)

    @property
    def is_gone(self) -> bool:
        """Whether the peer vanished while something is under way to it (`dead_leg`)."""
        return dead_leg.is_gone(dead_leg.tcp_state(self._tls))

    def close(self) -> None:
        """Send what waits, say goodbye, close; in bounded time. The handler hears no more."""
        if self._state is _HANDSHAKING:
            self.abort()
        if self._state is not _OPEN:
            return
        self.handler = NOBODY
        self._state = _FLUSHING
        self.pause()
        self._owner.timers.set(self, self._owner.now_ms() + _FLUSH_MS)
        self._writable()

    def abort(self) -> None:
        """Close now. The handler hears no more."""
        if self._state is _CLOSED:
            return
        self._reading = self._writing = False
        self._watch()
        self._state = _CLOSED
        self.handler = NOBODY
        self._owner.timers.cancel(self)
        with contextlib.suppress(OSError):
            self._tls.close()
        self._owner.closed(self)

    def expired(self) -> None:
        """Deadline: of the handshake or the goodbye it is ours, of an open link the handler's."""
        if self._state is _HANDSHAKING:
            self._owner.refused(self, TimeoutError("handshake"))
            self.abort()
        elif self._state is _OPEN:
            self.handler.expired()
        else:
            self.abort()

    # ---- what the socket can ----

    def ready(self, events: int) -> None:
        """The socket can be read or written."""
        if events == READ and self._state is _OPEN and self._reading:
            self._read()
            return
        if self._writing and events & ~READ:
            self._writable()
        if self._reading and events & ~WRITE:
            self._readable()

    def _readable(self) -> None:
        if self._state is _OPEN:
            if self._reading:
                self._read()
        elif self._state is _HANDSHAKING:
            self._handshake()
        elif self._state is _LINGERING:
            self._discard()

    def _writable(self) -> None:
        if self._state is _HANDSHAKING:
            self._handshake()
            return
        if self._state not in (_OPEN, _FLUSHING):
            return
        full = self.pending > _LOW_MARK
        try:
            empty = self._send_waiting()
        except OSError:
            self._break()
            return
        self._want_writing(wanted=not empty)
        if self._state is _FLUSHING:
            if empty:
                self._linger()
            return
        if full and self.pending <= _LOW_MARK:
            self.handler.drained()
        if empty:
            self._readable()  # a read may have waited for room to answer a key update

    def _want_writing(self, *, wanted: bool) -> None:
        if wanted is self._writing:
            return
        self._writing = wanted
        self._watch()

    def _watch(self) -> None:
        arriving = self._state is _HANDSHAKING
        sockets = self._owner.arrivals if arriving else self._owner.sockets
        events = self._reading * READ | self._writing * WRITE
        if events:
            sockets.watch(self._tls.fileno(), self, events)
        else:
            sockets.forget(self._tls.fileno())

    def _handshake(self) -> None:
        try:
            tls = self._shake()
        except OSError as error:
            self._owner.refused(self, error)
            self.abort()
            return
        if tls is None:
            return
        self._owner.arrivals.forget(self._tls.fileno())
        self._writing = False
        self._owner.timers.cancel(self)
        self._state = _OPEN
        self._watch()
        self._owner.established(self, tls)
        # Bytes that came with the end of the handshake do not wake the loop again.
        self._owner.loop.call_soon(self._readable)

    def _linger(self) -> None:
        """Close our side and wait for the peer's: a reset would eat what is still on its way."""
        self._want_writing(wanted=False)
        self._state = _LINGERING
        self._owner.timers.set(self, self._owner.now_ms() + _LINGER_MS)
        try:
            self._say_goodbye()
            self._tls.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()
            return
        self.resume()

    def _discard(self) -> None:
        try:
            data = os.read(self._tls.fileno(), 65536)
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

    def _shake(self) -> Tls | None:
        """Go on with the handshake; the TLS object when done, None to wait, OSError on failure."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._want_writing(wanted=False)
            return None
        except ssl.SSLWantWriteError:
            self._want_writing(wanted=True)
            return None
        return self._tls

    # ---- bytes ----

    def _read(self) -> None:
        """Read within one turn's share. OpenSSL holds no record back: what is left wakes the loop."""
        pours = self.handler.pours()
        reads = self._owner.reads
        reads.count += 1
        reads.of = self
        try:
            if pours is None:
                ended = self._read_for_handler()
            else:
                ended = self._pour(*pours)
        except ssl.SSLWantWriteError:
            self._want_writing(wanted=True)  # an answer to a key update waits
            return
        except OSError:
            ended = True
        finally:
            reads.of = None
        if ended and self._state is _OPEN:
            self._break()

    def _read_for_handler(self) -> bool:
        """Give records to the handler, which may change on the way; True when the peer has ended.

        A short record is mostly the last of a request: to ask for another would cost an exception.
        What a handler takes is not the peer's fault: the read is over meanwhile, and another one after.
        """
        view, reads = self._owner.record, self._owner.reads
        for _ in range(_RECORDS_A_TURN):
            try:
                count = self._quick.read(RECORD_BYTES, view)
            except ssl.SSLWantReadError:
                return self._is_endless()
            if not count:
                return True
            self._explained += count + _RECORD_COST
            reads.of = None
            self.handler.received(view[:count])
            if count < RECORD_BYTES or self._state is not _OPEN or not self._reading:
                return False
            reads.count += 1
            reads.of = self
        return False

    def _pour(self, sink: "Link", most: int) -> bool:
        """Move up to `most` records to `sink`: the loop that a gigabyte costs in Python.

        From the second record on, the kernel is asked to gather what is sent (TCP_CORK), which
        spares it, and the receiver, most of the small pieces. Who is broken is told of each by itself.
        """
        view, read, write = self._owner.record, self._quick.read, sink._writer()
        whole, moved, records, ended, corked, lost = len(view), 0, 0, False, False, False
        try:
            for _ in range(most):
                count = read(whole, view)
                if not count:
                    ended = True
                    break
                if moved and not corked:
                    sink._cork(on=True)
                    corked = True
                moved += count
                records += 1
                data = view if count == whole else view[:count]
                try:
                    taken = write(data)
                except _WANTS:
                    taken = 0
                except OSError:
                    lost = True
                    break
                if taken != count:
                    sink._keep(data[taken:])
                    break
        except ssl.SSLWantReadError:
            ended = not moved and self._is_endless()
        except OSError:
            ended = True
        if corked:
            sink._cork(on=False)
        if moved:
            self._explained += moved + records * _RECORD_COST
            self.handler.poured(moved)
        if lost:
            self._owner.reads.of = None
            sink._break()
        return ended

    def _is_endless(self) -> bool:
        """Whether more came without a byte for anybody than a handshake and a record may hold.

        TLS lets a peer ask for new keys as often as it likes, and each time costs what a thousand
        bytes cost; nothing else comes without a byte inside.
        """
        if bytes_taken(self._tls) - self._explained <= _UNEXPLAINED_BYTES:
            return False
        self._owner.endless(self)
        return True

    def cut(self) -> None:
        """Shut the socket, from another thread: a read of it that goes on comes to its end."""
        with contextlib.suppress(OSError):
            self._tls.shutdown(socket.SHUT_RDWR)

    def _writer(self) -> Any:
        """The quickest call that takes one record, or what it can of it."""
        return self._quick.write if self._state is _OPEN and not self._out else _take_nothing

    def _keep(self, data: memoryview) -> None:
        if self._state is _OPEN:
            if isinstance(self._out, bytes):
                self._out = bytearray()
            self._out += data
            self._want_writing(wanted=True)

    def _cork(self, *, on: bool) -> None:
        if self._state is _OPEN:
            with contextlib.suppress(OSError):
                self._tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, on)

    def _send(self, data: memoryview) -> int:
        """Send what the socket takes of `data`. Raises OSError when the connection is broken."""
        try:
            sent: int = self._quick.write(data)
        except _WANTS:
            return 0
        while sent < len(data):
            try:
                sent += self._quick.write(data[sent:])
            except _WANTS:
                break
        return sent

    def _send_waiting(self) -> bool:
        """Send what waits; True when nothing is left. Raises OSError when broken."""
        waiting = self._out
        if isinstance(waiting, bytearray):
            # A repeated SSL_write must start with the same bytes: only what was taken goes.
            with memoryview(waiting) as view:
                sent = self._send(view)
            del waiting[:sent]
            if not waiting:
                self._out = b""
        return not self._out

    def _say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # waiting for the peer's goodbye is not ours
            self._tls.unwrap()


def _take_nothing(data: memoryview) -> int:
    """Bytes already wait: what comes now goes behind them."""
    del data
    return 0

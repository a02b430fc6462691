"""The driver for connections that move bytes: OpenSSL works on memory, sockets see large pieces.

256 KiB of ciphertext cost one system call to read and one to send, sixteen records each; all links
share the buffers they pass through.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from bedside.relay.link import RECORD_BYTES, Link, Owner, State

__all__ = ["MemoryLink"]


class MemoryLink(Link):
    """OpenSSL works on memory; ciphertext moves in large reads and writes: the least CPU a byte."""

    __slots__ = ("_ended", "_incoming", "_outgoing", "_quick", "_rest", "_tls")

    def __init__(
        self, sock: socket.socket, address: str, owner: Owner, context: ssl.SSLContext
    ) -> None:
        super().__init__(sock, address, owner)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        # The C object beneath saves a Python frame for each record read and written; where a later
        # Python keeps it elsewhere, the public one does the same, a twentieth slower.
        self._quick: Any = getattr(self._tls, "_sslobj", self._tls)
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
        if self._state is not State.OPEN:
            return
        if self._ended:
            self._break()
        else:
            self.flush()  # an answer to a key update

    def _fetch_and_give(self) -> None:
        """Decrypt all that has come, one record at a time."""
        view = self._owner.scratch.plain
        decrypt: Callable[[int, memoryview], int] = self._quick.read
        if self.sink is not None:
            self._give_to(self.sink, decrypt, view)
            return
        try:
            self._fetch()
            while count := decrypt(RECORD_BYTES, view):
                self.handler.received(view[:count])  # the handler may change between two records
                if self._state is not State.OPEN:
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
            while count := decrypt(RECORD_BYTES, view):
                moved += count
                give(view if count == RECORD_BYTES else view[:count])
            self._ended = True
        except ssl.SSLWantReadError:
            self._ended = self._incoming.eof
        except OSError:
            self._ended = True
        if moved:
            self.handler.moved(moved)

    def intake(self) -> Callable[[memoryview], object]:
        """A record always fits into memory: OpenSSL's own call takes it."""
        return self._quick.write if self._state is State.OPEN else self.feed

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

"""The driver for connections that wait: OpenSSL reads and writes the socket itself.

An idle connection costs what OpenSSL costs (about 25 KiB); a gigabyte costs two system calls a
record to read and one to write.
"""

import contextlib
import socket
import ssl

from bedside.relay.link import RECORD_BYTES, Link, Owner, State

__all__ = ["SocketLink"]

_RECORDS_A_TURN = 32


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
                count = self._tls.recv_into(view, RECORD_BYTES)
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
            if self._state is not State.OPEN or not self._reading:
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

"""What lies between two programs, and can be cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from bedside.demo.processes import free_port

__all__ = ["Cable"]


class Cable:
    """What lies between a relay and the console: bytes go both ways, until it is cut.

    While it is cut nothing goes through and nothing is said, as when a firewall drops: connections
    stay as they are, and new ones get no answer.
    """

    def __init__(self, to_port: int) -> None:
        self._to = ("127.0.0.1", to_port)
        self._whole = threading.Event()
        self._whole.set()
        self._door = socket.create_server(("127.0.0.1", free_port()))
        self.port: int = self._door.getsockname()[1]
        self._in(self._accept)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Cut it; it is whole again when the block is left."""
        self._whole.clear()
        try:
            yield
        finally:
            self._whole.set()

    def close(self) -> None:
        """Take it away."""
        self._whole.set()
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _in(self, act: Any, *words: Any) -> None:
        threading.Thread(target=act, args=words, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                self._whole.wait()
                self._in(self._join, near)

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._to, 10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        self._in(self._carry, near, far)
        self._carry(far, near)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with closing(source), suppress(OSError):
            while data := source.recv(65536):
                self._whole.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

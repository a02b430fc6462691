"""A relay's end of one TLS connection, in a thread: it does what the test tells it, once."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from bedside.pki.contexts import device_client_context, relay_server_context
from bedside.testing.certificates import PocketAuthority

SERVER_NAME = "relay-a.example"


class TlsPeer:
    """Listens on a free port; each connection is given to `serve`, in a thread of its own."""

    def __init__(self, folder: Path, serve: Callable[[socket.socket], None]) -> None:
        self._authority = PocketAuthority(folder)
        device = self._authority.device("CI-20417")
        self.client = device_client_context(device.certificate, device.key, self._authority.ca)
        self.certify()
        self.in_vain = threading.Semaphore(0)
        """Released by each handshake that came to nothing."""
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lines: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def certify(self, *, ends_in_s: float = 86_400) -> None:
        """Show another certificate from now on; one that `ends_in_s` before now has run out."""
        relay = self._authority.relay("a", SERVER_NAME, ends_in_s=ends_in_s)
        self._context = relay_server_context(
            relay.certificate, relay.key, self._authority.ca, server_name=SERVER_NAME
        )

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                self._lines.append(raw)
                thread = threading.Thread(target=self._talk, args=[raw])
                self._threads.append(thread)
                thread.start()

    def _talk(self, raw: socket.socket) -> None:
        try:
            line = self._context.wrap_socket(raw, server_side=True)
        except OSError:
            self.in_vain.release()
            return
        self._lines.append(line)
        # Who is tested may hang up at any moment.
        with contextlib.suppress(OSError), line:
            self._serve(line)

    def close(self) -> None:
        """Hang up everywhere and wait for the threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

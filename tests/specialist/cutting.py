"""A proxy that hands each call on, and does to some answers what networks do."""

import contextlib
import http.client
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

__all__ = ["CuttingProxy"]

_LINGER = struct.pack("ii", 1, 0)


class CuttingProxy(ThreadingHTTPServer):
    """Stands before `port`; `faults` says what becomes of the next answers to POSTs.

    `cut`: the connection is reset after the call was done. `503`: so says the proxy, after the call
    was done. `away`: the call is not handed on, and the connection is reset. What is left out is
    handed back as it came.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = port
        self.faults: list[str] = []
        self.done: list[tuple[str, str, int]] = []
        """Each POST that was handed on: path, its name, the status of its answer."""

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, address: object) -> None: ...


class _Handler(BaseHTTPRequestHandler):
    server: CuttingProxy

    def do_GET(self) -> None:
        self._hand_back(*self._hand_on(None))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == "away":
            self._reset()
            return
        status, data = self._hand_on(body)
        name = self.headers.get("Idempotency-Key", "")
        self.server.done.append((self.path, name, status))
        if fault == "cut":
            self._reset()
        elif fault == "503":
            self._hand_back(503, b"<html>Service Unavailable</html>")
        else:
            self._hand_back(status, data)

    def _hand_on(self, body: bytes | None) -> tuple[int, bytes]:
        line = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        with contextlib.closing(line):
            headers = {**dict(self.headers.items()), "Host": f"localhost:{self.server.port}"}
            line.request(self.command, self.path, body, headers)
            answer = line.getresponse()
            return answer.status, answer.read()

    def _hand_back(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self.connection.close()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

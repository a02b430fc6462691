"""The worker's line to the supervisor."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from bedside.agent.lines import WORKER_LINE_LIMIT, LineBuffer, parse_line, to_line

__all__ = ["SUPERVISOR_LIMIT_S", "Home"]

SUPERVISOR_LIMIT_S = 10.0
"""A supervisor that is silent, or deaf, for so long hangs: whoever is here could not stop a session."""


class Home:
    """JSON lines over the socket that the worker was born with.

    Args:
        sock: connected to the supervisor.
        on_gone: called when the supervisor is gone, or hears nothing for ten seconds.
    """

    def __init__(self, sock: socket.socket, on_gone: Callable[[], None]) -> None:
        self._socket = sock
        self._on_gone = on_gone
        self._lines = LineBuffer(WORKER_LINE_LIMIT)
        self._waiting: list[dict[str, Any]] = []

    def first(self) -> dict[str, Any] | None:
        """Wait for the first line; None when the supervisor is gone."""
        while not self._waiting:
            data = self._socket.recv(256 * 1024)
            if not data:
                return None
            self._waiting += map(parse_line, self._lines.feed(data))
        return self._waiting.pop(0)

    def listen(self, on_line: Callable[[dict[str, Any]], None]) -> None:
        """Call `on_line` for every line from now on."""
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()

        def ready() -> None:
            try:
                data = self._socket.recv(256 * 1024)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                loop.remove_reader(self._socket)
                self._on_gone()
                return
            for line in self._lines.feed(data):
                on_line(parse_line(line))

        for said in self._waiting:
            loop.call_soon(on_line, said)
        self._waiting.clear()
        loop.add_reader(self._socket, ready)

    def tell(self, said: dict[str, Any]) -> None:
        """Say `said` to the supervisor.

        It reads at once and the lines are short: waiting for it is waiting for nothing. One that
        does not read for ten seconds hangs, and can stop no session either.
        """
        view = memoryview(to_line(said))
        try:
            while view:
                try:
                    view = view[self._socket.send(view) :]
                except BlockingIOError:
                    self._socket.settimeout(SUPERVISOR_LIMIT_S)
        except OSError:
            self._on_gone()
        finally:
            self._socket.setblocking(False)

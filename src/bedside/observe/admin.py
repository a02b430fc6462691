"""The admin address: metrics and health over plain HTTP, for whoever runs the programs.

It is off unless a configuration names it, it is never a public listener's, and it changes nothing:
GET only, no body, a few connections, each answered once and closed.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

from bedside.protocol.http import HttpLimits, Request, RequestReader, response

__all__ = ["METRICS_TYPE", "AdminAddress", "AdminServer", "AdminThread", "Answer", "Page"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_LIMITS = HttpLimits(head=4 * 1024, body=0)
_CONNECTIONS = 16
_REQUEST_S = 5.0
_ANSWER_S = 10.0
_log = logging.getLogger("bedside.admin")


@dataclass(frozen=True, slots=True)
class AdminAddress:
    """Where a program answers whoever runs it."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says; text unless `kind` names another media type."""

    status: int
    body: bytes
    kind: str = _TEXT


Page = Callable[[], Awaitable[Answer]]
"""Answers one path; what it raises becomes a 500."""


class AdminServer:
    """Serves some pages on one address."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: set[_Connection] = set()

    async def start(self, address: AdminAddress) -> tuple[str, int]:
        """Listen, and return the address as bound (port 0 takes a free one). Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), address.host, address.port, backlog=_CONNECTIONS
        )
        bound: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return bound

    def close(self) -> None:
        """Stop listening; what is being answered is cut."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        for connection in list(self.connections):
            connection.abort()

    def serve(self, connection: "_Connection", request: Request) -> None:
        """Answer one request, now or when its page is ready."""
        page = self._pages.get(request.target)
        if page is None:
            connection.answer(Answer(404, ("\n".join(self._pages) + "\n").encode()))
        elif request.method != "GET":
            connection.answer(Answer(405, b"GET only\n"))
        else:
            task = asyncio.get_running_loop().create_task(_answer(connection, page))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def full(self) -> bool:
        """Whether there are as many connections as there may be."""
        return len(self.connections) >= _CONNECTIONS


async def _answer(connection: "_Connection", page: Page) -> None:
    try:
        async with asyncio.timeout(_ANSWER_S):
            answer = await page()
    except Exception:  # noqa: BLE001 - a page that fails costs this request, not the program
        _log.exception("a page of the admin address failed")
        answer = Answer(500, b"failed: see the log\n")
    connection.answer(answer)


class _Connection(asyncio.Protocol):
    """One request, one answer."""

    def __init__(self, server: AdminServer) -> None:
        self._server = server
        self._reader = RequestReader(_LIMITS)
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._served = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        if self._server.full:
            self._transport.abort()
            return
        self._server.connections.add(self)
        self._deadline = asyncio.get_running_loop().call_later(
            _REQUEST_S + _ANSWER_S, self._transport.abort
        )

    def data_received(self, data: bytes) -> None:
        if self._served:
            return
        self._reader.receive(data)
        request = self._reader.next()
        if request is not None:
            self._served = True
            self._server.serve(self, request)
        elif self._reader.error is not None:
            self._served = True
            self.answer(Answer(self._reader.status, b""))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()

    def answer(self, answer: Answer) -> None:
        """Send the answer and close."""
        if self._transport is None or self._transport.is_closing():
            return
        headers = {"content-type": answer.kind, "cache-control": "no-store", "connection": "close"}
        self._transport.write(response(answer.status, headers, answer.body))
        self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()


class AdminThread:
    """The same in a thread of its own, for a program that has no event loop."""

    def __init__(self, server: AdminServer, address: AdminAddress) -> None:
        self._server = server
        self._address = address
        self._begun = threading.Event()
        self._over: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: OSError | None = None
        self._bound = ("", 0)
        self._thread = threading.Thread(target=self._run, name="admin", daemon=True)

    def start(self) -> tuple[str, int]:
        """Listen, and return the address as bound. Raises OSError."""
        self._thread.start()
        self._begun.wait()
        if self._error is not None:
            raise self._error
        return self._bound

    def stop(self) -> None:
        """End, and wait for the end."""
        if self._loop is not None and self._over is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(_ANSWER_S)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        try:
            self._bound = await self._server.start(self._address)
        except OSError as error:
            self._error = error
            return
        finally:
            self._begun.set()
        await self._over.wait()
        self._server.close()

"""A small HTTP/1.1 server on asyncio for answers that wait: one task for each connection.

Bytes are read by `bedside.protocol.http`, which refuses what two readers could read two ways. Every
limit is enforced here: connections in all and from one address, the time for a request to arrive,
the time a connection may be idle. A handler that fails costs its own request only.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bedside.console.log import told
from bedside.protocol.http import HttpLimits, Request, RequestReader, response

__all__ = ["Handler", "HttpServer", "Reply", "ServerLimits"]

_log = logging.getLogger("bedside.live")
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """An answer: a body, or a stream of pieces that ends the connection."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None


Handler = Callable[[Request, str], Awaitable[Reply]]
"""Answers a request from an address; what it raises becomes a 500 and a line in the log."""


@dataclass(frozen=True)
class ServerLimits:
    """How much one listener takes."""

    http: HttpLimits = field(default_factory=HttpLimits)
    connections: int = 1024
    connections_from_one: int = 64
    request_s: float = 30.0
    """How long a request may take to arrive once its connection is open or used."""
    idle_s: float = 75.0
    """How long a connection may stay open between requests."""
    stall_s: float = 30.0
    """How long a reader of a stream may take nothing."""


class HttpServer:
    """Serves one listener; `close` ends its connections and waits for them."""

    def __init__(self, handler: Handler, limits: ServerLimits) -> None:
        self._handler = handler
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        self._from: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self.answered = 0
        self.failed = 0

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._tasks)

    async def _answer(self, request: Request, address: str) -> Reply:
        try:
            reply = await self._handler(request, address)
        except OSError:
            raise
        except Exception:
            self.failed += 1
            raise
        self.answered += 1
        return reply

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Listen, and return the port: the one asked for, or a free one for 0."""
        more = {"ssl_handshake_timeout": 10.0, "ssl_shutdown_timeout": 5.0} if tls else {}
        self._server = await asyncio.start_server(
            self._connected, host, port, ssl=tls, limit=_CHUNK, **more
        )
        port = self._server.sockets[0].getsockname()[1]
        return int(port)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(
        self,
        reader: asyncio.StreamReader,  # noqa: TID251 - not a data path: a few requests a minute
        writer: asyncio.StreamWriter,
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        address = str((writer.get_extra_info("peername") or ("",))[0])
        self._from[address] += 1
        try:
            if (
                len(self._tasks) <= self._limits.connections
                and self._from[address] <= self._limits.connections_from_one
            ):
                await _Connection(self._answer, self._limits, reader, writer, address).serve()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._from[address] -= 1
            self._from += Counter()
            writer.transport.abort() if task.cancelling() else writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()


class _Connection:
    """One connection: requests one after another, each answered before the next is read."""

    def __init__(
        self,
        handler: Handler,
        limits: ServerLimits,
        reader: asyncio.StreamReader,  # noqa: TID251 - not a data path: a few requests a minute
        writer: asyncio.StreamWriter,
        address: str,
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._reader = reader
        self._writer = writer
        self._address = address
        self._requests = RequestReader(limits.http)

    async def serve(self) -> None:
        """Answer until the peer closes, breaks a rule, or asks for a stream."""
        while (request := await self._next()) is not None:
            reply = await self._answer(request)
            keep = request.keep_alive and reply.stream is None
            headers = {**reply.headers, "connection": "keep-alive" if keep else "close"}
            if reply.stream is None:
                await self._send(response(reply.status, headers, reply.body))
            else:
                await self._send(_open_stream(reply.status, headers))
                await self._stream(reply.stream)
            if not keep:
                return

    async def _next(self) -> Request | None:
        started = None
        while (request := self._requests.next()) is None:
            if self._requests.error is not None:
                await self._send(response(self._requests.status, {"connection": "close"}))
                return None
            if started is None and not self._requests.idle:
                started = time.monotonic()
            wait_s = self._limits.idle_s if started is None else self._limits.request_s
            if started is not None:
                wait_s -= time.monotonic() - started
            try:
                async with asyncio.timeout(max(0.0, wait_s)):
                    data = await self._reader.read(_CHUNK)
            except TimeoutError:
                if started is None:
                    return None
                self._requests.time_out()
                continue
            if not data:
                return None
            self._requests.receive(data)
        return request

    async def _answer(self, request: Request) -> Reply:
        # A peer that goes away while its answer waits must not keep the waiter alive.
        answer = asyncio.ensure_future(self._handler(request, self._address))  # noqa: TID251
        gone = asyncio.ensure_future(self._watch())  # noqa: TID251
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ConnectionResetError("the peer went away")
            return answer.result()
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - a fault of ours costs this request, not the process
            path = request.target.partition("?")[0]
            _log.exception(
                "%s %s failed",
                request.method,
                path,
                extra=told("request_failed", method=request.method, path=path),
            )
            return Reply(500)
        finally:
            for task in (answer, gone):
                task.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)

    async def _watch(self) -> None:
        while data := await self._reader.read(_CHUNK):
            self._requests.receive(data)
            if self._requests.error is not None:
                return

    async def _stream(self, stream: AsyncIterator[bytes]) -> None:
        gone = asyncio.ensure_future(self._watch())  # noqa: TID251
        pieces = stream.__aiter__()
        try:
            while True:
                piece = asyncio.ensure_future(anext(pieces, b""))  # noqa: TID251
                await asyncio.wait({piece, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not piece.done():
                    piece.cancel()
                    await asyncio.gather(piece, return_exceptions=True)
                    return
                if not (data := piece.result()):
                    return
                await self._send(data)
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            if hasattr(pieces, "aclose"):
                await pieces.aclose()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(self._limits.stall_s):
            await self._writer.drain()


def _open_stream(status: int, headers: Mapping[str, str]) -> bytes:
    # Without a length: the stream lasts as long as the connection does.
    head = response(status, headers)
    return head.replace(b"content-length: 0\r\n", b"")

"""A connection that a test holds in its hand: send, read, see it closed; TLS or plain."""

import asyncio
import ssl
from typing import cast

__all__ = ["Stream", "connect"]

_WAIT_S = 60


class Stream(asyncio.Protocol):
    """One end of a connection; every wait ends after a minute with TimeoutError."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.error: Exception | None = None
        self.is_closed = False
        self._data = bytearray()
        self._news = asyncio.Event()

    # ---- asyncio ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        # uvloop's TLS transport is one without being derived from it.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._data += data
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; `exc` says why when it was not a goodbye."""
        self.error, self.is_closed = exc, True
        self._news.set()

    # ---- for tests ----

    def send(self, data: bytes) -> None:
        """Send `data`, however much it is."""
        assert self.transport is not None
        self.transport.write(data)

    async def some(self) -> bytes:
        """Return what has come, at least one byte; nothing once it is closed."""
        async with asyncio.timeout(_WAIT_S):
            while not self._data and not self.is_closed:
                self._news.clear()
                await self._news.wait()
        data = bytes(self._data)
        self._data.clear()
        return data

    async def read(self, count: int) -> bytes:
        """Return exactly so many bytes; EOFError when it is closed before."""
        parts, missing = [], count
        while missing:
            data = await self.some()
            if not data:
                raise EOFError(f"closed {missing} bytes early")
            parts.append(data[:missing])
            self._data[:0] = data[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    async def rest(self) -> bytes:
        """Return what still comes until it is closed."""
        parts = []
        while data := await self.some():
            parts.append(data)
        return b"".join(parts)

    def close(self) -> None:
        """Send what waits and close."""
        assert self.transport is not None
        self.transport.close()

    def abort(self) -> None:
        """Close now."""
        assert self.transport is not None
        self.transport.abort()


async def connect(
    host: str,
    port: int,
    context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    *,
    source: str | None = None,
) -> Stream:
    """Return a connection, from the address `source`; raises OSError and ssl.SSLError as they come."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_WAIT_S):
        _, stream = await loop.create_connection(
            Stream,
            host,
            port,
            ssl=context,
            server_hostname=server_name,
            local_addr=None if source is None else (source, 0),
        )
    return stream

"""A real HTTP proxy for tests: CONNECT only, with a password if it has one."""

import asyncio
import contextlib
from base64 import b64encode


class ProxyServer:
    """Counts what it carried; refuses with 407 who does not know the password."""

    def __init__(self, user: str | None = None, password: str = "") -> None:
        self._expected = user and "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        self.port = 0
        self.carried: list[str] = []
        self.refused = 0
        self._tasks: set[asyncio.Task] = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc):
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._connect(reader, writer)
        finally:
            writer.close()

    async def _connect(self, reader, writer) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        if self._expected and headers.get("proxy-authorization") != self._expected:
            self.refused += 1
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            await writer.drain()
            return
        where = lines[0].split()[1]
        self.carried.append(where)
        host, _, port = where.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        try:
            await self._carry(reader, writer, there_reader, there_writer)
        finally:
            there_writer.close()

    async def _carry(self, reader, writer, there_reader, there_writer) -> None:
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 hospital\r\n\r\n")
        loop = asyncio.get_running_loop()
        ways = {
            loop.create_task(_pump(reader, there_writer)),
            loop.create_task(_pump(there_reader, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()


async def _pump(source, sink) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()

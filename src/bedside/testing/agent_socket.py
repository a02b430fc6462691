"""An agent that is only its local socket: says what a test tells it to, keeps what it heard."""

import asyncio
from pathlib import Path
from typing import Self

from bedside.protocol import local

__all__ = ["AgentSocket"]


class AgentSocket:
    """The agent's end of the local protocol, over a real Unix socket.

    `heard` gets each command of the panel; `say` sends a message to every panel.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._panels: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._greeting: local.FromAgent | None = None
        self.heard: asyncio.Queue[local.FromPanel] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Be gone, as an agent that died."""
        if self._server is not None:
            self._server.close()
            for panel in list(self._panels):
                panel.close()
            await self._server.wait_closed()
            # Up to Python 3.11 that waits for none of them, and the loop may end before they do.
            await asyncio.gather(*self._serving, return_exceptions=True)
            self._server = None

    async def say(self, message: local.FromAgent) -> None:
        """Tell every panel, and each one that comes later if it is a status."""
        if isinstance(message, local.Status):
            self._greeting = message
        for panel in self._panels:
            panel.write(local.to_line(message))
            await panel.drain()

    async def _serve(
        self,
        reader: asyncio.StreamReader,  # noqa: TID251 - lines of a person's making, not a data path
        writer: asyncio.StreamWriter,
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._panels.add(writer)
        try:
            if self._greeting is not None:
                writer.write(local.to_line(self._greeting))
            while line := await reader.readline():
                await self.heard.put(local.parse_from_panel(line.rstrip(b"\n")))
        finally:
            self._panels.discard(writer)
            writer.close()

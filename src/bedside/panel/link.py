"""The panel's line to the agent: a Unix socket, JSON lines, and a patient way of coming back.

The panel never decides anything: it shows what the agent says and passes on what a person
pressed. What it may send and receive is `bedside.protocol.local`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from bedside.language import Language
from bedside.protocol import local
from bedside.protocol.errors import ProtocolError

__all__ = ["AgentLink", "AgentUnreachableError"]

RETRY_S = 1.0
"""How soon the panel tries again while the agent does not answer (seconds)."""


class AgentUnreachableError(ConnectionError):
    """The agent's socket does not answer: nobody can connect, nothing can be stopped."""


class AgentLink:
    """Messages from the agent, one by one, across restarts of the agent.

    Args:
        socket: the agent's Unix socket.
        language: the language in which the agent shall word its answers.
    """

    def __init__(self, socket: Path, *, language: Language) -> None:
        self._socket = socket
        self._language = language
        self._writer: asyncio.StreamWriter | None = None
        self._last_id = 0

    @property
    def connected(self) -> bool:
        """Whether the agent can hear us now."""
        return self._writer is not None

    async def messages(
        self, *, lost: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[local.FromAgent]:
        """Yield the agent's messages for ever; `lost` is called whenever the line is cut."""
        while True:
            with contextlib.suppress(OSError, ProtocolError, ValueError):
                async for message in self._connection():
                    yield message
            self._writer = None
            await lost()
            await asyncio.sleep(RETRY_S)

    async def _connection(self) -> AsyncIterator[local.FromAgent]:
        reader, writer = await asyncio.open_unix_connection(str(self._socket), limit=local.MAX_LINE)
        try:
            self._writer = writer
            await self.send(local.Hello(id=self.next_id(), language=self._language))
            while line := await reader.readline():
                yield local.parse_from_agent(line.rstrip(b"\n"))
        finally:
            self._writer = None
            writer.close()

    def next_id(self) -> int:
        """Return a fresh id for a command, so that its answer can be told apart."""
        self._last_id += 1
        return self._last_id

    async def send(self, command: local.FromPanel) -> None:
        """Send one command, or raise AgentUnreachableError."""
        if self._writer is None:
            raise AgentUnreachableError
        try:
            self._writer.write(local.to_line(command))
            await self._writer.drain()
        except OSError as error:
            raise AgentUnreachableError from error

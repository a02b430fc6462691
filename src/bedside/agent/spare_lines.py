"""Connections to the relay that stand ready while the operator is asked.

Nothing is said on them, not even which session they are for: the relay can pair nothing, so nothing
can be carried, until the consent is in the journal and `legs` shows a proof. They save the specialist
who waits two handshakes.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from bedside.agent.dial import DialError, Line

__all__ = ["SpareLines"]

LINES = 2
"""One for the first connection, one for the leg that waits from then on."""
FRESH_S = 20.0
"""A line is replaced after this time, as a firewall may have forgotten it silently."""
_PAUSE_S = 1.0


class SpareLines:
    """Keeps a few lines open until somebody takes them.

    Args:
        open_line: opens one; raises DialError.
    """

    def __init__(self, open_line: Callable[[], Awaitable[Line]]) -> None:
        self._open_line = open_line
        self._lines: deque[Line] = deque()

    async def keep(self) -> None:
        """Keep fresh lines ready, until cancelled; a relay that does not answer delays nothing."""
        while True:
            with contextlib.suppress(DialError):
                await self._replace()
                ended = [line.closed for line in self._lines]
                await asyncio.wait(ended, timeout=FRESH_S, return_when=asyncio.FIRST_COMPLETED)
                if not any(end.done() for end in ended):
                    continue
            await asyncio.sleep(_PAUSE_S)

    def take(self) -> Line | None:
        """Return a line that is open, or None."""
        while self._lines:
            line = self._lines.popleft()
            if not line.closed.done():
                return line
        return None

    def close(self) -> None:
        """Close what nobody took."""
        while self._lines:
            self._lines.popleft().close()

    async def _replace(self) -> None:
        fresh: list[Line] = []
        try:
            while len(fresh) < LINES:
                fresh.append(await self._open_line())
        except BaseException:
            for line in fresh:
                line.close()
            raise
        self.close()
        self._lines.extend(fresh)

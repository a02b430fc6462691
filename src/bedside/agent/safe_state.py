"""Asks the product whether an exam runs; everything that is not a clear no is a no to service."""

import asyncio
import contextlib
import time

from bedside.agent.plan import SafeState
from bedside.protocol.profile import SafeState as Probe

__all__ = ["SafeStateWatch", "ask_safe_state"]

_SAFE = 0
_EXAM = 3
_FRESH_S = 2.0
_PAUSE_S = 1.0


async def ask_safe_state(probe: Probe) -> SafeState:
    """Run the profile's probe: exit 0 says safe, 3 that an exam runs.

    Another status, a signal, a timeout or a program that is not there is unknown (fail closed).
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *probe.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return SafeState.UNKNOWN
    try:
        async with asyncio.timeout(probe.timeout_s):
            status = await process.wait()
    except TimeoutError:
        return SafeState.UNKNOWN
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return {_SAFE: SafeState.SAFE, _EXAM: SafeState.EXAM_RUNNING}.get(status, SafeState.UNKNOWN)


class SafeStateWatch:
    """Asks again and again while a person is asked, so that the answer at consent is fresh."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._state = SafeState.UNKNOWN
        self._at = float("-inf")

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._ask()
            await asyncio.sleep(_PAUSE_S)

    async def now(self) -> SafeState:
        """Ask, and return the answer."""
        await self._ask()
        return self._state

    async def fresh(self) -> SafeState:
        """Return an answer that is at most two seconds old: the person has just said yes."""
        return self._state if time.monotonic() - self._at <= _FRESH_S else await self.now()

    async def _ask(self) -> None:
        at = time.monotonic()
        self._state = await ask_safe_state(self._probe)
        self._at = at

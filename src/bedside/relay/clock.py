"""The relay's clock: what the machine's clock says, without its jumps.

Each poll that is held, and each session, waits for a moment of this clock. Were it set back, all of
them would be late; were it set ahead, all would be over at once. So:

1. It passes as fast as the time does, whatever the machine's clock is set to.
2. It follows the machine's clock at a twentieth of the time that passes: five minutes take a hundred.
   What it is off meanwhile the console knows from each request (docs/protocol/feed.md, 3.7).
3. A jump by more than eight minutes it follows at once: the console hears no relay that is ten off.
"""

import time
from collections.abc import Callable

__all__ = ["SteadyClock", "wall_ms"]

_SHARE = 20
_JUMP_MS = 8 * 60_000


class SteadyClock:
    """A clock by two others.

    Args:
        machine_ns: the machine's clock, Unix nanoseconds; it may be set.
        passed_ns: nanoseconds since any moment; nobody can set it.
    """

    __slots__ = ("_ahead", "_looked", "_machine_ns", "_passed_ns")

    def __init__(self, machine_ns: Callable[[], int], passed_ns: Callable[[], int]) -> None:
        self._machine_ns, self._passed_ns = machine_ns, passed_ns
        self._looked = passed_ns() // 1_000_000
        self._ahead = machine_ns() // 1_000_000 - self._looked

    def __call__(self) -> int:
        """Return Unix milliseconds."""
        passed = self._passed_ns() // 1_000_000
        since = passed - self._looked
        if since >= _SHARE:  # whole milliseconds: it never goes back
            self._looked = passed
            self._follow(self._machine_ns() // 1_000_000 - passed - self._ahead, since // _SHARE)
        return passed + self._ahead

    def _follow(self, off: int, most: int) -> None:
        """Rules 2 and 3."""
        self._ahead += off if abs(off) > _JUMP_MS else max(-most, min(off, most))


wall_ms = SteadyClock(time.time_ns, time.monotonic_ns)
"""The clock of messages, sessions and certificates: Unix milliseconds."""

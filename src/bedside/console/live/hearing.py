"""Since when the console could have heard every relay: pure.

A relay that was not heard before may have asked all the same. So a worker counts anew

1. when it stood still: two of its turns are far apart; once in five minutes, or a worker that has too
   much to do would never call a relay lost,
2. when its wall clock was set: what was noted before is by another clock,
3. as long as no `live` says that it runs, and when one says so again: relays ask nobody else.
"""

from bedside.console.health.beat import BEAT_MS

__all__ = ["Hearing"]

_GAP_MS = 10_000
"""A worker that does well has several turns in a second."""
_NOT_AGAIN_MS = 300_000
_QUIET_MS = 2 * BEAT_MS + 5_000
"""One beat may fail; a relay that asks every 25 seconds is lost 50 s after `live` froze at the earliest."""


class Hearing:
    """What one worker knows of it; it is told of each of its turns, and what `live` says.

    Args:
        since_ms: when it came to work, Unix milliseconds.
    """

    def __init__(self, *, since_ms: int) -> None:
        self.since_ms = since_ms
        """Since when everybody could be heard, Unix milliseconds."""
        self._turned: tuple[int, int] | None = None
        self._stood_still_ms: int | None = None
        self._beats: frozenset[tuple[int, int]] = frozenset()
        self._beaten_ms: int | None = None

    def turn(self, now: int, *, clock_ms: int) -> None:
        """Note a turn.

        Args:
            now: Unix milliseconds.
            clock_ms: monotonic milliseconds.
        """
        if self._turned is not None:
            by_wall, by_clock = now - self._turned[0], clock_ms - self._turned[1]
            # While a machine sleeps its monotonic clock stands still too, and only the wall goes on.
            if max(by_wall, by_clock, abs(by_wall - by_clock)) > _GAP_MS and (
                by_clock <= _GAP_MS or self._may_again(clock_ms)
            ):
                self.since_ms = now
        self._turned = now, clock_ms

    def look(self, beats: frozenset[tuple[int, int]], now: int, *, clock_ms: int) -> None:
        """Note what each `live` said last: which it is, and when that was.

        That moment is by the clock of its own host: it is only asked whether it is another one.
        """
        if self._beaten_ms is None:
            self._beaten_ms = clock_ms
        if clock_ms - self._beaten_ms > _QUIET_MS:
            self.since_ms = now
        if beats - self._beats:
            self._beaten_ms = clock_ms
        self._beats = beats

    def _may_again(self, clock_ms: int) -> bool:
        before = self._stood_still_ms
        if before is not None and clock_ms - before <= _NOT_AGAIN_MS:
            return False
        self._stood_still_ms = clock_ms
        return True

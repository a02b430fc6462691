"""Since when the console could have heard every relay: pure.

A relay that was not heard before may have asked all the same. So a worker counts anew

1. when it stood still: two of its turns are far apart,
2. when its wall clock was set: what was noted before is by another clock.
"""

__all__ = ["Hearing"]

_GAP_MS = 10_000
"""A worker that does well has ten turns in a second."""


class Hearing:
    """What one worker knows of it; it is told of each of its turns.

    Args:
        since_ms: when it came to work, Unix milliseconds.
    """

    def __init__(self, *, since_ms: int) -> None:
        self.since_ms = since_ms
        """Since when everybody could be heard, Unix milliseconds."""
        self._turned: tuple[int, int] | None = None

    def turn(self, now: int, *, clock_ms: int) -> None:
        """Note a turn.

        Args:
            now: Unix milliseconds.
            clock_ms: monotonic milliseconds.
        """
        if self._turned is not None:
            by_wall, by_clock = now - self._turned[0], clock_ms - self._turned[1]
            # While a machine sleeps its monotonic clock stands still too, and only the wall goes on.
            if max(by_wall, by_clock, abs(by_wall - by_clock)) > _GAP_MS:
                self.since_ms = now
        self._turned = now, clock_ms

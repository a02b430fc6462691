"""How often somebody may call: a token bucket each, in memory, the least used forgotten first.

Each process counts for itself: the limit keeps one program from starving the others, and is no
promise to the last call.
"""

from collections import OrderedDict

__all__ = ["Buckets"]

_MOST = 20_000


class Buckets:
    """One bucket for each caller.

    Args:
        per_second: how fast a bucket fills again.
        burst: how much it holds, and starts with.
    """

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, now_s: float) -> float:
        """Take one call from `who`'s bucket; return 0, or the seconds until there is one again.

        Args:
            who: the caller's name in this process.
            now_s: a monotonic clock, seconds.
        """
        left, at = self._left.pop(who, (self._burst, now_s))
        left = min(self._burst, left + (now_s - at) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._left[who] = (left - 1 if not wait else left, now_s)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)
        return wait

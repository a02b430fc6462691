"""The agent's loop with timers for a fleet: a heap, where one device's few are looked through."""

import heapq
import time
from collections.abc import Callable
from itertools import count

from bedside.agent.reactor import Reactor, Timer

__all__ = ["FleetReactor"]


class FleetReactor(Reactor):
    """Calls back as `Reactor` does, with tens of thousands of timers."""

    def __init__(self) -> None:
        super().__init__()
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = count()

    def later(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        """See Reactor."""
        timer = Timer(callback)
        at = time.monotonic() + max(delay_ms, 0) / 1000
        heapq.heappush(self._heap, (at, next(self._numbers), timer))
        return timer

    def _pause(self) -> float | None:
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
        return max(self._heap[0][0] - time.monotonic(), 0) if self._heap else None

    def _call_due(self) -> None:
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()

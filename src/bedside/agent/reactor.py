"""The supervisor's loop: one epoll, a few timers, no thread and no asyncio.

asyncio would cost the idle device four mebibytes; the supervisor needs none of what it adds.
"""

import select
import time
from collections.abc import Callable
from itertools import count
from typing import Any

__all__ = ["READ", "WRITE", "Reactor", "Timer"]

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
_BROKEN = select.EPOLLHUP | select.EPOLLERR

Ready = Callable[[int], None]


class Timer:
    """A call in the future; `cancel` may be called at any time."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None] | None) -> None:
        self.callback = callback

    def cancel(self) -> None:
        """Make the call not happen."""
        self.callback = None


class Reactor:
    """Calls back when a file descriptor is ready or a moment has come."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Ready] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._running = False

    @staticmethod
    def now_ms() -> int:
        """Return monotonic milliseconds: the only clock that delays are measured with."""
        return time.monotonic_ns() // 1_000_000

    def watch(self, file: Any, events: int, callback: Ready) -> None:
        """Call `callback(events)` whenever `file` is ready; replaces an earlier watch of it."""
        number = file if isinstance(file, int) else file.fileno()
        if number in self._watched:
            self._epoll.modify(number, events)
        else:
            self._epoll.register(number, events)
        self._watched[number] = callback

    def forget(self, file: Any) -> None:
        """Stop watching `file`; nothing happens when it was not watched. Call it before closing."""
        number = file if isinstance(file, int) else file.fileno()
        if self._watched.pop(number, None) is not None:
            self._epoll.unregister(number)

    def later(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `delay_ms` milliseconds from now."""
        timer = Timer(callback)
        at = time.monotonic() + max(delay_ms, 0) / 1000
        self._timers.append((at, next(self._order), timer))
        return timer

    def stop(self) -> None:
        """Return from `run` after the current callbacks."""
        self._running = False

    def run(self) -> None:
        """Turn until `stop`."""
        self._running = True
        while self._running:
            self.turn()

    def turn(self) -> None:
        """Wait for the next events or timers and call back, once.

        Whoever stood still for long finds what came meanwhile before it finds itself late.
        """
        turn = [(number, self._watched[number], events) for number, events in self._wait()]
        for number, callback, events in turn:
            # A callback of this turn may have forgotten the file of a later one.
            if self._watched.get(number) is callback:
                # What is broken is told by reading or writing it.
                callback(READ | WRITE if events & _BROKEN else events)
        self._call_due()

    def close(self) -> None:
        """Release the epoll."""
        self._epoll.close()

    def _wait(self) -> list[tuple[int, int]]:
        # A process that was stopped and goes on is told of nothing by the wait that was under way.
        return self._epoll.poll(self._pause()) or self._epoll.poll(0)

    def _pause(self) -> float | None:
        self._timers = [entry for entry in self._timers if entry[2].callback is not None]
        return max(min(self._timers)[0] - time.monotonic(), 0) if self._timers else None

    def _call_due(self) -> None:
        now = time.monotonic()
        due = sorted(entry for entry in self._timers if entry[0] <= now)
        for entry in due:
            callback, entry[2].callback = entry[2].callback, None
            if callback is not None:
                callback()

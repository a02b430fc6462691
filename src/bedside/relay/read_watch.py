"""Ends a read that does not end: the one thing that the event loop cannot bound by itself.

OpenSSL reads on for as long as a peer sends requests for new keys and not a byte for anybody, and
Python cannot tell it to stop in between. Ten times a second a thread looks whether the loop is still
in the same read, and how much CPU it has used in it since the first look; where that is much, it shuts
the socket, and the read ends. What is done with what was read is no read.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["ReadWatch", "Reader", "Reads"]

_LOOK_S = 0.1
_BUSY_S = 0.05


class Reader(Protocol):
    """A link, as this thread sees it."""

    def cut(self) -> None:
        """Shut the socket from another thread."""


class Reads:
    """Where the loop says what it reads."""

    __slots__ = ("count", "of")

    def __init__(self) -> None:
        self.count = 0
        """How many reads have begun."""
        self.of: Reader | None = None
        """What is read now."""


class ReadWatch:
    """Watches the reads of the thread that makes it; `tell` is called with each link that was cut."""

    def __init__(self, reads: Reads, tell: Callable[[Reader], None]) -> None:
        self._reads = reads
        self._tell = tell
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reads", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopping.set()

    def _run(self) -> None:
        seen, used = 0, 0.0
        while not self._stopping.wait(_LOOK_S):
            count, link, now = self._reads.count, self._reads.of, self._used()
            if link is None or count != seen:
                seen, used = count, now
            elif now - used > _BUSY_S:
                link.cut()
                self._tell(link)
                used = now

    def _used(self) -> float:
        """CPU seconds of the loop's thread: a machine that stood still has used none."""
        return time.clock_gettime(self._clock)

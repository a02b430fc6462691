"""One thread that works for the spool: the event loop never waits for the disk."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from bedside.relay.spool import Entry
from bedside.relay.spool_files import SpoolFiles, Stored

__all__ = ["Done", "SpoolWorker", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be written in one go.

    `had` is the number up to which the console has everything; with `sync` it is done when the disk
    has it; with `anew` it goes to a new file; `replaces` is deleted afterwards.
    """

    entries: list[Entry] = field(default_factory=list)
    had: int = 0
    sync: bool = False
    anew: bool = False
    replaces: Stored | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: how large the files are now, the oldest that is only read; or what failed."""

    work: Work
    total: int
    oldest: Stored | None
    error: OSError | None = None


class SpoolWorker:
    """Does one work after another, and tells of each on its own thread."""

    def __init__(self, files: SpoolFiles, tell: Callable[[Done], None]) -> None:
        self._files = files
        self._tell = tell
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        # A disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def do(self, work: Work) -> None:
        """Take this on; `tell` says how it went."""
        self._queue.put(work)

    def stop(self, timeout_s: float) -> bool:
        """Stop after what was taken on; False when the disk did not let go in time."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                self._do(work)
                error = None
            except OSError as failure:
                error = failure
            self._tell(Done(work, self._files.total, self._files.oldest, error))

    def _do(self, work: Work) -> None:
        files = self._files
        if work.anew:
            files.begin_anew()
        files.drop_below(work.had + 1)  # first: it may be what makes room
        files.write(work.entries, work.had, sync=work.sync)
        if work.replaces is not None:
            files.remove(work.replaces)

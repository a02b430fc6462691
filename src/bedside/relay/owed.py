"""What the relay owes the console, in memory and on disk at once: the spool and its driver.

An event is written within milliseconds and synced within a second. A promise (the 202 of a report) is
made once the disk has it; all that came within some milliseconds share one fsync. While the disk
fails nothing is promised, everything else goes on from memory, and the disk is tried again.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bedside.protocol.batch import RelayEvent, Report
from bedside.relay.log import Log
from bedside.relay.spool import Entry, Outgoing, Spool, SpoolLimits
from bedside.relay.spool_files import SpoolFiles, SpoolTakenError, Stored, recover
from bedside.relay.spool_record import Found
from bedside.relay.spool_worker import Done, SpoolWorker, Work

__all__ = ["Owed"]

_GATHER_S = 0.003
_SYNC_S = 1.0
_RETRY_S = 0.5
_RETRY_MOST_S = 15.0
_STOP_S = 5.0
_FILES = 32
_FILE_LEAST = 64 * 1024
_FILE_MOST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Promise:
    entries: tuple[Entry, ...]
    answer: Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class _Doing:
    promises: list[_Promise]
    handed: int


class Owed:
    """The spool of one relay process; `open` before use, `close` after.

    Args:
        limits: how much may wait.
        folder: where the files are.
        log: hears of a disk that fails, the first, second, fourth ... time, and of its return.
        news: called whenever something was added.
    """

    def __init__(
        self, limits: SpoolLimits, folder: Path, *, log: Log, news: Callable[[], None]
    ) -> None:
        self.spool = Spool(limits, secrets.token_hex(16))
        self.counts: Counter[str] = Counter()
        """`synced` times, `failed` times, `refused` reports, all since the start."""
        self.is_failing = False
        self._limits = limits
        self._log = log
        self._news = news
        size = min(max(limits.bytes // _FILES, _FILE_LEAST), _FILE_MOST)
        self._files = SpoolFiles(folder, size)
        self._loop = asyncio.get_running_loop()
        self._worker: SpoolWorker | None = None
        self._unwritten: list[Entry] = []
        self._promises: list[_Promise] = []
        self._doing: _Doing | None = None
        self._timer: asyncio.Handle | None = None
        # Kept here, because uvloop's handle of what is due at once knows no time.
        self._due = 0.0
        self._sync_at: float | None = None
        self._handed = 0
        """The number up to which the worker was given everything."""
        self._safe = 0
        """The number up to which the disk surely has everything."""
        self._failures = 0
        self._settled = asyncio.Event()

    def __len__(self) -> int:
        return len(self.spool)

    @property
    def boot(self) -> str:
        """The name of this run of the relay; what an earlier one left is posted under its own."""
        return self.spool.boot

    # ---- life ----

    def open(self) -> None:
        """Take the folder and what an earlier run left in it; raises SpoolTakenError."""
        try:
            self._recover(self._files.open())
        except SpoolTakenError:
            raise
        except OSError as error:
            self._fail(error, [])
        self._worker = SpoolWorker(self._files, self._tell)

    async def close(self) -> None:
        """Write what is not written, in bounded time; what is owed stays on the disk."""
        if self._worker is None:
            return
        self._settled.clear()
        self._sync_at = self._loop.time()
        self._soon(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await self._settled.wait()
        worker, self._worker = self._worker, None
        if self._timer is not None:
            self._timer.cancel()
        if self._settled.is_set() and worker.stop(_STOP_S):
            self._leave()

    def _leave(self) -> None:
        self._files.begin_anew()
        if not self.spool and not self.is_failing:
            with contextlib.suppress(OSError):
                self._files.drop_below(self.spool.newest + 1)
        self._files.close()

    def _recover(self, files: Sequence[tuple[Path, Found]]) -> None:
        for path, found in files:
            if found.torn or found.damaged:
                event = "spool_damaged" if found.damaged else "spool_torn"
                self._log(event, level="warning", file=path.name, kept=len(found.entries))
        recover((found for _, found in files), self.spool)
        self._handed = self._safe = self.spool.newest
        if self.spool:
            self._log("spool_recovered", owed=len(self.spool))

    # ---- for the relay ----

    def add(self, event: RelayEvent) -> None:
        """Owe the console an event; without room it is counted and lost."""
        entry = self.spool.add(event)
        if entry is not None:
            self._take((entry,))

    def promise(self, reports: Sequence[Report], answer: Callable[[bool], None]) -> None:
        """Owe the console these reports, all or none; `answer` hears whether they are promised."""
        size = sum(len(each.sealed) for each in reports)
        if self.is_failing or not self.spool.has_room(len(reports), size):
            self.counts["refused"] += 1
            answer(False)
            return
        entries = tuple(entry for each in reports if (entry := self.spool.add(each)))
        self._promises.append(_Promise(entries, answer))
        self._take(entries)

    def batch(self) -> Outgoing | None:
        """Return what is to be posted now."""
        return self.spool.batch()

    def acknowledge(self, boot: str, number: int) -> None:
        """The console has every event of that run up to this number."""
        self.spool.acknowledge(boot, number)
        if not self.is_failing:
            self._soon(_SYNC_S)

    # ---- the worker's turns ----

    def _take(self, entries: tuple[Entry, ...]) -> None:
        self._news()
        if not self.is_failing:  # what could not be written is looked for in the spool
            self._unwritten += entries
            self._soon(_GATHER_S)

    def _soon(self, delay_s: float) -> None:
        when = self._loop.time() + delay_s
        if self._timer is not None:
            if self._due <= when:
                return
            self._timer.cancel()
        self._due = when
        self._timer = self._loop.call_at(when, self._next)

    def _next(self) -> None:
        """Give the worker what has gathered, unless it is at work: then it is given when it is back."""
        self._timer = None
        if self._worker is None or self._doing is not None:
            return
        had = self.spool.oldest - 1
        entries, self._unwritten = self._unwritten, []
        promises, self._promises = self._promises, []
        self._handed = self.spool.newest
        if self.is_failing:
            entries = [each for each in self.spool if each.number > self._safe]
            work = Work(entries, had, sync=True, anew=True)
        else:
            is_due = self._sync_at is not None and self._sync_at <= self._loop.time()
            work = Work(entries, had, sync=bool(promises) or is_due)
        self._give(work, promises)

    def _give(self, work: Work, promises: list[_Promise]) -> None:
        assert self._worker is not None
        self._doing = _Doing(promises, self._handed)
        self._worker.do(work)

    def _tell(self, done: Done) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended before the disk did
            self._loop.call_soon_threadsafe(self._finish, done)

    def _finish(self, done: Done) -> None:
        assert self._doing is not None
        doing, self._doing = self._doing, None
        if done.error is not None:
            self._fail(done.error, doing.promises)
        else:
            self._succeed(done, doing)
            if done.total > self._limits.bytes and done.oldest and self._worker:
                self._clean(done.oldest)
                return
            if self._unwritten:
                self._soon(_GATHER_S)
        if self.is_failing or not (self._unwritten or self._sync_at):
            self._settled.set()

    def _succeed(self, done: Done, doing: _Doing) -> None:
        if done.work.sync:
            self.counts["synced"] += 1
            self._safe, self._sync_at = doing.handed, None
        elif done.work.entries and self._sync_at is None:
            self._sync_at = self._loop.time() + _SYNC_S
        if self._sync_at is not None:
            self._soon(max(0.0, self._sync_at - self._loop.time()))
        if self.is_failing:
            self.is_failing = False
            self._log("spool_writable", failures=self._failures, owed=len(self.spool))
        if doing.promises:
            self._failures = 0
        for each in doing.promises:
            each.answer(True)

    def _clean(self, oldest: Stored) -> None:
        """What still waits of the oldest file goes to the newest, and the file away."""
        kept = [each for each in self.spool if oldest.low <= each.number <= oldest.high]
        self._give(Work(kept, self.spool.oldest - 1, sync=True, replaces=oldest), [])

    def _fail(self, error: OSError, promises: list[_Promise]) -> None:
        self.counts["failed"] += 1
        self._failures += 1
        # What was said last must be true; beyond that, the first, second, fourth, eighth ... time.
        if not self.is_failing or self._failures.bit_count() <= 1:
            self._log(
                "spool_failed",
                level="error",
                error=error.strerror or str(error),
                number=error.errno,
                failures=self._failures,
                owed=len(self.spool),
            )
        self.is_failing = True
        broken, self._promises = [*promises, *self._promises], []
        self._unwritten = []
        for each in broken:
            self.counts["refused"] += 1
            for entry in each.entries:
                self.spool.withdraw(entry)
            each.answer(False)
        self._soon(min(_RETRY_S * 2 ** min(self._failures - 1, 8), _RETRY_MOST_S))

"""One look at the database for all who wait: relays at the feed, people at a stream.

The look comes at once when a writer nudges (`bedside.console.wake`), and every so often otherwise: a
nudge may be lost.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from django.db import DatabaseError

from bedside.console.journal.queries import newest_row, rows_after
from bedside.console.live.absence import AWAY, Absence
from bedside.console.live.database import Database
from bedside.console.log import told
from bedside.console.relays.queries import feed_head
from bedside.vocabulary import JournalAction

__all__ = ["Bell", "Watch"]

_log = logging.getLogger("bedside.live")
_LOOK_S = 0.25
_LOOK_HEARD_S = 5.0
"""Where the bell of another host is heard."""
_FEW = 200
# What these entries tell of concerns devices that they do not name.
_OF_MANY = frozenset(
    {
        JournalAction.RELAY_CLOCK_CHANGED,
        JournalAction.RELAY_CONTACT_LOST,
        JournalAction.RELAY_CONTACT_RESTORED,
        JournalAction.RELAY_PRESENCE_CHANGED,
    }
)


class Bell:
    """Somebody who waits for news of some subjects; `subjects` are those that had news."""

    def __init__(self) -> None:
        self.subjects: set[str] = set()
        self._rung = asyncio.Event()

    def ring(self, subject: str) -> None:
        """There is news of a subject."""
        self.subjects.add(subject)
        self._rung.set()

    async def wait(self, timeout_s: float) -> set[str]:
        """Return the subjects with news since the last time, none after `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        self._rung.clear()
        subjects, self.subjects = self.subjects, set()
        return subjects


@dataclass(frozen=True)
class _Heads:
    cursor: int
    rows: list[tuple[int, str, str, str]]


class Watch:
    """Looks at the database and rings those who wait; `run` never ends by itself."""

    ANY_DEVICE = "device:"
    """The subject of whoever waits for news of the whole fleet; rung with each device's own."""
    MANY_DEVICES = "device:*"
    """What is rung for them instead where more devices changed than anybody would name."""

    def __init__(
        self, database: Database, waker: socket.socket, *, heard: Callable[[], bool] = bool
    ) -> None:
        self._database = database
        self._waker = waker
        self._heard = heard
        self._absence = Absence(_log)
        self._begun = False
        self._nudged = asyncio.Event()
        self._cursor = 0
        self._newest = 0
        self._feed: set[asyncio.Event] = set()
        self._bells: defaultdict[str, set[Bell]] = defaultdict(set)
        self.looked_s = time.monotonic()
        """When the database last answered a look (monotonic seconds)."""

    @property
    def cursor(self) -> int:
        """The newest cursor of the feed that was seen."""
        return self._cursor

    @property
    def feeds_waiting(self) -> int:
        """Relays that wait for news."""
        return len(self._feed)

    @property
    def bells_waiting(self) -> int:
        """Bells that wait for news, each counted once for each subject."""
        return sum(map(len, self._bells.values()))

    async def run(self) -> None:
        """Look, ring, wait for a nudge; a database that is away is asked again."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._waker.fileno(), self._drain)
        try:
            while True:
                await self._look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_HEARD_S if self._heard() else _LOOK_S):
                        await self._nudged.wait()
                self._nudged.clear()
        finally:
            loop.remove_reader(self._waker.fileno())

    async def _look(self) -> None:
        try:
            if not self._begun:
                self._newest = await self._database.run(newest_row)
                self._begun = True
            self._tell(await self._database.run(_look, self._newest))
            self.looked_s = time.monotonic()
            self._absence.back()
        except AWAY as error:
            self._absence.lost(error)
        except DatabaseError:
            _log.exception("the database could not be asked", extra=told("database_failed"))

    def nudge(self) -> None:
        """Look now: this process has written."""
        self._nudged.set()

    def devices_changed(self, devices: Collection[str]) -> None:
        """Ring for devices whose presence this process has just written; many are told as such."""
        if len(devices) <= _FEW:
            for device in devices:
                self._ring(f"device:{device}")
            return
        for subject in [each for each in self._bells if each.startswith("device:")]:
            if subject.removeprefix("device:") in devices:
                for bell in self._bells[subject]:
                    bell.ring(subject)
        self._ring_all()

    async def feed_beyond(self, cursor: int, *, timeout_s: float) -> bool:
        """Wait until the feed is beyond `cursor`; False when the time is over first."""
        changed = asyncio.Event()
        self._feed.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while self._cursor <= cursor:
                    await changed.wait()
                    changed.clear()
            return True
        except TimeoutError:
            return False
        finally:
            self._feed.discard(changed)

    @contextlib.contextmanager
    def listen(self, *subjects: str) -> Iterator[Bell]:
        """Give a bell for subjects: `session:ID`, `device:ID`, or `device:` for all devices."""
        bell = Bell()
        for subject in subjects:
            self._bells[subject].add(bell)
        try:
            yield bell
        finally:
            for subject in subjects:
                self._bells[subject].discard(bell)
                if not self._bells[subject]:
                    del self._bells[subject]

    def _tell(self, heads: _Heads) -> None:
        if heads.cursor != self._cursor:
            self._cursor = heads.cursor
            for changed in self._feed:
                changed.set()
        for _, action, device, session in heads.rows:
            if action in _OF_MANY:
                self._ring_all()
            if session:
                self._ring(f"session:{session}")
            if device:
                self._ring(f"device:{device}")
        if heads.rows:
            # One writer at a time: no row with a lower number can follow.
            self._newest = heads.rows[-1][0]

    def _ring(self, subject: str) -> None:
        for bell in self._bells.get(subject, ()):
            bell.ring(subject)
        if subject.startswith(self.ANY_DEVICE):
            for bell in self._bells.get(self.ANY_DEVICE, ()):
                bell.ring(subject)

    def _ring_all(self) -> None:
        for bell in self._bells.get(self.ANY_DEVICE, ()):
            bell.ring(self.MANY_DEVICES)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._waker.recv(64):
                pass
        self._nudged.set()


def _look(newest: int) -> _Heads:
    return _Heads(feed_head(), rows_after(newest))

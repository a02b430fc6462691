"""The supervisor's hand in the journal: it waits for nobody, and forgets nothing that it owes."""

import errno
import fcntl
import os
from collections.abc import Callable

import pytest

from bedside.agent.journal import Journal
from bedside.agent.line_file import Disk
from bedside.agent.reactor import Reactor
from bedside.agent.scribe import Scribe
from bedside.audit.entry import SYSTEM, Deed, Thing, parse_entry
from bedside.vocabulary import JournalAction

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FailingDisk(Disk):
    """A disk that writes, or syncs, until told otherwise."""

    def __init__(self):
        self.write_fails = self.sync_fails = False

    def write(self, file, data):
        if self.write_fails:
            raise FULL
        super().write(file, data)

    def sync(self, file):
        if self.sync_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(file)


class Play:
    """A scribe on a real journal, whose lock another program may take."""

    def __init__(self, folder):
        self.disk = FailingDisk()
        self.journal = Journal(folder, disk=self.disk)
        self.other = (folder / "lock").open("rb")
        self.reactor = Reactor()
        self.refusals, self.settled, self.failed = [], 0, []
        self.scribe = Scribe(
            self.reactor, self.journal, faulty=self.refusals.append, settled=self._settle
        )
        self.scribe.begin()

    def _settle(self):
        self.settled += 1

    def hold(self):
        fcntl.flock(self.other, fcntl.LOCK_EX)

    def let_go(self):
        fcntl.flock(self.other, fcntl.LOCK_UN)

    def write(self, number):
        deed = Deed(
            actor=SYSTEM,
            action=JournalAction.DEVICE_PRESENCE_CHANGED,
            object=Thing("device", "CI-20417"),
            detail={"attempt": number},
        )
        return lambda: self.journal.append(deed)

    def written(self):
        lines = self.journal.entries(1, 100)
        return [parse_entry(line).detail["attempt"] for line in lines]

    def turn_until(self, what: Callable[[], bool]):
        while not what():
            self.reactor.later(1, lambda: None)
            self.reactor.turn()

    def close(self):
        self.reactor.close()
        self.other.close()
        self.journal.close()


@pytest.fixture
def play(tmp_path):
    made = Play(tmp_path / "journal")
    yield made
    made.close()


def test_a_free_journal_takes_it_at_once(play):
    play.scribe.do(play.write(1))
    play.scribe.owe(play.write(2))
    assert play.written() == [1, 2]
    assert not play.scribe.waits
    assert play.settled == 0  # who asked is not told that it needed no waiting


def test_a_held_journal_stops_nobody_and_keeps_the_order(play):
    play.hold()
    play.scribe.do(play.write(1))
    play.scribe.owe(play.write(2))
    play.scribe.do(play.write(3))
    assert play.scribe.waits
    play.let_go()
    play.turn_until(lambda: play.settled == 1)
    assert play.written() == [1, 2, 3]
    assert not play.scribe.waits
    assert True not in play.refusals


def test_who_waits_for_a_held_journal_is_told_after_a_while(play):
    play.hold()
    play.scribe.owe(play.write(1))
    play.scribe.do(play.write(2), failed=lambda: play.failed.append(2))
    play.turn_until(lambda: play.failed == [2])
    assert play.refusals[-1]
    play.let_go()
    play.turn_until(lambda: not play.scribe.waits)
    assert play.written() == [1]


def test_what_cannot_be_written_is_given_up_unless_it_is_owed(play):
    play.disk.write_fails = True
    play.scribe.owe(play.write(1))
    play.scribe.do(play.write(2), failed=lambda: play.failed.append(2))
    play.scribe.do(play.write(3))
    assert play.failed == [2]
    assert play.refusals[-1]
    assert play.scribe.waits
    play.disk.write_fails = False
    play.scribe.do(play.write(4))  # whoever comes next is the occasion
    assert play.written() == [1, 4]
    assert not play.refusals[-1]
    assert not play.scribe.waits


def test_a_journal_that_failed_is_read_again(play):
    play.disk.sync_fails = True
    play.scribe.owe(play.write(1))
    assert play.scribe.waits
    play.disk.sync_fails = False
    play.scribe.do(lambda: None)
    assert not play.scribe.waits
    # What a failed sync left in the file counts: an act looks first what is there.
    assert play.written() == [1, 1]
    assert play.journal.verify().good


def test_an_act_may_ask_for_another(play):
    play.hold()
    play.scribe.do(lambda: (play.write(1)(), play.scribe.do(play.write(2))))
    play.let_go()
    play.turn_until(lambda: not play.scribe.waits)
    assert play.written() == [1, 2]


def test_at_the_end_it_waits_for_a_moment_only(play):
    play.hold()
    play.scribe.owe(play.write(1))
    play.scribe.settle(20)
    assert play.scribe.waits
    play.let_go()
    play.scribe.settle(60_000)
    assert play.written() == [1]

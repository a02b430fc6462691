"""The device's journal on disk: what is acknowledged stays, whatever happens to the process."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest

from bedside.agent.clock import Stamp
from bedside.agent.journal import RESERVE_BYTES, Journal, JournalError
from bedside.agent.line_file import Disk
from bedside.audit.chain import ChainHead, line_hash
from bedside.audit.entry import SYSTEM, Deed, EntryError, Thing, parse_entry, time_text
from bedside.vocabulary import ClockState, JournalAction

NOON = 1_795_435_200_000
ROUNDS = 40


def deed(number=0, **detail):
    return Deed(
        actor=SYSTEM,
        action=JournalAction.DEVICE_PRESENCE_CHANGED,
        object=Thing("device", "CI-20417"),
        detail={"attempt": number} | detail,
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def opened(folder):
    moments = (NOON + 1000 * number for number in count())
    with Journal(
        folder, stamp=lambda: Stamp(time_text(next(moments)), ClockState.SYNCHRONISED)
    ) as journal:
        yield journal


def entries(journal):
    return [parse_entry(line) for line in journal.entries(0, 10_000, max_bytes=2**30)]


def actions(journal):
    return [entry.action for entry in entries(journal)]


# ---- Writing and reading ----


def test_a_new_journal_opens_with_an_entry_that_names_it(opened):
    (first,) = entries(opened)
    assert first.action is JournalAction.JOURNAL_LOG_OPENED
    assert len(first.detail["log"]) == 32


def test_entries_are_stamped_in_the_order_in_which_they_stand(opened):
    opened.append(deed(1), deed(2))
    head = opened.append(deed(3))
    written = entries(opened)
    assert [entry.detail.get("attempt") for entry in written] == [None, 1, 2, 3]
    assert [entry.time[17:19] for entry in written] == ["00", "01", "01", "02"]
    assert head == opened.head() == opened.verify().head
    assert head.size == 4


def test_files_are_the_devices_own(opened, folder):
    opened.append(deed())
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}


def test_any_entry_is_found_by_its_place(opened):
    opened.append(*(deed(number, reason="x" * 500) for number in range(1, 600)))
    for first in (0, 1, 299, 300, 598, 599):
        lines = opened.entries(first, 3)
        assert [parse_entry(line).seq for line in lines] == list(range(first, 600))[:3]
    assert opened.entries(600, 3) == []
    assert opened.entries(0, 0) == []


def test_a_page_is_limited_in_bytes_but_never_empty(opened):
    opened.append(*(deed(number, reason="x" * 1000) for number in range(9)))
    assert len(opened.entries(1, 100, max_bytes=3000)) == 2
    assert len(opened.entries(1, 100, max_bytes=1)) == 1


def test_an_entry_that_is_too_large_writes_nothing(opened):
    head = opened.head()
    with pytest.raises(EntryError):
        opened.append(deed(1), deed(2, **{f"path{n}": "é" * 1900 for n in range(4)}))
    assert opened.head() == head


# ---- The cursor ----


def test_the_cursor_follows_receipts_and_survives(opened, folder):
    for number in range(4):
        opened.append(deed(number))
    third = ChainHead(3, line_hash(opened.entries(2, 1)[0]))
    assert opened.acknowledge(third)
    assert not opened.acknowledge(third)
    assert not opened.acknowledge(ChainHead(2, "0" * 64))
    with Journal(folder) as again:
        assert again.acknowledged() == third


@pytest.mark.parametrize("size", [2, 50])
def test_a_receipt_for_another_journal_is_refused(opened, size):
    opened.append(deed())
    with pytest.raises(JournalError, match="another journal"):
        opened.acknowledge(ChainHead(size, "0" * 64))


def test_a_malformed_cursor_is_refused(opened, folder):
    (folder / "cursor").write_text("{}")
    with pytest.raises(JournalError, match="cursor"):
        Journal(folder)


# ---- Torn tails ----


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Three whole entries on disk, to be cut."""
    folder = tmp_path_factory.mktemp("sample") / "journal"
    with Journal(folder) as journal:
        journal.append(deed(1))
        journal.append(deed(2, reason="é"))
    return folder


def test_a_cut_at_every_byte_of_the_last_two_entries(sample, tmp_path):
    data = (sample / "journal.jsonl").read_bytes()
    ends = [place + 1 for place, byte in enumerate(data) if byte == 0x0A]
    assert len(ends) == 3
    for cut in range(ends[0], len(data) + 1):
        folder = tmp_path / str(cut)
        shutil.copytree(sample, folder)
        os.truncate(folder / "journal.jsonl", cut)
        whole = sum(end <= cut for end in ends)
        torn = data[max(end for end in ends if end <= cut) : cut]
        completed = cut + 1 in ends
        with Journal(folder) as journal:
            check_repaired(journal, folder, data, (whole, torn, completed))
            assert journal.append(deed(9)).size == journal.head().size
            assert journal.verify().good
        shutil.rmtree(folder)


def check_repaired(journal, folder, data, cut):
    whole, torn, completed = cut
    kept = [line + b"\n" for line in journal.entries(0, 10)]
    assert b"".join(kept[: whole + completed]) == b"".join(
        data.splitlines(keepends=True)[: whole + completed]
    )
    saved = list(folder.glob("torn-*"))
    if completed or not torn:
        assert len(kept) == whole + completed
        assert not saved
        return
    assert saved[0].read_bytes() == torn
    last = parse_entry(kept[-1].removesuffix(b"\n"))
    assert last.action is JournalAction.JOURNAL_TAIL_REPAIRED
    assert last.detail["torn_bytes"] == len(torn)
    assert last.detail["file"] == saved[0].name
    assert len(kept) == whole + 1


def test_a_tail_torn_by_the_other_process_is_repaired_at_the_next_append(opened, folder):
    opened.append(deed(1))
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"action":"dev')
    assert opened.append(deed(2)).size == 4
    assert actions(opened)[2] is JournalAction.JOURNAL_TAIL_REPAIRED
    assert opened.verify().good


def test_a_repair_that_was_interrupted_is_made_again(opened, folder):
    (folder / "torn-1-0").write_bytes(b"from the interrupted repair")
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b"\0" * 700)
    with Journal(folder) as journal:
        assert entries(journal)[1].detail["file"] == "torn-1-1"
        assert entries(journal)[1].detail["torn_bytes"] == 700
    assert (folder / "torn-1-0").read_bytes() == b"from the interrupted repair"


# ---- What cannot be continued ----


def change(folder, old, new):
    path = folder / "journal.jsonl"
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


@pytest.fixture
def closed(folder):
    """A journal of six entries, the fourth acknowledged, closed."""
    with Journal(folder) as journal:
        for number in range(1, 6):
            journal.append(deed(number))
        journal.acknowledge(ChainHead(4, line_hash(journal.entries(3, 1)[0])))
    return folder


def test_the_untouched_journal_opens(closed):
    with Journal(closed) as journal:
        assert journal.verify().good


@pytest.mark.parametrize("number", range(1, 5))
def test_a_changed_entry_stops_the_journal(closed, number):
    change(closed, b'"attempt":%d' % number, b'"attempt":%d' % (number + 1))
    with pytest.raises(JournalError, match=f"entry {number} is"):
        Journal(closed)


def test_a_missing_entry_stops_the_journal(closed):
    lines = (closed / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (closed / "journal.jsonl").write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(JournalError, match="entry 2 is missing"):
        Journal(closed)


@pytest.mark.parametrize("kept", range(4))
def test_entries_missing_that_the_console_holds_stop_the_journal(closed, kept):
    lines = (closed / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (closed / "journal.jsonl").write_bytes(b"".join(lines[:kept]))
    with pytest.raises(JournalError, match="the console acknowledged 4"):
        Journal(closed)


def test_a_journal_of_another_history_stops(closed, tmp_path):
    with Journal(tmp_path / "other") as journal:
        for number in range(9):
            journal.append(deed(number))
    shutil.copy(tmp_path / "other" / "journal.jsonl", closed / "journal.jsonl")
    with pytest.raises(JournalError, match="the console acknowledged 4"):
        Journal(closed)


def test_a_journal_cut_while_it_is_open_stops(opened, folder):
    opened.append(deed())
    os.truncate(folder / "journal.jsonl", 10)
    with pytest.raises(JournalError, match="cut"):
        opened.append(deed())


def test_far_from_the_end_only_a_full_verification_finds_the_change(closed):
    change(closed, b'"attempt":1', b'"attempt":2')
    with Journal(closed, verify_at_open=900) as journal:
        journal.append(deed(7))
        fault = journal.verify().fault
        assert fault
        assert fault.sequence == 1


# ---- A disk that fails ----


class FailingDisk(Disk):
    """A real disk until told otherwise; a failed write leaves part of its data behind."""

    def __init__(self):
        self.room = None
        self.sync_error = None
        self.reserved = 0

    def write(self, file, data):
        if self.room is not None and len(data) > self.room + self.reserved:
            os.write(file, data[:20])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, data)

    def sync(self, file):
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        super().sync(file)

    def free(self, folder):
        return super().free(folder) if self.room is None else self.room

    def reserve(self, file, size):
        if self.room is not None and self.room < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().reserve(file, size)


@pytest.fixture
def disk():
    return FailingDisk()


@pytest.fixture
def failing(folder, disk):
    with Journal(folder, disk=disk) as journal:
        yield journal


def test_without_room_nothing_new_begins_but_what_is_open_can_end(failing, folder, disk):
    head = failing.head()
    disk.room = 100
    with pytest.raises(JournalError, match="no space"):
        failing.append(deed(1))
    assert failing.head() == head
    # The journal frees its reserve, which gives the room for what must still be said.
    assert (folder / "reserve").stat().st_size == RESERVE_BYTES
    disk.reserved = RESERVE_BYTES
    assert failing.append(deed(2), closing=True).size == 2
    disk.room, disk.reserved = None, 0
    assert failing.append(deed(3)).size == 3
    assert failing.verify().good


class SpentReserve(FailingDisk):
    """The room of the reserve is there once its file was emptied."""

    def __init__(self, folder):
        super().__init__()
        self._folder = folder

    def write(self, file, data):
        path = self._folder / "reserve"
        self.reserved = 0 if path.stat().st_size else RESERVE_BYTES
        super().write(file, data)


def test_a_closing_entry_is_written_from_the_reserve(folder):
    with Journal(folder) as journal:
        journal.append(deed(1))
    disk = SpentReserve(folder)
    with Journal(folder, disk=disk) as journal:
        disk.room = 0
        assert journal.append(deed(2), closing=True).size == 3
        assert (folder / "reserve").stat().st_size == 0
        with pytest.raises(JournalError, match="ENOSPC"):
            journal.append(deed(3))
        disk.room = None
        assert journal.append(deed(4)).size == 4
        assert (folder / "reserve").stat().st_size == RESERVE_BYTES
        assert journal.verify().good


def test_a_write_that_fails_halfway_is_undone(failing, disk):
    head = failing.head()
    disk.room = 0
    disk.free = lambda _folder: RESERVE_BYTES
    with pytest.raises(JournalError, match="ENOSPC"):
        failing.append(deed(1))
    disk.room = None
    assert failing.head() == head
    assert failing.append(deed(2)).size == 2


def test_a_failed_sync_acknowledges_nothing_until_the_journal_is_read_again(failing, folder, disk):
    disk.sync_error = errno.EIO
    with pytest.raises(JournalError, match="EIO"):
        failing.append(deed(1))
    disk.sync_error = None
    with pytest.raises(JournalError, match="opened again"):
        failing.append(deed(2))
    with Journal(folder) as again:
        assert again.append(deed(3)).size == 3


def test_a_folder_that_cannot_be_made_is_a_journal_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(tmp_path / "file" / "journal")


# ---- Real processes ----


def start_writer(folder, name, number=100_000):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.agent.journal_writer", folder, name, str(number)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )


def acknowledged(output):
    """The acknowledged (size, hash, name, number) of whole lines; the last may be cut."""
    whole = output[: output.rfind(b"\n") + 1].decode().splitlines()
    return [(int(size), *rest) for size, *rest in (line.split() for line in whole)]


def test_kill_nine_at_random_moments_loses_no_acknowledged_entry(folder):
    rng = random.Random(1123)
    with Journal(folder):
        pass
    promised = []
    for _ in range(ROUNDS):
        writers = [start_writer(folder, name) for name in ("supervisor", "worker")]
        for writer in writers:
            promised += acknowledged(writer.stdout.readline() + writer.stdout.readline())
        for writer in rng.sample(writers, 2):
            threading.Event().wait(rng.random() * 0.02)
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            promised += acknowledged(writer.stdout.read())
            writer.stdout.close()
            assert writer.wait() == -signal.SIGKILL
    check_promises(folder, promised)


def check_promises(folder, promised):
    with Journal(folder) as journal:
        assert journal.verify().good
        lines = journal.entries(0, 10**6, max_bytes=2**30)
    assert len(promised) > ROUNDS
    for size, head, name, number in promised:
        assert line_hash(lines[size - 1]) == head
        detail = parse_entry(lines[size - 1]).detail
        assert (detail["name"], str(detail["attempt"])) == (name, number)


def test_two_processes_write_one_chain(folder):
    writers = [start_writer(folder, name, 150) for name in ("supervisor", "worker")]
    promised = []
    for writer in writers:
        promised += acknowledged(writer.communicate()[0])
        assert writer.returncode == 0
    assert sorted(size for size, *_ in promised) == list(range(2, 302))
    check_promises(folder, promised)


def test_threads_of_one_process_write_one_chain(opened):
    threads = [
        threading.Thread(target=lambda: [opened.append(deed(n)) for n in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened.verify().head.size == 201
    assert opened.verify().good


def test_the_idle_agent_can_afford_this_module():
    script = "import sys, bedside.agent.journal; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    heavy = {"cryptography", "asyncio", "ssl", "ctypes", "zipfile", "argon2", "asyncssh"}
    assert not heavy & set(loaded)

"""The spool on its disk, in an event loop: promises, restarts, a bound, a disk that fails."""

import asyncio
import contextlib
import io
import json
import shutil

import pytest

from bedside.protocol.batch import Report
from bedside.relay.log import Log
from bedside.relay.owed import Owed
from bedside.relay.spool import SpoolLimits
from bedside.relay.spool_files import SpoolTakenError, read_folder
from tests.relay.test_spool import DEVICE, opened, presence
from tests.relay.world import until

LIMIT = 1024 * 1024


class Said:
    """A log that is read."""

    def __init__(self):
        self.stream = io.StringIO()
        self.log = Log("a", self.stream)

    def __call__(self, event):
        lines = map(json.loads, self.stream.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]


@contextlib.asynccontextmanager
async def owing(folder, said=None, **limits):
    owed = Owed(
        SpoolLimits(**limits or {"bytes": LIMIT}),
        folder,
        log=(said or Said()).log,
        news=lambda: None,
    )
    owed.open()
    try:
        yield owed
    finally:
        await owed.close()


async def promised(owed, *sealed):
    answer = asyncio.get_running_loop().create_future()
    reports = [Report(device=DEVICE, sealed=each, at_ms=1) for each in sealed]
    owed.promise(reports, answer.set_result)
    async with asyncio.timeout(60):
        return await answer


def on_disk(folder):
    return [entry.number for _, found in read_folder(folder) for entry in found.entries]


@pytest.mark.asyncio
async def test_a_promise_is_made_once_the_disk_has_it_and_many_share_one_fsync(tmp_path):
    async with owing(tmp_path) as owed:
        answers = await asyncio.gather(*(promised(owed, b"report") for _ in range(50)))
        assert all(answers)
        assert on_disk(tmp_path) == list(range(1, 51))
        assert owed.counts["synced"] < 10


@pytest.mark.asyncio
async def test_an_event_is_in_its_file_at_once_and_synced_soon(tmp_path):
    async with owing(tmp_path) as owed:
        owed.add(opened(0))
        await until(lambda: on_disk(tmp_path) == [1])
        assert owed.counts["synced"] == 0
        await until(lambda: owed.counts["synced"] == 1)


@pytest.mark.asyncio
async def test_what_was_owed_is_owed_after_a_restart_under_its_own_name(tmp_path):
    async with owing(tmp_path) as owed:
        for index in range(3):
            owed.add(opened(index))
        assert await promised(owed, b"report")
        before = owed.batch()
        owed.acknowledge(before.boot, 1)
    async with owing(tmp_path) as owed:
        after = owed.batch()
        assert (after.boot, after.first, after.sequence) == (before.boot, 2, 4)
        assert after.events == before.events[1:]
        owed.add(opened(9))
        owed.acknowledge(after.boot, after.sequence)
        assert owed.batch().boot != before.boot
        assert owed.batch().first == 5
        owed.acknowledge(owed.batch().boot, 5)
    assert list(tmp_path.iterdir()) == [], "nothing is owed, nothing is left"


@pytest.mark.asyncio
@pytest.mark.parametrize("writing", [False, True])
async def test_a_relay_that_stops_has_synced_what_it_owes(tmp_path, writing):
    async with owing(tmp_path) as owed:
        owed.add(opened(0))
        while writing and not owed._doing:  # noqa: ASYNC110 - the moment itself, no event
            await asyncio.sleep(0)
    assert owed.counts["synced"] >= 1
    assert on_disk(tmp_path) == [1]


@pytest.mark.asyncio
async def test_two_relays_do_not_share_a_folder(tmp_path):
    async with owing(tmp_path):
        with pytest.raises(SpoolTakenError):
            async with owing(tmp_path):
                pass


@pytest.mark.asyncio
async def test_presences_that_were_replaced_do_not_fill_the_disk(tmp_path):
    async with owing(tmp_path) as owed:
        assert await promised(owed, b"the oldest")
        largest = 0
        for round_ in range(60):
            for device in range(100):
                owed.add(presence(f"{device:032x}", at_ms=round_))
            await until(lambda: not owed._unwritten and not owed._doing)
            largest = max(largest, sum(path.stat().st_size for path in tmp_path.iterdir()))
        assert largest <= LIMIT + 64 * 1024
        assert len(owed) == 101
        waiting = list(owed.spool)
    async with owing(tmp_path) as owed:
        assert list(owed.spool) == waiting


@pytest.mark.asyncio
async def test_damage_is_said_and_stops_nothing(tmp_path):
    async with owing(tmp_path) as owed:
        for index in range(3):
            owed.add(opened(index))
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content + b"\0\0")
    said = Said()
    async with owing(tmp_path, said) as owed:
        assert [entry.number for entry in owed.spool] == [2, 3]
        ((line),) = said("spool_damaged")
        assert (line["file"], line["kept"]) == (path.name, 2)
        assert await promised(owed, b"report")


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_had_refuses_promises_until_it_can(tmp_path):
    said = Said()
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    async with owing(blocked / "spool", said) as owed:
        owed.add(opened(0))
        assert not await promised(owed, b"report")
        assert said("spool_failed")
        assert len(owed) == 1, "the event is owed, the report is the device's"
        blocked.unlink()
        await until(lambda: not owed.is_failing)
        assert await promised(owed, b"report")
        assert on_disk(blocked / "spool") == [1, 2]
        assert said("spool_writable")


@pytest.mark.asyncio
async def test_a_folder_that_vanishes_is_said_and_comes_back(tmp_path):
    said = Said()
    folder = tmp_path / "spool"
    async with owing(folder, said, bytes=LIMIT) as owed:
        assert await promised(owed, b"first")
        shutil.rmtree(folder)
        folder.write_text("in the way")
        answers = [await promised(owed, bytes(70_000)) for _ in range(3)]
        assert False in answers
        assert len(said("spool_failed")) == 1


@pytest.mark.asyncio
async def test_what_is_added_while_it_closes_costs_nothing_but_itself(tmp_path):
    async with owing(tmp_path / "s") as owed:
        closing = asyncio.get_running_loop().create_task(owed.close())
        await asyncio.sleep(0)
        owed.add(presence())
        await closing

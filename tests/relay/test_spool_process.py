"""What a relay's process owes survives it: killed at any moment, or with no room on its disk."""

import contextlib
import gc
import os

import pytest

from bedside.protocol.batch import Presence, Report
from bedside.protocol.poll import ReportRequest, parse_refusal
from bedside.vocabulary import Gate, PollMode
from tests.disks import SmallDisk
from tests.relay.program import configure, program
from tests.relay.world import World, offered, poll, until

INTERVAL = poll(mode=PollMode.INTERVAL)


@contextlib.asynccontextmanager
async def world_in(folder):
    world = World(folder)
    await world.live.start()
    try:
        yield world
    finally:
        for client in world.clients:
            client.stream.abort()
            await client.stream.rest()
        await world.live.stop()
        gc.collect()


async def report(world, content):
    device = await world.device()
    return await device.ask("POST", "/v1/report", ReportRequest((content,)).to_json())


def reports(world):
    return [event.sealed for event in world.live.received if isinstance(event, Report)]


@pytest.mark.asyncio
async def test_what_was_promised_survives_a_kill_and_is_told_once_in_order(tmp_path):
    async with world_in(tmp_path) as world:
        file = configure(world, tmp_path)
        await world.live.stop()
        contents = [b"%d" % number for number in range(6)]
        for some in (contents[:3], contents[3:]):
            async with program(world, file) as relay:
                for content in some:
                    assert (await report(world, content)).status == 202
                await relay.killed()
        async with program(world, file):
            assert (await (await world.device()).poll(INTERVAL)).status == 200
            await world.live.start()
            await world.live.wait_for(lambda event: isinstance(event, Presence))
            assert reports(world) == contents


@pytest.mark.asyncio
async def test_a_batch_whose_answer_the_relay_did_not_live_to_read_is_not_applied_twice(tmp_path):
    async with world_in(tmp_path) as world:
        file = configure(world, tmp_path)
        world.live.lose_batch_answers = 2**30
        async with program(world, file) as relay:
            assert (await report(world, b"one")).status == 202
            await world.live.wait_for(lambda event: isinstance(event, Report))
            assert (await report(world, b"two")).status == 202
            await relay.killed()
        world.live.lose_batch_answers = 0
        async with program(world, file):
            assert (await report(world, b"three")).status == 202
            await until(lambda: b"three" in reports(world))
        assert reports(world) == [b"one", b"two", b"three"]


@pytest.mark.asyncio
async def test_a_full_disk_refuses_reports_and_nothing_else_until_there_is_room(tmp_path):
    with contextlib.closing(SmallDisk(tmp_path / "disk")) as disk:
        async with world_in(tmp_path / "world") as world:
            await world.live.push(offered())
            file = configure(world, tmp_path, top=f'spool = "{disk.folder / "spool"}"')
            async with program(world, file) as relay:
                pid = relay.process.pid
                disk.shrink(pid)
                await world.told(2)
                device, specialist = await world.paired()
                await world.live.stop()
                promised, answer = [], None
                while answer is None or answer.status == 202:
                    content = os.urandom(150_000)
                    answer = await report(world, content)
                    promised += [content] if answer.status == 202 else []
                assert parse_refusal(answer.body).gate is Gate.LIMIT
                assert (await relay.said("spool_failed"))["owed"] >= len(promised)
                assert (await (await world.device()).poll(INTERVAL)).status == 200
                specialist.send(b"still here")
                assert await device.read(10) == b"still here"
                disk.grow(pid)
                assert (await relay.said("spool_writable"))["failures"] >= 1
                answer = await report(world, b"the last")
                assert answer.status == 202
                await relay.killed()
            async with program(world, file):
                await world.live.start()
                await until(lambda: b"the last" in reports(world))
            assert reports(world) == [*promised, b"the last"]
            assert len(promised) > 1


@pytest.mark.asyncio
async def test_each_time_that_a_disk_fails_is_said_and_when_it_is_over(tmp_path):
    with contextlib.closing(SmallDisk(tmp_path / "disk")) as disk:
        async with world_in(tmp_path / "world") as world:
            file = configure(world, tmp_path, top=f'spool = "{disk.folder / "spool"}"')
            async with program(world, file) as relay:
                assert (await report(world, b"one")).status == 202
                await until(lambda: b"one" in reports(world))
                for _ in range(3):  # what the console has is deleted, which makes a little room
                    disk.fill(relay.process.pid)
                    assert (await report(world, os.urandom(150_000))).status == 503
                    if not disk.is_mounted:  # a limit is one, whatever is deleted
                        disk.grow(relay.process.pid)
                    await relay.said("spool_failed")
                    await relay.said("spool_writable")
                disk.grow(relay.process.pid)
                assert (await report(world, b"two")).status == 202
                await until(lambda: b"two" in reports(world))
            # One that was refused may have gone to the console before: its device just repeats it.
            assert [each for each in reports(world) if len(each) < 9] == [b"one", b"two"]

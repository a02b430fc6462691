"""The relay and its console: news in, what is owed out, and each without the other for a while."""

import asyncio
import gc
import json
from dataclasses import replace

import pytest

from bedside.protocol.batch import (
    Absent,
    Delivered,
    Presence,
    SupersededInstanceReturned,
    TunnelClosed,
)
from bedside.protocol.feed import MessageOffered, MessageWithdrawn
from bedside.protocol.poll import parse_poll_reply, parse_refusal
from bedside.relay.clock import wall_ms
from bedside.testing.certificates import PocketAuthority
from bedside.testing.fake_live import FakeLive
from bedside.vocabulary import Gate, MessageKind, PollMode
from tests.relay.key_updates import endless_console
from tests.relay.world import DEVICE, PATIENT, offered, poll, running, until

INTERVAL = poll(mode=PollMode.INTERVAL)


def message(number=0):
    return MessageOffered(
        device=DEVICE,
        id=f"01JD00000000000000000000{number:02}",
        message_kind=MessageKind.ORDER,
        sealed=b"sealed to the device",
        expires_ms=wall_ms() + 600_000,
    )


def messages(answer):
    return [each.id for each in parse_poll_reply(answer.body).messages]


@pytest.mark.asyncio
async def test_a_message_wakes_a_held_poll_and_its_acknowledgement_is_told(tmp_path):
    async with running(tmp_path) as world:
        device, held = await world.held()
        await world.live.wait_for(lambda event: isinstance(event, Presence))
        await world.live.push(message())
        answer = await held
        assert messages(answer) == [message().id]
        assert parse_poll_reply(answer.body).messages[0].sealed == b"sealed to the device"
        await device.poll(poll(acks=(message().id,), mode=PollMode.INTERVAL))
        event = await world.live.wait_for(lambda event: isinstance(event, Delivered))
        assert (event.device, event.id) == (DEVICE, message().id)


@pytest.mark.asyncio
async def test_what_was_sent_before_it_was_booked_is_not_sent_again_at_once(tmp_path):
    async with running(tmp_path) as world:
        device, held = await world.held()
        await world.live.push(message())
        assert messages(await held) == [message().id]
        again = asyncio.get_running_loop().create_task(device.poll())
        await until(lambda: world.relay.polls.held or again.done())
        assert world.relay.polls.counts == {"devices": 1, "held": 1, "messages": 1}
        again.cancel()


@pytest.mark.asyncio
async def test_a_withdrawn_message_is_not_delivered(tmp_path):
    async with running(tmp_path, PATIENT, message(1), message(2)) as world:
        await world.live.push(MessageWithdrawn(device=DEVICE, id=message(1).id))
        await world.told(3)
        assert messages(await (await world.device()).poll(INTERVAL)) == [message(2).id]


@pytest.mark.asyncio
async def test_a_snapshot_replaces_the_messages(tmp_path):
    async with running(tmp_path, PATIENT, message(1)) as world:
        await world.live.reset(message(2))
        await world.told(3)
        assert messages(await (await world.device()).poll(INTERVAL)) == [message(2).id]


@pytest.mark.asyncio
async def test_it_asks_by_the_name_of_the_run_whose_events_it_tells(tmp_path):
    async with running(tmp_path) as world:
        await (await world.device()).poll(INTERVAL)
        await world.live.wait_for(lambda event: isinstance(event, Presence))
        assert world.live.runs == world.live.told_by
        assert len(world.live.runs) == 1


@pytest.mark.asyncio
async def test_a_returning_copy_is_refused_and_told_without_waiting_for_the_console(tmp_path):
    async with running(tmp_path) as world:
        copy, device = await world.device(), await world.device()
        await copy.poll(poll("1" * 32, mode=PollMode.INTERVAL))
        await device.poll(poll("2" * 32, mode=PollMode.INTERVAL))
        # It may be what a process left on the way that has ended.
        assert (await copy.poll(poll("1" * 32, mode=PollMode.INTERVAL))).status == 200
        answer = await copy.poll(poll("1" * 32, mode=PollMode.INTERVAL))
        assert (answer.status, parse_refusal(answer.body).gate) == (403, Gate.DEVICE_CLONED)
        answer = await device.poll(poll("2" * 32, mode=PollMode.INTERVAL))
        assert (answer.status, parse_refusal(answer.body).gate) == (403, Gate.DEVICE_CLONED)
        event = await world.live.wait_for(
            lambda event: isinstance(event, SupersededInstanceReturned)
        )
        assert (event.device, event.instance) == (DEVICE, "1" * 32)


@pytest.mark.asyncio
async def test_without_the_console_polls_and_splices_go_on_and_what_is_owed_is_kept(tmp_path):
    async with running(tmp_path, PATIENT, offered(), message()) as world:
        device, specialist = await world.paired()
        await world.live.stop()
        poller = await world.device()
        assert messages(await poller.poll(INTERVAL)) == [message().id]
        specialist.send(b"still here")
        assert await device.read(10) == b"still here"
        specialist.close()
        assert await device.closed() == b""
        await world.live.start()
        await world.live.wait_for(lambda event: isinstance(event, TunnelClosed))
        presences = [event for event in world.live.received if isinstance(event, Presence)]
        assert len(presences) == 1
        lines = [json.loads(line)["event"] for line in world.log.getvalue().splitlines()]
        assert "console_lost" in lines


@pytest.mark.asyncio
async def test_a_relay_that_stops_leaves_no_connection_to_its_console(tmp_path):
    async with running(tmp_path) as world:
        await (await world.device()).poll(INTERVAL)
        assert world.relay.owed
        await until(lambda: not world.relay.owed)
        assert world.live.connections == 2
        # What is merely forgotten would be closed by the collector, some time.
        gc.disable()
        try:
            world.stopping.set()
            await world.serving
            await until(lambda: not world.live.connections)
        finally:
            gc.enable()


@pytest.mark.asyncio
async def test_the_pause_between_attempts_is_bounded(tmp_path):
    async with running(tmp_path, replace(PATIENT, console_retry_most_ms=100)) as world:
        await world.live.stop()
        # The sixteenth is told: so often doubled, a pause would last beyond any test's patience.
        await until(lambda: '"failures": 17' in world.log.getvalue())
        before = world.live.feeds
        await world.live.start()
        await world.live.wait_for_feeds(before + 1)


@pytest.mark.asyncio
async def test_a_batch_whose_answer_was_lost_is_not_counted_twice(tmp_path):
    async with running(tmp_path) as world:
        world.live.lose_batch_answers = 2
        assert (await (await world.device()).poll(INTERVAL)).status == 200
        await world.live.wait_for(lambda event: isinstance(event, Presence))
        later = poll(mode=PollMode.INTERVAL, version="2.0")
        assert (await (await world.device()).poll(later)).status == 200
        await world.live.wait_for(lambda event: getattr(event, "version", "") == "2.0")
        versions = [event.version for event in world.live.received if isinstance(event, Presence)]
        assert versions == ["1.0", "2.0"]
        assert world.live.lose_batch_answers == 0


@pytest.mark.asyncio
async def test_a_console_that_says_it_closes_is_left_and_the_next_batch_goes_over_a_new_connection(
    tmp_path,
):
    async with running(tmp_path) as world:
        device = await world.device()
        world.live.last_answers = 1
        for version, then_open in ("1.0", 1), ("2.0", 2):
            await device.poll(poll(mode=PollMode.INTERVAL, version=version))
            # The console leaves it to the relay to close.
            await world.live.wait_for(lambda event, v=version: getattr(event, "version", "") == v)
            await until(lambda: not world.relay.owed)
            await until(lambda n=then_open: world.live.connections == n)


@pytest.mark.asyncio
async def test_a_device_that_falls_silent_is_given_up(tmp_path):
    async with running(tmp_path, replace(PATIENT, hold_ms=400)) as world:
        device = await world.device()
        await device.poll()
        device.close()
        event = await world.live.wait_for(lambda event: isinstance(event, Absent))
        assert event.device == DEVICE


@pytest.mark.asyncio
async def test_a_console_of_another_authority_is_not_believed(tmp_path):
    async with running(tmp_path) as world:
        port = world.live.port
        await world.live.stop()
        other = PocketAuthority(tmp_path / "other").console("live.example")
        impostor = FakeLive(other, "live.example")
        impostor.port = port
        impostor.know("a", world.relay_credentials.certificate)
        await impostor.start()
        assert (await (await world.device()).poll(INTERVAL)).status == 200
        await asyncio.sleep(1.0)
        assert impostor.feeds == 0
        assert impostor.received == []
        await impostor.stop()


@pytest.mark.asyncio
async def test_a_console_that_sends_new_keys_without_end_is_cut_off_and_the_relay_goes_on(tmp_path):
    async with running(tmp_path) as world:
        await world.live.stop()
        hostile = world.authority.console("live.example")
        with endless_console(hostile, world.live.port, 80_000, tmp_path):
            # Cut from outside where the console is quicker than the relay, and by the relay where it is not.
            counts, log = world.relay.door.counts, world.log
            await until(lambda: counts["new_keys"] or "and does not end" in log.getvalue())
            assert (await (await world.device()).poll(INTERVAL)).status == 200
        before = world.live.feeds
        await world.live.start()
        await world.live.wait_for_feeds(before + 1)


@pytest.mark.asyncio
async def test_a_relay_that_the_console_does_not_know_is_told_nothing(tmp_path):
    async with running(tmp_path) as world:
        other = world.authority.relay("b", "relay-b.example")
        world.live.know("a", other.certificate)
        await world.live.push(message())
        await asyncio.sleep(0.3)
        await world.live.stop()
        await world.live.start()
        refused = "status 401: the console refuses this relay's proof"
        await until(lambda: refused in world.log.getvalue())
        assert not world.relay.console.connected

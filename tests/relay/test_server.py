import pytest

from bedside.protocol.batch import Presence
from bedside.protocol.poll import parse_poll_reply
from bedside.vocabulary import PollMode
from tests.relay.world import DEVICE, PATIENT, offered, poll, running


@pytest.mark.asyncio
async def test_a_poll_is_answered_and_the_console_hears_of_it(tmp_path):
    async with running(tmp_path) as world:
        device = await world.device()
        answer = await device.poll(poll(mode=PollMode.INTERVAL))
        assert answer.status == 200
        assert parse_poll_reply(answer.body).messages == ()
        event = await world.live.wait_for(lambda event: isinstance(event, Presence))
        assert event.device == DEVICE


@pytest.mark.asyncio
async def test_two_legs_are_paired(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        device, specialist = await world.paired()
        specialist.send(b"hello")
        assert await device.read(5) == b"hello"
        device.send(b"there")
        assert await specialist.read(5) == b"there"

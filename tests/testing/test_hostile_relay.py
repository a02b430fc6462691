"""The attacker's relay does what it says: a double that failed to attack would prove nothing."""

import pytest

from bedside.protocol.feed import MessageOffered
from bedside.protocol.http import request
from bedside.protocol.poll import Message, parse_poll_reply
from bedside.relay.clock import wall_ms
from bedside.relay.pairing import Side
from bedside.testing.hostile_relay import (
    HostileRelay,
    Replayer,
    StreamFlipper,
    Tricks,
    forge,
    relabel,
    reorder,
    swap_bytes,
    truncate,
)
from bedside.vocabulary import MessageKind, PollMode
from tests.relay.world import DEVICE, ELSEWHERE, OTHER, PATIENT, offered, poll, running

INTERVAL = poll(mode=PollMode.INTERVAL)
ONE = Message("01JD0000000000000000000001", MessageKind.ORDER, b"sealed one")
TWO = Message("01JD0000000000000000000002", MessageKind.WITHDRAWAL, b"sealed two")


def hostile(tmp_path, *events, **tricks):
    options = {"relay_class": HostileRelay, "tricks": Tricks(**tricks)}
    return running(tmp_path, PATIENT, *events, **options)


def offer(message, device=DEVICE):
    return MessageOffered(
        device=device,
        id=message.id,
        message_kind=message.kind,
        sealed=message.sealed,
        expires_ms=wall_ms() + 600_000,
    )


async def received(client):
    return parse_poll_reply((await client.poll(INTERVAL)).body).messages


@pytest.mark.asyncio
@pytest.mark.parametrize("trick", [reorder, truncate, swap_bytes, forge, relabel])
async def test_each_trick_changes_what_the_device_is_given(tmp_path, trick):
    async with hostile(tmp_path, offer(ONE), offer(TWO), messages=trick) as world:
        given = await received(await world.device())
        assert {each.id for each in given} == {ONE.id, TWO.id}
        assert given != (ONE, TWO)
        assert world.relay.saw(b"sealed one")


@pytest.mark.asyncio
@pytest.mark.parametrize("trick", [truncate, swap_bytes, forge, relabel])
async def test_each_trick_changes_what_comes_alone_to_a_poll_that_is_held(tmp_path, trick):
    async with hostile(tmp_path, messages=trick) as world:
        _, held = await world.held()
        await world.live.push(offer(ONE))
        (given,) = parse_poll_reply((await held).body).messages
        assert given.id == ONE.id
        assert given != ONE
        assert world.relay.saw(b"sealed one")


@pytest.mark.asyncio
async def test_what_comes_alone_reaches_another_device_too(tmp_path):
    async with hostile(tmp_path, also_to=OTHER) as world:
        _, held = await world.held()
        await world.live.push(offer(ONE))
        assert parse_poll_reply((await held).body).messages == (ONE,)
        assert await received(await world.device(OTHER)) == (ONE,)


def test_tricks_by_example():
    assert reorder((ONE, TWO)) == (TWO, ONE)
    assert truncate((ONE,))[0].sealed == b"seale"
    assert swap_bytes((ONE,))[0].sealed == b"seale done"
    assert swap_bytes((Message(ONE.id, ONE.kind, b"aaaa"),))[0].sealed == b"aa`a"
    assert relabel((ONE, TWO))[0].kind is MessageKind.CONFIGURATION


@pytest.mark.asyncio
async def test_replays_come_under_new_ids(tmp_path):
    async with hostile(tmp_path, offer(ONE), messages=Replayer()) as world:
        device = await world.device()
        assert [each.id for each in await received(device)] == [ONE.id]
        acks = poll(mode=PollMode.INTERVAL, acks=(ONE.id,))
        (again,) = parse_poll_reply((await device.poll(acks)).body).messages
        assert again.sealed == ONE.sealed
        assert again.id != ONE.id


@pytest.mark.asyncio
async def test_it_answers_anything(tmp_path):
    async with hostile(tmp_path, answer=b"HTTP/1.1 999 \xff\r\n\r\n") as world:
        client = await world.device()
        client.send(request("POST", "/v1/poll", "x", {}, INTERVAL.to_json()))
        assert await client.closed() == b"HTTP/1.1 999 \xff\r\n\r\n"


@pytest.mark.asyncio
async def test_a_document_reaches_another_device(tmp_path):
    async with hostile(tmp_path, offer(ONE), also_to=OTHER) as world:
        assert await received(await world.device(OTHER)) == (ONE,)


@pytest.mark.asyncio
async def test_one_byte_of_a_stream_is_changed(tmp_path):
    flipper = StreamFlipper(Side.SPECIALIST, after=3)
    async with hostile(tmp_path, offered(), stream=flipper) as world:
        device, specialist = await world.paired()
        specialist.send(b"abcdef")
        assert await device.read(6) == b"abceef"
        device.send(b"abcdef")
        assert await specialist.read(6) == b"abcdef"
        assert flipper.has_struck
        assert world.relay.saw(b"abcdef")


@pytest.mark.asyncio
async def test_it_pairs_anyone(tmp_path):
    async with hostile(tmp_path, offered(), pairs_anyone=True) as world:
        other, stranger = await world.device(OTHER), await world.specialist(ELSEWHERE)
        other.ask_for_tunnel("specialist", 9)
        stranger.ask_for_tunnel("device", 9)
        assert [(await leg.response()).status for leg in (other, stranger)] == [101, 101]


@pytest.mark.asyncio
async def test_without_tricks_it_is_a_relay(tmp_path):
    async with hostile(tmp_path, offered(), offer(ONE)) as world:
        assert await received(await world.device()) == (ONE,)
        await world.paired()
        other = await world.device(OTHER)
        other.ask_for_tunnel("device", 1)
        assert (await other.response()).status == 403

"""A relay that speaks no sense loses the session in bounded time, and the next one is unharmed."""

import asyncio

import pytest

from bedside.protocol.batch import Refused
from bedside.protocol.tunnel import tunnel_accepted, tunnel_refused
from bedside.testing.hostile_relay import Tricks
from bedside.vocabulary import Gate
from tests.agent.test_session_life import let_in
from tests.agent.world import World, world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]

ANSWERS = {
    "nothing": (b"", "closed"),
    "noise": (bytes(range(256)) * 40, "malformed"),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        "malformed",
    ),
    "a tunnel of noise": (tunnel_accepted() + bytes(range(256)), "no_ssh"),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_relay_that_answers_legs_with_garbage_loses_the_session(tmp_path, answer):
    tricks = Tricks()
    async with world(tmp_path, relays="a", tricks=tricks) as play:
        operator = await play.operator()
        tricks.answer_legs, why = ANSWERS[answer]
        order, _ = await let_in(play, operator)

        entry = await play.wait_for_entry("session:life:ended", session=order.session)
        assert (entry["detail"]["ending"], entry["detail"]["reason_code"]) == ("relay_lost", why)
        assert len(play.endings(order.session)) == 1

        tricks.answer_legs = None
        order, specialist = await let_in(play, operator)
        status, out, errors = await specialist.run("ssh", "device", "echo there")
        assert (status, out) == (0, "there\n"), errors
        await asyncio.to_thread(operator.stop)
        operator.leave()


async def test_a_relay_that_says_at_once_that_nobody_came_is_not_asked_for_ever(tmp_path):
    tricks = Tricks()
    async with world(tmp_path, relays="a", tricks=tricks) as play:
        operator = await play.operator()
        tricks.answer_legs = tunnel_refused(Gate.LIMIT, status=504)
        order, _ = await let_in(play, operator)

        entry = await play.wait_for_entry("session:life:ended", session=order.session)
        assert (entry["detail"]["ending"], entry["gate"]) == ("failed", "limit")
        operator.leave()


async def test_whoever_is_connected_stays_when_no_further_connection_is_paired(tmp_path):
    async with world(tmp_path, relays="a", session_connections_count=1) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "cat")
        shell.stdin.write(b"one\n")
        assert await shell.stdout.readline() == b"one\n"
        await play.wait_until(lambda: refused(play))
        shell.stdin.write(b"two\n")
        assert await shell.stdout.readline() == b"two\n"
        shell.stdin.close()
        assert await asyncio.wait_for(shell.wait(), 60) == 0
        entry = await play.wait_for_entry("session:life:ended", session=order.session)
        assert (entry["detail"]["ending"], entry["gate"]) == ("failed", "limit")
        operator.leave()


def refused(play: World) -> bool:
    """Whether the relay has told that it refused a leg by its limit."""
    told = (event for event in play.live.received if isinstance(event, Refused))
    return any(event.gate is Gate.LIMIT for event in told)

"""Connections that stand ready before consent: nothing is said on them, and nobody waits for them."""

import asyncio
import socket

import pytest

from bedside.agent.dial import DialError, Line
from bedside.agent.spare_lines import LINES, SpareLines
from bedside.vocabulary import SessionId

SESSION = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0YZ")
pytestmark = pytest.mark.asyncio


class Opened:
    """Lines as a relay would give them; fails as often as it is told."""

    def __init__(self, *, failures: int = 0) -> None:
        self.lines: list[Line] = []
        self.first = asyncio.Event()
        self._failures = failures

    async def __call__(self) -> Line:
        await asyncio.sleep(0)
        if self._failures:
            self._failures -= 1
            raise DialError("refused")
        self.lines.append(Line("relay.example"))
        self.first.set()
        return self.lines[-1]


async def kept(spare: SpareLines) -> asyncio.Task[None]:
    """Let a few turns of the loop pass."""
    keeping = asyncio.get_running_loop().create_task(spare.keep())
    for _ in range(10):
        await asyncio.sleep(0)
    return keeping


async def test_each_is_taken_once():
    opened = Opened()
    spare = SpareLines(opened)
    keeping = await kept(spare)
    keeping.cancel()
    assert [spare.take() for _ in range(LINES + 1)] == [*opened.lines, None]


async def test_what_nobody_took_is_closed():
    opened = Opened()
    spare = SpareLines(opened)
    keeping = await kept(spare)
    keeping.cancel()
    taken = spare.take()
    spare.close()
    assert spare.take() is None
    assert [line.closed.done() for line in opened.lines] == [
        line is not taken for line in opened.lines
    ]


async def test_a_line_that_the_relay_closed_is_not_taken():
    opened = Opened()
    spare = SpareLines(opened)
    keeping = await kept(spare)
    keeping.cancel()
    opened.lines[0].connection_lost(None)
    assert spare.take() is opened.lines[1]
    assert spare.take() is None


async def test_who_is_cancelled_while_it_opens_leaves_none_open():
    opened = Opened()
    keeping = asyncio.get_running_loop().create_task(SpareLines(opened).keep())
    await opened.first.wait()
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert all(line.closed.done() for line in opened.lines)


async def test_a_relay_that_does_not_answer_delays_nothing():
    opened = Opened(failures=1)
    spare = SpareLines(opened)
    keeping = await kept(spare)
    assert spare.take() is None
    assert not keeping.done()
    keeping.cancel()


async def connected() -> tuple[Line, socket.socket]:
    """A line, and the relay's end of it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    _, line = await asyncio.get_running_loop().create_connection(
        lambda: Line("a.example"), sock=ours
    )
    return line, theirs


async def test_nothing_is_said_until_a_proof_is_shown():
    line, relay = await connected()
    with relay:
        await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            relay.recv(1)
        asking = asyncio.get_running_loop().create_task(line.ask(SESSION, 0, "ab" * 32))
        said = await asyncio.get_running_loop().sock_recv(relay, 4096)
        assert said.startswith(b"GET /v1/tunnel/" + SESSION.encode())
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert line.closed.done()


async def test_a_relay_that_speaks_before_it_is_asked_loses_its_line():
    line, relay = await connected()
    with relay:
        await asyncio.get_running_loop().sock_sendall(
            relay, b"HTTP/1.1 101 Switching Protocols\r\n"
        )
        await line.closed
        with pytest.raises(DialError):
            await line.ask(SESSION, 0, "ab" * 32)

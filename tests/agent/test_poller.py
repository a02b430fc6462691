"""The poll, as a relay sees it: one question, one answer, and what else is said costs the connection."""

import threading
from dataclasses import replace

import pytest

from bedside.agent.poll_plan import PollPlan
from bedside.agent.poller import Poller, PollEvents, PollState
from bedside.agent.reactor import Reactor
from bedside.protocol.http import RequestReader
from bedside.protocol.poll import PollReply, parse_poll
from bedside.protocol.shapes import JournalHead, Relay
from bedside.vocabulary import Activity, PollMode, RelayName
from tests.agent.tls_peer import SERVER_NAME, TlsPeer


def answer(next_in_ms=0, **changes):
    reply = PollReply(messages=(), next_in_ms=next_in_ms, hold_ms=0, now_ms=1)
    body = replace(reply, **changes).to_json()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def hear(line):
    """Return the next poll; raise ConnectionError where no more comes."""
    reader = RequestReader()
    while (request := reader.next()) is None:
        data = line.recv(65536)
        if not data:
            raise ConnectionError
        reader.receive(data)
    return parse_poll(request.body)


class Play:
    """A poller of a relay, or of several at one place, and what it told."""

    def __init__(self, peer, names):
        self.reactor = Reactor()
        self.answered, self.failed = [], []
        place = {"host": "127.0.0.1", "server_name": SERVER_NAME, "ports": (peer.port,)}
        relays = [Relay(name=RelayName(name), **place) for name in names]
        self.poller = Poller(
            self.reactor,
            PollPlan(relays, lambda: 0.0),
            lambda: peer.client,
            events=PollEvents(
                state=self._state,
                message=lambda *_: None,
                answered=lambda relay, now_ms: self.answered.append(now_ms),
                refused=lambda *_: None,
                failed=lambda relay, reason: self.failed.append(reason),
            ),
            instance="0" * 32,
        )
        self.poller.start()

    def _state(self):
        return PollState(
            activity=Activity.IDLE,
            journal=JournalHead(size=1, head="0" * 64),
            version="1",
            configuration=1,
            mode=PollMode.HELD,
        )

    def turn_until(self, what):
        while not what():
            self.reactor.later(1, lambda: None)
            self.reactor.turn()


@pytest.fixture
def plays(tmp_path):
    """Make a relay that does what it is told, and a poller."""
    made = []

    def make(serve, names="a"):
        peer = TlsPeer(tmp_path / "pki", serve)
        made.append((peer, Play(peer, names)))
        return made[-1][1]

    yield make
    for peer, play in made:
        play.poller.hang_up()
        play.reactor.close()
        peer.close()


def test_one_connection_carries_poll_after_poll(plays):
    connections = []

    def serve(line):
        connections.append(line)
        while True:
            hear(line)
            line.sendall(answer())

    play = plays(serve)
    play.turn_until(lambda: len(play.answered) == 5)
    assert len(connections) == 1
    assert play.failed == []


def test_an_answer_to_no_question_costs_the_connection(plays):
    said = threading.Event()

    def serve(line):
        hear(line)
        line.sendall(answer(next_in_ms=600_000))
        said.wait()
        line.sendall(answer())
        line.recv(1)

    play = plays(serve)
    play.turn_until(lambda: play.answered)
    said.set()
    play.turn_until(lambda: play.failed)
    assert play.failed == ["malformed"]
    assert len(play.answered) == 1


def test_whoever_asked_another_relay_in_vain_says_so_at_the_one_before(plays):
    polls = []

    def serve(line):
        while True:
            polls.append(hear(line))
            if len(polls) == 3:
                return  # it took the poll, and is lost before it answers
            line.sendall(answer(leave_in_ms=0 if len(polls) == 2 else None))

    play = plays(serve, names="ab")
    play.turn_until(lambda: len(play.answered) == 4)
    assert [each.moved for each in polls[:5]] == [False, False, True, True, False]


def test_whoever_comes_from_another_relay_says_so_once(plays):
    polls = []

    def serve(line):
        while True:
            polls.append(hear(line))
            line.sendall(answer(leave_in_ms=0 if len(polls) == 2 else None))

    play = plays(serve, names="ab")
    play.turn_until(lambda: len(play.answered) == 4)
    assert [each.moved for each in polls[:4]] == [False, False, True, False]

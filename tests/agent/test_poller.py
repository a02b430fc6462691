"""The poll, as a relay sees it: one question, one answer, and what else is said costs the connection."""

import threading

import pytest

from bedside.agent.poll_plan import PollPlan
from bedside.agent.poller import Poller, PollEvents, PollState
from bedside.agent.reactor import Reactor
from bedside.protocol.http import RequestReader
from bedside.protocol.poll import PollReply
from bedside.protocol.shapes import JournalHead, Relay
from bedside.vocabulary import Activity, PollMode, RelayName
from tests.agent.tls_peer import SERVER_NAME, TlsPeer


def answer(next_in_ms=0):
    body = PollReply(messages=(), next_in_ms=next_in_ms, hold_ms=0, now_ms=1).to_json()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def hear(line):
    """Read one request; raise ConnectionError where no more comes."""
    reader = RequestReader()
    while reader.next() is None:
        data = line.recv(65536)
        if not data:
            raise ConnectionError
        reader.receive(data)


class Play:
    """A poller of one relay, and what it told."""

    def __init__(self, peer):
        self.reactor = Reactor()
        self.answered, self.failed = [], []
        relay = Relay(
            name=RelayName("a"), host="127.0.0.1", server_name=SERVER_NAME, ports=(peer.port,)
        )
        self.poller = Poller(
            self.reactor,
            PollPlan([relay], lambda: 0.0),
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

    def make(serve):
        peer = TlsPeer(tmp_path / "pki", serve)
        made.append((peer, Play(peer)))
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

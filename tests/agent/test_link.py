"""The supervisor's connection: what its other end does costs that connection, and delays nobody."""

import socket
import threading

import pytest

from bedside.agent.link import Link, Target
from bedside.agent.reactor import Reactor
from tests.agent.tls_peer import SERVER_NAME, TlsPeer

FLOOD = 4_000_000
BUSY = bytes.fromhex("15 0303 0002 02 50")
"""docs/protocol/certificates.md, 7.9."""


class Play:
    """A link on its reactor, and what it told."""

    def __init__(self, context, **target):
        self.reactor = Reactor()
        self.context = context
        self.opened, self.pieces, self.closed = [], [], []
        self.link = Link(
            self.reactor,
            Target(host="127.0.0.1", server_name=SERVER_NAME, **target),
            context,
            on_open=lambda: self.opened.append(True),
            on_data=self.pieces.append,
            on_closed=self.closed.append,
        )

    def turn(self):
        self.reactor.later(1, lambda: None)
        self.reactor.turn()


@pytest.fixture
def plays(tmp_path):
    """Make a peer and a link to it."""
    made = []

    def make(serve, **target):
        peer = TlsPeer(tmp_path / "pki", serve)
        play = Play(peer.client, port=peer.port, **target)
        made.append((peer, play))
        return play

    yield make
    for peer, play in made:
        play.link.close()
        play.reactor.close()
        peer.close()


def test_a_relay_that_never_stops_talking_leaves_the_others_their_turn(plays):
    play = plays(lambda line: line.sendall(bytes(FLOOD)))
    most, received = 0, 0
    while received < FLOOD:
        play.turn()
        most = max(most, len(play.pieces))
        received += sum(map(len, play.pieces))
        play.pieces.clear()
    assert most <= 32


def test_a_relay_that_has_no_turn_for_it_is_busy(plays):
    play = plays(lambda line: None)
    with socket.create_server(("127.0.0.1", 0)) as relay:
        told = threading.Thread(target=_say_busy, args=[relay])
        told.start()
        busy = Play(play.context, port=relay.getsockname()[1])
        while not busy.closed:
            busy.turn()
        told.join()
        assert busy.closed == ["busy"]
        busy.reactor.close()


def _say_busy(relay):
    line, _ = relay.accept()
    with line:
        line.recv(65536)
        line.sendall(BUSY)

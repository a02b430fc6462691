"""The channel of a watcher: what a slow line misses, keys that reach nothing, and leaving."""

import socket
from pathlib import Path

import pytest

from bedside.agent.ssh.children import Leash
from bedside.agent.ssh.context import SessionContext
from bedside.agent.ssh.helm import Seat
from bedside.agent.ssh.keys import TAKE_KEY, IdleKeys
from bedside.agent.ssh.watch import Watch
from tests.agent.ssh.kit import Hooks, make_grant, make_profile
from tests.agent.ssh.test_stage import Screen


class Channel:
    """As much of an SSH channel as a watcher uses."""

    def __init__(self):
        self.said = b""
        self.status = None

    def is_closing(self):
        return self.status is not None

    def write(self, data):
        self.said += data

    def exit(self, status):
        self.status = status

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


class Play:
    def __init__(self, leash, **changes):
        changes = {"watcher": "Jean Roy, Canada", **changes}
        grant = make_grant(make_profile(Path("/srv")), **changes)
        self.context = SessionContext(grant=grant, hooks=Hooks(), leash=leash)
        self.screen = Screen((80, 24))
        self.stage = self.context.stage
        self.stage.opened(self.screen)
        self.channel = Channel()
        self.refusals = []
        self.wishes = []
        keys = IdleKeys(take=lambda: self.wishes.append(1), refused=lambda: self.refusals.append(1))
        self.watch = Watch(self.context, self.channel, keys)
        self.watch.start()


@pytest.fixture
def play():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Play(Leash(ours))


def test_the_terminal_and_its_size_are_seen(play):
    play.stage.shows(play.screen, b"prompt$ ")
    assert b"you watch a terminal of 80 x 24" in play.channel.said
    assert play.channel.said.endswith(b"prompt$ ")
    assert "Jean Roy, Canada watches this terminal." in play.screen.said[0]
    assert play.watch.closing_detail()["bytes_sent"] == len(play.channel.said)


def test_a_slow_line_misses_and_has_the_terminal_drawn_anew(play):
    redrawn = play.screen.redrawn
    play.watch.pause_writing()
    play.stage.shows(play.screen, b"missed")
    assert b"missed" not in play.channel.said
    play.watch.resume_writing()
    assert play.screen.redrawn == redrawn + 1
    play.watch.pause_writing()
    play.watch.resume_writing()
    assert play.screen.redrawn == redrawn + 1


def test_keys_are_refused_once_and_leaving_is_said(play):
    for _ in range(3):
        play.watch.data_received(b"rm -rf /\n")
    assert play.refusals == [1]
    assert play.watch.closing_detail()["bytes_received"] == 27
    play.watch.eof_received()
    play.watch.data_received(b"\x04")
    assert play.channel.status == 0
    play.stage.shows(play.screen, b"after")
    assert b"after" not in play.channel.said
    play.watch.connection_lost()
    assert len(play.screen.said) == 2
    assert "does not watch" in play.screen.said[1]


def test_keys_go_in_while_this_person_controls_and_only_then(play):
    play.watch.data_received(TAKE_KEY)
    assert play.wishes == [1]
    play.stage.helm.holder = Seat.JOINED
    play.watch.data_received(b"ls\n")
    play.watch.data_received(b"\x04")
    assert play.screen.typed == b"ls\n\x04"
    assert play.channel.status is None
    play.screen.press(True)
    assert play.channel.reading is False
    play.screen.press(False)
    assert play.channel.reading is True
    play.stage.helm.holder = None
    play.watch.data_received(b"rm\n")
    assert play.screen.typed == b"ls\n\x04"


def test_keys_of_who_watches_for_the_site_go_nowhere_whoever_controls():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        play = Play(Leash(ours), of_site=True)
        for holder in (Seat.STARTED, Seat.JOINED, None):
            play.stage.helm.holder = holder
            play.watch.data_received(b"rm -rf /\n")
            assert play.context.grant_now is play.context.grant
        assert play.screen.typed == b""
        assert play.refusals == [1]
        play.stage.shows(play.screen, b"seen")
        assert play.channel.said.endswith(b"seen")

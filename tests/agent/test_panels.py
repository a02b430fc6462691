"""Who may use the panel's socket, and what a bad panel costs: its connection."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.agent.panels import MAX_PANELS, Panels, SocketRights
from bedside.agent.reactor import Reactor
from bedside.agent.words import refusal_sentence
from bedside.language import Language
from bedside.protocol.local import Done, Hello, PanelFault, Stop, parse_from_agent, to_line


class Play:
    """A panel server on its reactor; clients are plain sockets in this thread."""

    def __init__(self, folder: Path, rights: SocketRights) -> None:
        self.reactor = Reactor()
        self.heard = []
        self.path = folder / "run" / "panel.sock"
        self.panels = Panels(
            self.reactor,
            self.path,
            rights=rights,
            on_hello=lambda link: self.heard.append("hello"),
            on_message=lambda link, message: self.heard.append(message),
        )
        self.clients = []

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        client.connect(str(self.path))
        self.clients.append(client)
        self.turn()
        return client

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            self.reactor.later(0, lambda: None)
            self.reactor.turn()

    def say(self, client: socket.socket, data: bytes) -> None:
        client.sendall(data)
        self.turn()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.panels.close()
        self.reactor.close()


@pytest.fixture
def play(tmp_path):
    made = Play(tmp_path, SocketRights())
    yield made
    made.close()


HELLO = to_line(Hello(0, Language.FRENCH))


def test_a_panel_introduces_itself_and_is_heard(play):
    client = play.connect()
    play.say(client, HELLO)
    play.say(client, to_line(Stop(7)))
    assert play.heard == ["hello", Stop(7)]
    play.panels.tell(Done(7))
    assert client.recv(100) == to_line(Done(7))


def test_nothing_is_told_before_hello(play):
    client = play.connect()
    play.panels.tell(Done(1))
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1)


BLANK = b'{"type":"accept","id":9,"session":"01JD0000000000000000000000","name":"  "}\n'


@pytest.mark.parametrize(
    ("data", "number", "code"),
    [
        (to_line(Stop(1)), 1, PanelFault.NO_HELLO),
        (b"{}\n", 0, PanelFault.MALFORMED),
        (b"not json\n", 0, PanelFault.MALFORMED),
        (b"\xff\x00\n", 0, PanelFault.MALFORMED),
        (b"x" * 70_000, 0, PanelFault.TOO_LONG),
        (b"[" * 30_000 + b"\n", 0, PanelFault.TOO_LONG),
        (b'{"type":"hello","v":1,"id":4,"language":"xx"}\n', 4, PanelFault.MALFORMED),
        (HELLO + b'{"type":"open","id":5}\n', 5, PanelFault.MALFORMED),
        (HELLO + b'{"type":"open","id":-5}\n', 0, PanelFault.MALFORMED),
        (HELLO + BLANK, 9, PanelFault.MALFORMED),
        (HELLO + b"x" * 70_000, 0, PanelFault.TOO_LONG),
    ],
)
def test_what_is_malformed_or_out_of_turn_is_told_so_and_costs_the_connection(
    play, data, number, code
):
    client = play.connect()
    play.say(client, data)
    play.turn()
    told = parse_from_agent(client.recv(1000).removesuffix(b"\n"))
    assert (told.id, told.code) == (number, code)
    language = Language.FRENCH if data.startswith(HELLO) else Language.ENGLISH
    assert told.sentence == refusal_sentence(code, language)
    assert client.recv(100) == b""
    assert Stop(1) not in play.heard


def test_nothing_that_comes_after_a_fault_is_heard(play):
    client = play.connect()
    play.say(client, HELLO + b"{}\n" + to_line(Stop(1)))
    play.turn()
    assert play.heard == ["hello"]
    assert client.recv(1000).count(b"\n") == 1


def test_who_says_garbage_and_reads_nothing_is_hung_up_on(play):
    deaf, quick = play.connect(), play.connect()
    for client in (deaf, quick):
        play.say(client, HELLO)
    for _ in range(10_000):
        play.panels.tell(Done(1))
        quick.recv(100)
    play.say(deaf, b"{}\n")
    assert len(play.panels._links) == 1


def test_more_panels_than_there_can_be_are_sent_away(play):
    clients = [play.connect() for _ in range(MAX_PANELS + 1)]
    assert clients[-1].recv(1) == b""


def test_a_panel_that_does_not_read_is_dropped_and_delays_nobody(play):
    slow, quick = play.connect(), play.connect()
    for client in (slow, quick):
        play.say(client, HELLO)
    for _ in range(60_000):
        play.panels.tell(Done(1))
        quick.recv(100)
    assert len(play.panels._links) == 1


def test_the_socket_is_closed_to_others(play):
    assert play.path.stat().st_mode & 0o777 == 0o600
    assert play.path.parent.stat().st_mode & 0o777 == 0o700


def test_the_kernels_credentials_decide():
    rights = SocketRights(users=(1234,), groups=(4321,))
    assert rights.allows(0, 99)
    assert rights.allows(os.geteuid(), 99)
    assert rights.allows(1234, 99)
    assert rights.allows(99, 4321)
    assert not rights.allows(99, 99)


def test_a_group_opens_the_folder_to_itself_alone(tmp_path):
    made = Play(tmp_path, SocketRights(groups=(os.getegid(),)))
    assert made.path.stat().st_mode & 0o777 == 0o660
    assert made.path.parent.stat().st_mode & 0o777 == 0o710
    made.close()


def test_a_command_of_a_session_is_no_panel(play):
    script = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(play.path)]) as below:
        while below.poll() is None:
            play.turn()
    assert below.returncode == 0
    assert play.heard == []

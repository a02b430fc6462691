"""What the `ProxyCommand` says to the person, and where."""

import base64
import json
import os
import pty
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.pki.contexts import relay_server_context, specialist_client_context
from bedside.protocol.tunnel import tunnel_refused
from bedside.specialist.dial import answers
from bedside.specialist.proxy import waiting
from bedside.specialist.store import Login, SessionFolder, save_login
from bedside.specialist.waiting import second_words
from bedside.testing.certificates import PocketAuthority
from bedside.vocabulary import Gate
from tests.specialist.test_api import Scripted, scripted
from tests.specialist.test_waiting import session

__all__ = ["scripted"]

TELL = "from bedside.specialist.proxy import tell; tell('le relais')"


def test_it_speaks_on_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", TELL], capture_output=True, check=True)

    assert done.stderr == b"bedside: le relais\n"


def test_it_speaks_on_the_terminal_where_ssh_leads_standard_error_nowhere() -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child becomes another program
        os.execv("/bin/sh", ["sh", "-c", f'exec {sys.executable} -c "{TELL}" 2> /dev/null'])

    with os.fdopen(terminal, "rb", buffering=0) as screen:
        assert screen.read(100).rstrip() == b"bedside: le relais"
        assert os.waitpid(pid, 0)[1] == 0


def test_it_stays_silent_without_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )

    assert done.stdout == b""


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where `serve` gets the one connection that comes."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def take() -> None:
            with suppress(OSError), door.accept()[0] as line:
                serve(line)

        thread = threading.Thread(target=take)
        thread.start()
        yield int(door.getsockname()[1])
        thread.join(10)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> PocketAuthority:
    return PocketAuthority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def context(authority: PocketAuthority) -> ssl.SSLContext:
    own = authority.session("01JD0000000000000000000000")
    return specialist_client_context(own.certificate, own.key, authority.ca)


def told(*ports: int) -> dict[str, object]:
    place = {"name": "a", "server_name": "relay-a.example", "host": "127.0.0.1", "ports": ports}
    return {"relay": place}


@pytest.mark.parametrize("position", [0, 1])
def test_a_relay_answers_on_any_of_its_ports(
    authority: PocketAuthority, context: ssl.SSLContext, position: int
) -> None:
    relay = authority.relay("a", "relay-a.example")
    there = relay_server_context(
        relay.certificate, relay.key, authority.ca, server_name="relay-a.example"
    )

    def shake_hands(line: socket.socket) -> None:
        there.wrap_socket(line, server_side=True).close()

    with listening(shake_hands) as port, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = [closed.getsockname()[1]]
        assert not answers(told(*ports), context)
        ports.insert(position, port)
        assert answers(told(*ports), context)


def test_a_relay_that_takes_a_connection_and_dies_does_not_answer(context: ssl.SSLContext) -> None:
    # What the kernel still accepts for a program that was killed.
    with listening(lambda line: None) as port:
        assert not answers(told(port), context)


# ---- while it waits at the relay ----

SESSION = "01JD0000000000000000000000"


@contextmanager
def waiting_at_a_relay(authority: PocketAuthority) -> Iterator[tuple[int, threading.Event]]:
    """A relay that takes a leg and answers it (nobody came) when the event is set."""
    relay = authority.relay("a", "relay-a.example")
    there = relay_server_context(
        relay.certificate, relay.key, authority.ca, server_name="relay-a.example"
    )
    enough = threading.Event()

    def hold(line: socket.socket) -> None:
        with there.wrap_socket(line, server_side=True) as leg:
            leg.recv(65536)
            enough.wait(60)
            leg.sendall(tunnel_refused(Gate.REVOKED_CERTIFICATE))

    with listening(hold) as port:
        try:
            yield port, enough
        finally:
            enough.set()


def folder_of(home: Path, authority: PocketAuthority, port: int) -> SessionFolder:
    own = authority.session(SESSION)
    folder = SessionFolder(home / "state" / "sessions", SESSION)
    told_ = {"device": "CI-20417", "access": "system", "mode": "control", "language": "en"}
    folder.write("session.json", json.dumps(told_).encode())
    folder.write("key", own.key.read_bytes())
    folder.write("client.pem", own.certificate.read_bytes())
    folder.write("ca.pem", authority.ca.encode())
    connection = told(port) | {"proof_seed": base64.b64encode(bytes(32)).decode()}
    folder.write("connection.json", json.dumps(connection).encode())
    return folder


def test_it_says_what_it_waits_for_a_line_for_each_state_and_nothing_to_ssh(
    tmp_path: Path, authority: PocketAuthority, scripted: Scripted
) -> None:
    states = ["routed", "awaiting_operator", "awaiting_operator", "connecting"]
    scripted.answers = [(200, session(state)) for state in states]
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    with waiting_at_a_relay(authority) as (port, enough):
        folder = folder_of(tmp_path, authority, port)
        with subprocess.Popen(
            [sys.executable, "-I", "-m", "bedside.specialist.proxy", str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"BEDSIDE_HOME": str(tmp_path), "PATH": os.environ["PATH"]},  # noqa: TID251
        ) as proxy:
            assert proxy.stderr is not None
            lines = [proxy.stderr.readline().split(" · ")[0].strip() for _ in range(3)]
            enough.set()
            out, rest = proxy.communicate(timeout=30)

    assert lines == [
        "bedside: On its way to the device",
        "bedside: Waiting for the operator at the device",
        f"bedside: {second_words(Language.ENGLISH)}",
    ]
    assert out == ""
    assert "revoked" in rest


def test_without_a_login_it_waits_all_the_same(
    tmp_path: Path, authority: PocketAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    with waiting(folder_of(tmp_path, authority, 1), Language.ENGLISH):
        before = threading.active_count()
        while threading.active_count() >= before:  # the watcher has found no login, and left
            threading.Event().wait(0.02)

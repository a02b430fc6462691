"""What the `ProxyCommand` says to the person, and where."""

import os
import pty
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from bedside.pki.contexts import relay_server_context, specialist_client_context
from bedside.specialist.dial import answers
from bedside.testing.certificates import PocketAuthority

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

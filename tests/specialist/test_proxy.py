"""What the `ProxyCommand` says to the person, and where."""

import os
import pty
import socket
import subprocess
import sys

import pytest

from bedside.specialist.dial import answers

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


@pytest.mark.parametrize("position", [0, 1])
def test_a_relay_answers_on_any_of_its_ports(position: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as relay, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = [closed.getsockname()[1]]
        told = {"relay": {"host": "127.0.0.1", "ports": ports}}
        assert not answers(told)
        ports.insert(position, relay.getsockname()[1])
        assert answers(told)

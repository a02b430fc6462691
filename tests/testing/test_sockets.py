"""The watch for listening sockets sees one when there is one."""

import os
import socket
import subprocess
import sys

from bedside.testing.sockets import descendants, listening

_LISTENER = "import socket,sys; s=socket.{}; print('up', flush=True); sys.stdin.read()"


def started(code: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        ["sh", "-c", f'{sys.executable} -c "{code}"; true'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def test_a_listening_grandchild_is_seen() -> None:
    tcp = started(_LISTENER.format("create_server(('127.0.0.1', 0))"))
    udp = started(
        _LISTENER.format("socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))")
    )
    try:
        assert len(descendants(tcp.pid)) == 2
        assert [found.split()[0] for found in listening(descendants(tcp.pid))] == ["tcp"]
        assert [found.split()[0] for found in listening(descendants(udp.pid))] == ["udp"]
        assert descendants(tcp.pid) <= descendants(os.getpid())
    finally:
        for process in (tcp, udp):
            process.communicate(b"")


def test_a_connection_that_was_dialled_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dialler = started(
            _LISTENER.format(f"create_connection(('127.0.0.1', {server.getsockname()[1]}))")
        )
        try:
            assert listening(descendants(dialler.pid)) == []
        finally:
            dialler.communicate(b"")

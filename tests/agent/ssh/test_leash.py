"""The leash obeys little: which user, without new privileges, and only what it started itself."""

import array
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bedside.agent.tether import start_leash
from bedside.agent.users import SessionUsers, find_user
from tests.agent.ssh.test_children import alive

ROOT = os.geteuid() == 0
COMMANDS = find_user(2_030_000_000 + os.getpid())
SERVICE = find_user(2_040_000_000 + os.getpid())
USERS = SessionUsers(COMMANDS, SERVICE, separate=True) if ROOT else SessionUsers()


class Worker:
    """Whoever holds the other end, honest or not."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        control.settimeout(20)

    def say(self, fds: tuple[int, ...] = (), **message: object) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self._control.sendmsg([json.dumps(message).encode()], rights)

    def hear(self) -> dict | None:
        data = self._control.recv(65536)
        return json.loads(data) if data else None

    def run(self, command: str, *, service: bool = False, fd: int | None = None) -> dict:
        """Run a shell's command on pipes, and return what was answered first."""
        fds = (fd,) * 3 if fd is not None else (0, 1, 2)
        self.say(
            fds,
            do="spawn",
            id=1,
            argv=["/bin/sh", "-c", command],
            environment={"PATH": "/usr/bin:/bin"},
            folder="/",
            service=service,
            terminal=False,
        )
        answer = self.hear()
        assert answer is not None
        return answer


@contextmanager
def held() -> Iterator[tuple[Worker, int]]:
    pid, control = start_leash(USERS)
    try:
        yield Worker(control), pid
    finally:
        control.close()
        os.waitpid(pid, 0)


@pytest.mark.parametrize("service", [False, True])
def test_a_command_runs_as_its_user_without_new_privileges_and_owns_its_pipes(service):
    read, write = os.pipe()
    user = SERVICE if service else COMMANDS
    with held() as (worker, _pid):
        ids = "id -ru; id -u; id -rg; id -g; id -G; grep NoNewPrivs /proc/self/status"
        reopened = "echo reopened > /dev/stdout"
        assert worker.run(f"{ids}; {reopened}", service=service, fd=write)["what"] == "started"
        assert worker.hear() == {"what": "exited", "id": 1, "status": 0}
    said = os.read(read, 65536).decode().split()
    uid, gid = (user.uid, user.gid) if ROOT else (os.getuid(), os.getgid())
    assert said[:4] == [str(uid), str(uid), str(gid), str(gid)]
    assert said[-3:] == ["NoNewPrivs:", "1", "reopened"]
    assert not ROOT or said[4:-3] == [str(gid)]
    assert os.fstat(write).st_uid == uid
    for fd in (read, write):
        os.close(fd)


@pytest.mark.parametrize("kind", ["file", "named pipe", "folder"])
def test_no_file_of_the_device_is_handed_over(tmp_path, kind):
    path = tmp_path / "shadow"
    if kind == "named pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with held() as (worker, _pid):
        assert worker.run("true", fd=fd)["what"] == "started"
        assert worker.hear() == {"what": "exited", "id": 1, "status": 0}
    assert path.stat().st_uid == os.getuid()
    os.close(fd)


def test_only_what_it_started_is_signalled():
    with held() as (worker, pid):
        started = worker.run("echo up; exec sleep 987")
        for number in (started["pid"], os.getpid(), 0, -1, 2):
            worker.say(do="signal", id=number, signal=signal.SIGKILL)
        worker.say(do="signal", id=1, signal=signal.SIGTERM)
        assert worker.hear() == {"what": "exited", "id": 1, "status": -signal.SIGTERM}
        assert alive(pid)


@pytest.mark.parametrize(
    "message",
    [b"[", b"{}", b'{"do":"spawn","id":1}', b'{"do":"signal","id":1,"signal":99999}', b"\xff"],
)
def test_nonsense_costs_the_session_and_leaves_nobody(message):
    pid, control = start_leash(USERS)
    worker = Worker(control)
    started = worker.run("sleep 987")
    control.send(message)
    while worker.hear() is not None:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not alive(started["pid"])
    control.close()

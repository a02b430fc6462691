"""Nothing of the agent listens, at any moment of a journey (S14; issue 2, point 5)."""

import shlex
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from bedside.demo.check import HOST, Journey
from bedside.demo.people import DEVICE, MARIE
from bedside.demo.processes import free_port, wait_for
from bedside.testing.sockets import ListenerWatch, descendants
from bedside.vocabulary import Activity
from tests.journeys.play import Running


def _of_the_agent(journey: Journey) -> Callable[[], set[int]]:
    return lambda: descendants(journey.world.processes.pid("agent"))


def _looks_on(watch: ListenerWatch, journey: Journey) -> None:
    """Let it look a few times, then fail if it has found anything."""
    enough = watch.looks + 5
    wait_for("more looks", lambda: watch.looks >= enough)
    assert not watch.found, journey.operator.status


@pytest.mark.parametrize(
    ("access", "mode", "activity"),
    [
        ("system", "view", Activity.VIEWING),
        ("system", "control", Activity.CONTROLLING),
    ],
)
def test_nothing_listens_from_idle_to_idle(
    journey: Journey, access: str, mode: str, activity: Activity
) -> None:
    with ListenerWatch(_of_the_agent(journey)) as watch:
        _looks_on(watch, journey)
        asking = journey.request(MARIE, "--access", access, "--mode", mode)
        journey.operator.asked()
        _looks_on(watch, journey)
        code = journey.operator.accept()
        _looks_on(watch, journey)
        said, _ = asking.communicate(timeout=60)
        assert asking.returncode == 0, said
        ssh = journey.openssh(MARIE)
        ssh.answers(credential=journey.world.support_credential, code=code)

        _use(journey, mode)

        journey.operator.wait_for("it to be live", lambda s: s.activity is activity)
        _looks_on(watch, journey)
        assert journey.world.specialist(MARIE, "end", DEVICE).returncode == 0
        journey.idle()
        _looks_on(watch, journey)

    assert not watch.found
    assert watch.looks > 100
    for part in ("bedside.agent.supervisor", "bedside.agent.worker", "ssh.leash"):
        assert any(part in command for command in watch.watched), watch.watched
    if mode == "control":
        journey.operator.verify()


def _use(journey: Journey, mode: str) -> None:
    """Files, a forwarded port with a request through it, and a shell: all that is granted."""
    ssh, world = journey.openssh(MARIE), journey.world
    home = world.home(MARIE)
    got = ssh.run("scp", f"{HOST}:/items/service.log", str(home / "service.log"))
    assert got.returncode == 0, got.stderr
    if mode == "view":
        return
    forward = f"{free_port()}:diagnostics:{world.ports.diagnostics}"
    with Running(ssh, "-L", forward) as running:
        running.flows()
        with socket.create_connection(
            ("127.0.0.1", int(forward.split(":", maxsplit=1)[0])), 10
        ) as line:
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b'"phase"' in line.makefile("rb").read()
        (home / "new.cfg").write_text("limit = 8\n")
        put = ssh.run("scp", str(home / "new.cfg"), f"{HOST}:/inbox/new.cfg")
        assert put.returncode == 0, put.stderr
        running.flows()


_LISTEN = (
    "import socket, sys; kind = getattr(socket, sys.argv[1]); s = socket.socket(type=kind); "
    "s.bind(('127.0.0.1', 0)); kind is socket.SOCK_STREAM and s.listen(); "
    "print('bound', flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize(("kind", "table"), [("SOCK_STREAM", "tcp"), ("SOCK_DGRAM", "udp")])
def test_the_watch_sees_a_listener_of_a_descendant(kind: str, table: str) -> None:
    command = shlex.join([sys.executable, "-c", _LISTEN, kind])
    with (
        subprocess.Popen(
            ["sh", "-c", f"{command}; true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as parent,
        ListenerWatch(lambda: descendants(parent.pid)) as watch,
    ):
        assert parent.stdout is not None
        assert parent.stdin is not None
        assert parent.stdout.readline() == b"bound\n"

        wait_for("the watch to find it", lambda: bool(watch.found))

        parent.stdin.close()
    assert {found.split()[0] for found in watch.found} == {table}


def test_the_watch_sees_a_listener_that_a_session_starts(journey: Journey) -> None:
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    with ListenerWatch(_of_the_agent(journey)) as watch:
        command = shlex.join([sys.executable, "-c", _LISTEN, "SOCK_STREAM"])
        with ssh.start("ssh", HOST, command) as listener:
            assert listener.stdin is not None
            wait_for("the watch to find it", lambda: bool(watch.found))
            listener.stdin.close()
    journey.operator.stop()
    journey.idle()
    journey.operator.verify()

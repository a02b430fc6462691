"""The supervisor's hold on the leash: one goes, all goes, and nobody is left unburied."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.agent.reactor import Reactor
from bedside.agent.tether import Tether, descriptors, start_leash, sweep
from bedside.agent.users import SessionUsers, find_user
from tests.agent.ssh.test_children import alive, wait_for

ROOT = os.geteuid() == 0
USERS = (
    SessionUsers(find_user(2_050_000_000 + os.getpid()), separate=True) if ROOT else SessionUsers()
)
ESCAPE = "(setsid sh -c 'trap : HUP TERM; echo $$; while :; do sleep 1; done' &)"


def leashes() -> set[int]:
    """The leashes that this process has started and not yet buried."""
    found = ["pgrep", "-P", str(os.getpid()), "-f", "ssh.leash"]
    done = subprocess.run(found, capture_output=True, check=False)
    return {int(pid) for pid in done.stdout.split()}


def buried(pid: int) -> bool:
    """Whether this process has waited for its child."""
    return not Path(f"/proc/{pid}").exists()


def childless() -> bool:
    """Whether nobody is left to wait for; waits for nobody."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


class Play:
    """A supervisor's loop with a tether, and a worker's end of the leash."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.lost = self.ended = 0
        self.tether = Tether(self.reactor, USERS, lost=self._lose)
        before = leashes()
        self.control = self.tether.start()
        # Its name is there once it has begun, a moment after its birth.
        assert wait_for(lambda: leashes() - before, 60)
        (self.leash,) = leashes() - before

    def _lose(self) -> None:
        self.lost += 1

    def escape(self) -> int:
        """Start what leaves its parents; return its pid."""
        read, write = os.pipe()
        words = {"do": "spawn", "id": 1, "argv": ["/bin/sh", "-c", ESCAPE], "service": False,
                 "environment": {"PATH": "/usr/bin:/bin"}, "folder": "/", "terminal": False}  # fmt: skip
        socket.send_fds(self.control, [json.dumps(words).encode()], [write, write, write])
        os.close(write)
        pid = int(os.read(read, 100))
        os.close(read)
        return pid

    def worker_dies(self) -> None:
        self.control.close()
        self.tether.end(self._end)

    def _end(self) -> None:
        self.ended += 1

    def turn_until(self, condition) -> None:
        patience = self.reactor.later(60_000, lambda: pytest.fail("it did not come"))
        while not condition():
            # Not all that is waited for wakes the reactor.
            look = self.reactor.later(10, lambda: None)
            self.reactor.turn()
            look.cancel()
        patience.cancel()

    def starts(self) -> None:
        """Start the next leash: it waits for all that was, `ended` for a second and a half."""
        self.turn_until(self._starts)

    def _starts(self) -> bool:
        try:
            self.control = self.tether.start()
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return False
        return True

    def close(self) -> None:
        self.reactor.close()


@pytest.fixture
def play():
    made = Play()
    yield made
    made.close()


def test_the_next_one_does_not_start_before_the_last_one_is_gone(play):
    with pytest.raises(OSError, match="busy"):
        play.tether.start()
    play.worker_dies()
    play.turn_until(lambda: play.ended)
    play.starts()
    play.worker_dies()
    play.turn_until(lambda: play.ended == 2)


def test_the_worker_dies_and_then_all_is_gone(play):
    pid = play.escape()
    play.worker_dies()
    assert play.tether.busy
    play.turn_until(lambda: play.ended)
    assert (play.lost, play.ended, play.tether.busy) == (0, 1, False)
    play.starts()  # the next worker has its own
    assert not alive(pid)
    assert not alive(play.leash)
    play.worker_dies()
    play.turn_until(lambda: play.ended == 2)


def test_a_worker_that_leaves_closes_its_leash_first_and_is_not_hurried(play):
    play.control.close()
    play.turn_until(lambda: buried(play.leash))
    assert (play.lost, play.tether.busy) == (0, False)
    play.tether.end(play._end)
    assert (play.lost, play.ended, play.tether.busy) == (0, 1, False)


def test_a_worker_that_stays_without_its_leash_has_to_go(play):
    play.control.close()
    play.turn_until(lambda: play.lost)
    play.tether.end(play._end)
    play.turn_until(lambda: play.ended)


def test_the_leash_dies_and_then_the_worker_has_to_go(play):
    pid = play.escape()
    os.kill(play.leash, signal.SIGKILL)
    play.turn_until(lambda: play.lost)
    assert not play.tether.busy  # the worker lives: nothing is swept under its feet
    play.worker_dies()
    play.turn_until(lambda: play.ended)
    assert (play.lost, play.ended, play.tether.busy) == (1, 1, False)
    play.starts()
    # Without a user of its own it was below us, and is nobody's here: `adopt_orphans` is for that.
    assert alive(pid) is not ROOT
    if not ROOT:
        os.kill(pid, signal.SIGKILL)
    play.worker_dies()
    play.turn_until(lambda: play.ended == 2)


def test_a_leash_that_hangs_is_killed_and_what_it_held_is_ended(play):
    pid = play.escape()
    os.kill(play.leash, signal.SIGSTOP)
    play.worker_dies()
    play.turn_until(lambda: play.ended)
    play.starts()
    assert not alive(play.leash)
    assert alive(pid) is not ROOT
    if not ROOT:
        os.kill(pid, signal.SIGKILL)
    play.worker_dies()
    play.turn_until(lambda: play.ended == 2)


PARENT = """
import os, signal, sys
sys.path[:0] = sys.argv[1:]
from bedside.agent.privileges import adopt_orphans
from bedside.agent.tether import Tether
import tests.agent.test_tether as here
adopt_orphans()
here.USERS = here.SessionUsers()
play = here.Play()
pid = play.escape()
os.kill(play.leash, signal.SIGKILL)
play.turn_until(lambda: play.lost)
play.worker_dies()
play.turn_until(lambda: play.ended and here.childless())
assert not here.alive(pid)
print("none is left")
"""


def test_what_fell_to_the_supervisor_ends_and_is_buried():
    folders = [str(Path(__file__).parents[2])]
    done = subprocess.run(
        [sys.executable, "-c", PARENT, *folders], capture_output=True, text=True, check=False
    )
    assert done.stdout == "none is left\n", done.stderr


def test_a_sweep_at_the_start_ends_what_an_earlier_agent_left():
    play = Play()
    pid = play.escape()
    os.kill(play.leash, signal.SIGKILL)
    play.turn_until(lambda: play.lost)
    assert sweep(USERS, ["01JD5W8ZK3Q4R5S6T7V8W9X0YZ"]) == 0
    assert alive(pid) is not ROOT
    if not ROOT:
        os.kill(pid, signal.SIGKILL)
    play.control.close()
    play.close()


def test_wanted_descriptors_do_not_overwrite_each_other():
    one, other = socket.socketpair()
    actions, copies = descriptors({other.fileno(): one, one.fileno(): other})
    assert all(copy > max(one.fileno(), other.fileno()) or copy >= 10 for copy in copies)
    assert [action[2] for action in actions] == [other.fileno(), one.fileno()]
    for copy in copies:
        os.close(copy)
    one.close()
    other.close()


def test_a_leash_without_a_worker_leaves():
    pid, control = start_leash(USERS)
    control.close()
    assert wait_for(lambda: not alive(pid), 60)
    assert os.waitpid(pid, 0)[1] == 0

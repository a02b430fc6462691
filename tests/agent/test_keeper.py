"""The hold on a real process: one that never listens, one that talks nonsense, one that is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.agent.files import write_json
from bedside.agent.keeper import Keeper, sweep_leftovers
from bedside.agent.reactor import Reactor
from bedside.agent.users import SessionUsers
from tests.agent.test_session_life import alive

DEAF = "import time; time.sleep(1000)"
LEAVES = 'import socket; line = socket.socket(fileno=3); line.send(b\'{"do":"alive"}\\n{"do"\')'
RAVES = "import socket, time; socket.socket(fileno=3).send(b'[]\\n'); time.sleep(1000)"


class Play:
    """A keeper of a small program, and what it told."""

    def __init__(self, folder, program):
        self.reactor = Reactor()
        self.heard, self.exits = [], []
        self.record = folder / "worker.json"
        self.keeper = Keeper(
            self.reactor,
            [sys.executable, "-I", "-S", "-c", program],
            self.record,
            users=SessionUsers(),
            on_line=self.heard.append,
            on_exit=self.exits.append,
        )
        self.keeper.start()

    def turn_until(self, what):
        while not what():
            self.reactor.later(5, lambda: None)
            self.reactor.turn()

    def close(self):
        if self.keeper.running:
            self.keeper.kill("over")
            self.turn_until(lambda: not self.keeper.running)
        self.reactor.close()


@pytest.fixture
def plays(tmp_path):
    """Make a keeper of a program."""
    made = []

    def make(program):
        made.append(Play(tmp_path, program))
        return made[-1]

    yield make
    for play in made:
        play.close()


def test_a_worker_that_never_listens_delays_nobody_and_is_killed(plays):
    play = plays(DEAF)
    for _ in range(40):
        play.keeper.tell({"do": "message", "sealed": "x" * 30_000})
    play.keeper.kill("silent")
    play.turn_until(lambda: play.exits)
    assert play.exits == ["silent"]
    assert not play.keeper.running
    assert not play.record.exists()


def test_what_it_said_last_is_heard_and_half_a_line_is_not(plays):
    play = plays(LEAVES)
    play.turn_until(lambda: play.exits)
    assert play.heard == [{"do": "alive"}]
    assert play.exits == [""]


def test_a_worker_that_talks_nonsense_goes(plays):
    play = plays(RAVES)
    play.turn_until(lambda: play.exits)
    assert play.exits == ["nonsense: LineError: not an object"]
    assert play.heard == []


def test_a_worker_that_was_left_behind_is_gone_before_anything_else_is_done(tmp_path):
    record = tmp_path / "worker.json"
    left = subprocess.Popen([sys.executable, "-I", "-S", "-c", DEAF], start_new_session=True)
    started = Path(f"/proc/{left.pid}/stat").read_bytes().rpartition(b")")[2].split()[19]
    write_json(record, {"group": left.pid, "started": int(started)})
    assert sweep_leftovers(record)
    assert not alive(left.pid)
    assert left.wait() == -9
    assert not sweep_leftovers(record)


def test_a_pid_that_means_another_process_now_is_spared(tmp_path):
    record = tmp_path / "worker.json"
    write_json(record, {"group": os.getpid(), "started": 1})
    assert not sweep_leftovers(record)

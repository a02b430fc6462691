"""`kill -9` of the agent's processes, fifty times, at random moments (issue 2, point 7; S26).

Restarted each time, no acknowledged entry lost, nothing left running, no session left half open.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bedside.audit.chain import verify
from bedside.demo.check import HOST, Journey, journals_agree
from bedside.demo.people import MARIE
from bedside.demo.processes import wait_for
from bedside.testing.operator import Operator
from bedside.testing.sockets import descendants, processes_with
from bedside.vocabulary import Activity, Ending
from tests.journeys.play import Specialist, console_ending, device_ending, ended

ROUNDS = 50
SEED = 20417
STATES = ("idle", "idle", "asked", "live")
HIDDEN = "setsid sleep 600 & echo inside; exec sleep 600"


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _started(pid: int) -> bytes | None:
    """Return when a process started, or None when it is gone; a reused pid differs."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] == b"Z" else fields[19]


@dataclass
class Rounds:
    """The device under attack, and what every round left behind."""

    journey: Journey
    specialist: Specialist
    dice: random.Random
    killed: list[str] = field(default_factory=list)

    # ---- the processes ----

    def pid(self, part: bytes) -> int | None:
        """Return the agent's process of this name, if it runs."""
        tree = descendants(self.journey.world.processes.pid("agent"))
        return next((pid for pid in tree if part in _command(pid)), None)

    def kill(self) -> None:
        """Kill supervisor or worker now, and wait until nothing that hung on it is left."""
        supervisor = self.pid(b"bedside.agent.supervisor")
        worker = self.pid(b"bedside.agent.worker")
        victim = self.dice.choice([supervisor, worker or supervisor])
        if victim is None:
            # It is being started this very moment: that is a moment too, but nothing is there.
            return
        self.killed.append("supervisor" if victim == supervisor else "worker")
        tree = {pid: _started(pid) for pid in descendants(victim)}
        before = self.journal()
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        wait_for(
            "what it had started to be gone",
            lambda: not [pid for pid, start in tree.items() if start and _started(pid) == start],
        )
        wait_for("the supervisor", lambda: self.pid(b"bedside.agent.supervisor") is not None)
        if victim == supervisor:
            self.meet_again()
        after = self.journal()
        assert after[: len(before)] == before
        verdict = verify(after.splitlines())
        assert verdict.fault is None, verdict

    def meet_again(self) -> None:
        """Connect a new panel, as soon as the agent takes it, and see a status on it."""
        operators = []

        def connected() -> bool:
            with suppress(OSError):
                operators.append(Operator(self.journey.world.device.panel_socket))
            return bool(operators)

        self.journey.operator.leave()
        wait_for("the panel's socket", connected)
        self.journey.operator = operators[0]
        self.journey.operator.wait_for("a status", lambda status: True)

    def journal(self) -> bytes:
        """Return the device's journal, its whole lines."""
        data = self.journey.world.device.journal.read_bytes()
        return data[: data.rfind(b"\n") + 1]

    # ---- the people ----

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let the specialist in, and have a command run that hides a process."""
        code = self.journey.operator.accept()
        ssh = self.journey.openssh(MARIE)
        ssh.answers(credential=self.journey.world.support_credential, code=code)
        with ssh.start("ssh", "-S", "none", HOST, HIDDEN) as running:
            try:
                yield
            finally:
                running.kill()

    def over(self, session: str) -> None:
        """Bring a session that the kill did not meet to its end, and check how each side tells it."""
        world = self.journey.world

        def refused_or_over() -> bool:
            status = self.journey.operator.status
            if status and status.request:
                # It may be over while we press: then there is nothing to refuse any more.
                with suppress(PermissionError, TimeoutError):
                    self.journey.operator.refuse()
            return ended(world, session)

        wait_for("the session to be over", refused_or_over)
        ending = device_ending(world, session)
        assert ending in set(Ending)
        assert console_ending(world, session) == ending
        assert not processes_with(f"BEDSIDE_SESSION={session}")
        self.journey.idle()

    def play(self, state: str) -> None:
        """One round."""
        if state == "idle":
            self.wait(0.5)
            self.kill()
            return
        session = self.specialist.ask()
        if state == "asked":
            self.wait(2)
            self.kill()
        else:
            with self.inside():
                self.wait(3)
                self.kill()
        self.over(session)

    def wait(self, at_most_s: float) -> None:
        """Let a random moment come."""
        time.sleep(self.dice.uniform(0, at_most_s))


@pytest.mark.timeout(900)
def test_fifty_kills_lose_nothing_and_leave_nothing(journey: Journey, marie: Specialist) -> None:
    rounds = Rounds(journey, marie, random.Random(SEED))
    began = time.monotonic()

    for _ in range(ROUNDS):
        rounds.play(rounds.dice.choice(STATES))

    print(f"{ROUNDS} rounds in {time.monotonic() - began:.0f} s")
    assert len(rounds.killed) >= ROUNDS - 2
    assert set(rounds.killed) == {"supervisor", "worker"}
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    said = ssh.run("ssh", HOST, "echo as before")
    assert said.stdout == b"as before\n", said
    journey.operator.wait_for("control", lambda s: s.activity is Activity.CONTROLLING)
    journey.operator.stop()
    journey.idle()
    journey.operator.verify()
    journals_agree(journey)

"""From the operator's Stop to the last process of the session, with every server dead.

The session runs a command on a terminal and a process that hides from it. The peer is the kernel
alone: SIGKILL to a process group of as many processes, until they are gone.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bedside.demo.check import HOST, Journey
from bedside.demo.people import MARIE
from bedside.demo.processes import wait_for
from bedside.demo.world import RELAYS, World
from bench.figures import median, report

ROUNDS = 8
SERVERS = ("web", "live", "worker", "relay-a", "relay-b")


def main() -> None:
    """Run interleaved rounds of both and print the figures."""
    ours, peers = [], []
    with (
        tempfile.TemporaryDirectory(prefix="bedside-") as folder,
        World(Path(folder) / "w", limits={"console_retry_most_ms": 500}) as world,
    ):
        journey = Journey(world)
        journey.log_in(MARIE)
        for number in range(ROUNDS):
            ours.append(stop(journey, Path(folder) / f"pids-{number}"))
            peers.append(kill())
        journey.close()
    report("stop.pressed_to_gone.p50", median(ours) * 1000, "ms")
    report("stop.pressed_to_gone.max", max(ours) * 1000, "ms")
    report("stop.killed_to_gone.kernel.p50", median(peers) * 1000, "ms")
    report("stop.rounds", ROUNDS, "sessions")


def stop(journey: Journey, note: Path) -> float:
    """Return the seconds from Stop until no process of one session is left."""
    world = journey.world
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    command = f"(setsid sleep 600 & echo $! >> {note}); echo $$ >> {note}; exec sleep 600"
    with ssh.start("ssh", "-tt", "-S", "none", HOST, command) as running:
        wait_for("two processes", lambda: len(_pids(note)) == 2)
        for name in SERVERS:
            world.processes.kill(name)
        started = time.perf_counter()
        journey.operator.stop()
        _gone(_pids(note))
        took = time.perf_counter() - started
        running.kill()
    world.start_console()
    for name in RELAYS:
        world.start_relay(name)
    journey.idle()
    journey.operator.verify()
    journey.operator.wait_for("a relay", lambda status: status.connection.relay is not None)
    return took


def kill() -> float:
    """Return the seconds from SIGKILL until two processes of one group are gone."""
    with subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600"], start_new_session=True) as group:
        wait_for("two sleepers", lambda: len(_children(group.pid)) == 2)
        pids = [group.pid, *_children(group.pid)]
        started = time.perf_counter()
        os.killpg(group.pid, signal.SIGKILL)
        group.wait()
        _gone(pids)
        return time.perf_counter() - started


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _pids(note: Path) -> list[int]:
    return [int(line) for line in note.read_text().split()] if note.exists() else []


def _gone(pids: Sequence[int]) -> None:
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.001)


if __name__ == "__main__":
    main()

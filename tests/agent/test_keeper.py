"""What a worker leaves behind ends with it, whatever it did to its name."""

import subprocess
import sys
import time
from pathlib import Path

from bedside.testing.sockets import processes_with

# In a process of its own: it becomes the parent of every orphan below it, and ends them.
_SUPERVISOR = """
import sys, time
from pathlib import Path
from bedside.agent.keeper import Keeper
from bedside.agent.reactor import Reactor

reactor, ended = Reactor(), []
script = "(env -i setsid sh -c 'exec sleep {seconds}' &); sleep 0.3; kill -9 $$"
keeper = Keeper(
    reactor,
    ["/bin/sh", "-c", script],
    record=Path(sys.argv[1]) / "worker.json",
    on_line=lambda line: None,
    on_exit=ended.append,
)
keeper.start()
until = time.monotonic() + 4
while time.monotonic() < until:
    reactor.later(50, lambda: None)
    reactor.turn()
print(ended, flush=True)
sys.stdin.read()
"""


def test_a_process_that_hid_its_mark_ends_with_its_worker(tmp_path: Path) -> None:
    seconds = f"60{time.time_ns() % 10**7}"
    with subprocess.Popen(
        [sys.executable, "-c", _SUPERVISOR.replace("{seconds}", seconds), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        told = supervisor.stdout.readline()
        left = [pid for pid in processes_with(seconds) if pid != supervisor.pid]
        supervisor.communicate("")

    assert told == "[False]\n"
    assert left == []

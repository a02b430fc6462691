"""The demonstration's programs are started, watched and ended together."""

import sys
from pathlib import Path

import pytest

from bedside.demo.processes import Processes, ProgramLostError, free_port, wait_for

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has buried yet has ended too."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def test_everything_ends_with_the_demonstration(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        pids = [processes.start(name, SLEEPER) for name in ("one", "two")]
        wait_for("the log", lambda: b"up" in (tmp_path / "two.log").read_bytes())
        processes.check()

    assert all(gone(pid) for pid in pids)


def test_children_of_a_killed_program_die_with_it(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        pid = processes.start("shell", ["sh", "-c", "sleep 600 & echo $!; wait"])
        log = tmp_path / "shell.log"
        wait_for("the child", lambda: log.read_bytes().endswith(b"\n"))

        processes.kill("shell")

        child = int(log.read_text())
        wait_for("the child's end", lambda: gone(child), within_s=60)
        assert gone(pid)
        assert processes.names() == []


def test_a_program_that_ends_by_itself_is_named_with_its_last_words(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("brief", ["sh", "-c", "echo no such port; exit 4"])

        def lost() -> bool:
            try:
                processes.check()
            except ProgramLostError as error:
                return "brief ended with 4" in str(error) and "no such port" in str(error)
            return False

        wait_for("the loss", lost, within_s=60)


def test_what_ended_is_started_again_as_it_was_and_what_it_left_is_gone(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        line = "echo $WORD; sleep 600 & echo $!; kill -9 $$"
        processes.start("relay-a", ["sh", "-c", line], WORD="hello")
        wait_for("its end", lambda: bool(processes.ended()), within_s=60)
        assert processes.ended() == {"relay-a": -9}
        child = int(processes.last_words("relay-a").split()[-1])

        processes.restart("relay-a")

        wait_for("what it left", lambda: gone(child), within_s=60)
        wait_for("its second end", lambda: bool(processes.ended()), within_s=60)
        assert processes.last_words("relay-a").count("hello") == 2


def test_waiting_names_what_never_came() -> None:
    with pytest.raises(TimeoutError, match="the moon: not within 0 s"):
        wait_for("the moon", lambda: False, within_s=0.1)


def test_a_free_port_is_nobodys_and_no_client_will_get_it() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(100)]

    assert len(set(ports)) == 100
    assert all(1024 <= port < lowest for port in ports)

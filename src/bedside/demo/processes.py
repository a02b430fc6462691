"""The programs of the demonstration as child processes: started, watched, ended together."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

__all__ = ["Processes", "ProgramLostError", "free_port", "wait_for"]

# Below what Linux lends to clients (from 32768 on); processes with neighbouring ids begin far apart.
_FIRST_PORT, _PORTS = 15_000, 17_000
_numbers = itertools.count(os.getpid() * 101)
STOP_S = 20.0
START_S = 60.0


class ProgramLostError(RuntimeError):
    """A program of the demonstration ended by itself; the message shows the end of its log."""


def free_port() -> int:
    """Return a TCP port of the loopback that is free now; each call gives another.

    It is one that the kernel lends to no client. One of the kernel's own choice could be a client's
    by the time that a program which was killed listens there again.
    """
    import socket

    for number in _numbers:
        port = _FIRST_PORT + number % _PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("numbers do not end")


def wait_for(what: str, ready: Callable[[], bool], *, within_s: float = START_S) -> None:
    """Wait until `ready()` holds; raises TimeoutError naming `what`."""
    until = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {within_s:.0f} s")
        time.sleep(0.05)


class Processes:
    """Named child processes, each in a process group of its own, each with its log file.

    Args:
        logs: the folder of the log files.
        environment: what every program gets in addition to this one's.
    """

    def __init__(self, logs: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.logs = logs
        self._environment = {**os.environ, **(environment or {})}  # noqa: TID251 - handed on whole
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop_all()

    def start(self, name: str, command: Sequence[str], **extra: str) -> int:
        """Start `command` as `name`; returns its process id."""
        self._started[name] = command, extra
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._environment, **extra},
                start_new_session=True,
            )
        return self._running[name].pid

    def bedside(self, name: str, *words: str, **extra: str) -> int:
        """Start `bedside WORDS...` of this installation as `name`; returns its process id."""
        return self.start(name, [sys.executable, "-m", "bedside", *words], **extra)

    def pid(self, name: str) -> int:
        """Return the process id of a running program."""
        return self._running[name].pid

    def names(self) -> list[str]:
        """Return the programs that were started and not stopped."""
        return list(self._running)

    def check(self) -> None:
        """Raise ProgramLostError if a program has ended by itself."""
        for name, status in self.ended().items():
            raise ProgramLostError(f"{name} ended with {status}:\n{self.last_words(name)}")

    def ended(self) -> dict[str, int]:
        """Return the programs that have ended by themselves, with their exit status."""
        found = {name: process.poll() for name, process in self._running.items()}
        return {name: status for name, status in found.items() if status is not None}

    def last_words(self, name: str) -> str:
        """Return the end of a program's log."""
        return (self.logs / f"{name}.log").read_text("utf-8", "replace")[-2000:]

    def restart(self, name: str) -> int:
        """Start a program that ended again, as it was started; returns its process id."""
        self.kill(name)  # what it left behind would hold its port
        command, extra = self._started[name]
        return self.start(name, command, **extra)

    def kill(self, name: str) -> None:
        """End a program as a power cut does, with everything in its group."""
        self._signal(name, signal.SIGKILL)
        self._running.pop(name).wait()

    def stop(self, name: str) -> None:
        """Ask a program to end; insist after twenty seconds."""
        self._signal(name, signal.SIGTERM)
        process = self._running.pop(name)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _signal(self, name: str, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running[name].pid, number)

    def stop_all(self) -> None:
        """End everything, last started first."""
        for name in reversed(self.names()):
            self.stop(name)

"""What the journeys about losses share: a running `ssh`, endings in both journals, processes."""

import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bedside.demo.check import HOST
from bedside.demo.people import DEVICE, Person
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from bedside.language import Language
from bedside.specialist import opening
from bedside.specialist.api import Console
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.store import load_login
from bedside.testing.openssh import OpenSsh
from tests.journeys.records import Record, console_records, device_records

__all__ = [
    "ANSWER_S",
    "LIMITS",
    "Running",
    "Specialist",
    "console_ending",
    "device_ending",
    "ended",
    "last_session",
    "power_cut",
]

ENDED = "session:life:ended"
ANSWER_S = 60
"""How long an operator has to answer (seconds)."""
LIMITS = {"console_retry_most_ms": 1_000, "refused_retry_ms": 2_000, "lost_ms": 3_000}
"""Relays that ask again soon: what a journey shows does not depend on how long a pause is."""


class Running:
    """A command that says something again and again over `ssh`, until something ends it."""

    COMMAND = "while :; do echo tick; sleep 0.1; done"

    def __init__(self, ssh: OpenSsh, *words: str, command: str = COMMAND) -> None:
        self._lines = 0
        self._news = threading.Condition()
        self.said = b""
        # A terminal of its own, as a person has one: programs may speak to it past `ssh`.
        wanted = shlex.join(ssh.command("ssh", "-t", *words, HOST, command))
        self.process = ssh.start_program(["script", "-qefc", wanted, "/dev/null"])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill it, and let go of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(10)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self._lines += line.strip() == b"tick"
                if line.strip() != b"tick":
                    self.said += line
                self._news.notify_all()

    def flows(self, lines: int = 3, *, within_s: float = 60) -> None:
        """Wait for `lines` more lines; raises TimeoutError when they do not come."""
        with self._news:
            wanted = self._lines + lines
            if not self._news.wait_for(lambda: self._lines >= wanted, within_s):
                raise TimeoutError(f"nothing flows; ssh said {self.said!r}")

    def ends(self, *, within_s: float = 60) -> int:
        """Wait until `ssh` has ended, and return its exit status."""
        status = self.process.wait(within_s)
        self._reader.join(10)
        return status


def last_session(world: World) -> str:
    """Return the session whose order the device received last."""
    received = [r for r in device_records(world) if r.action == "order:document:received"]
    session = received[-1].session
    assert session is not None
    return session


def _ending(records: list[Record], session: str) -> str | None:
    endings = [r.detail["ending"] for r in records if r.action == ENDED and r.session == session]
    assert len(endings) < 2, f"{session} ended more than once: {endings}"
    return endings[0] if endings else None


def ended(world: World, session: str) -> bool:
    """Return whether the device's journal has an ending for `session`."""
    return _ending(device_records(world), session) is not None


def device_ending(world: World, session: str, *, within_s: float = 60) -> str:
    """Wait for the one entry that ends `session` in the device's journal; return how."""
    wait_for(
        f"the ending of {session} at the device",
        lambda: _ending(device_records(world), session) is not None,
        within_s=within_s,
    )
    return _ending(device_records(world), session) or ""


def console_ending(world: World, session: str, *, within_s: float = 60) -> str:
    """Wait for the one entry that ends `session` in the console's own journal; return how."""
    wait_for(
        f"the ending of {session} at the console",
        lambda: _ending(console_records(world), session) is not None,
        within_s=within_s,
    )
    return _ending(console_records(world), session) or ""


class Specialist:
    """A specialist who is logged in, and asks without starting a program each time."""

    def __init__(self, world: World, person: Person) -> None:
        home = world.home(person)
        self._config = SpecialistConfig(
            home / "config", home / "state", home / "ssh", Language.FRENCH
        )
        login = load_login(self._config.login)
        assert login is not None
        self._console = Console(login, language=Language.FRENCH)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._console.close()

    def ask(
        self, *, case: str = "C-88213", reason: str = "Pressure fault E12", join: bool = True
    ) -> str:
        """Ask for control of the system; returns the session.

        It is ready for `ssh` once allowed, unless nobody will `join` what the device refuses.
        """
        wanted = {
            "device": DEVICE,
            "access": "system",
            "mode": "control",
            "duration_minutes": 10,
            "case": case,
            "reason": reason,
        }
        session, folder = opening.begin(self._console, self._config, wanted)
        if join:
            opening.connect(self._console, self._config, folder)
        return str(session["id"])

    def end(self, session: str) -> None:
        """End a session at the console."""
        self._console.post(f"/sessions/{session}/end", {})

    def folder(self, session: str) -> Path:
        """Return where a session's key and certificates are."""
        return self._config.sessions / session


CONSOLE = ("web", "live", "worker")


@contextmanager
def power_cut(world: World, *names: str) -> Iterator[None]:
    """Kill these programs as a power cut does; they are back when the block is left."""
    for name in names:
        world.processes.kill(name)
    try:
        yield
    finally:
        if set(CONSOLE) & set(names):
            world.start_console()
        for name in names:
            if name.startswith("relay-"):
                world.start_relay(name.removeprefix("relay-"))

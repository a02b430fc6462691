"""A PostgreSQL of one's own: a cluster in a temporary folder, reached by a socket only.

The server is Debian's package `postgresql`. It will not run as root: a root's cluster belongs to
the package's own user. It ends with whoever started it, even when that is killed.
"""

import ctypes
import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

__all__ = ["Cluster", "Place", "server_folder"]

USER = "bedside"

_VERSIONS = Path("/usr/lib/postgresql")
_PR_SET_PDEATHSIG = 1
# Tests need no durability, and a benchmark says which it wants.
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_WAIT_S = 60


def server_folder() -> Path:
    """Return where the newest server's programs are; RuntimeError where there is none."""
    found = sorted(_VERSIONS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise RuntimeError("no PostgreSQL server here: make system")
    return found[-1].parent


@dataclass(frozen=True)
class Place:
    """Where a running server is reached."""

    folder: Path

    def create(self, name: str, *, like: str = "template1") -> str:
        """Create a database, a copy of another one, and return its address for a configuration."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(like)))
        return self.address(name)

    def rename(self, name: str, new: str) -> None:
        """Rename a database that nobody uses."""
        statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(new)))

    def drop(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def address(self, name: str) -> str:
        """Return the address of a database for a console's configuration."""
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres") as connection:
            connection.autocommit = True
            connection.execute(statement)


class Cluster:
    """A running server; `stop` ends it and removes its folder.

    Args:
        values: configuration beside the defaults, by name.
        folder: where the cluster is, or is made, and stays when it is halted; None: a temporary one.
    """

    def __init__(self, values: dict[str, str] | None = None, *, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="bedside-pg-"))
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.place = Place(self.folder)
        self._runs_as = "postgres" if os.geteuid() == 0 else getpass.getuser()
        if os.geteuid() == 0:
            shutil.chown(self.folder, self._runs_as)
        self._data = self.folder / "data"
        self._values = {**QUICK, "max_connections": "200", **(values or {})}
        try:
            if not self._data.exists():
                self._run(
                    "initdb", "--pgdata", str(self._data), "--username", USER, "--auth=trust",
                    "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
                )  # fmt: skip
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        values = {"listen_addresses": "", "unix_socket_directories": str(self.folder)}
        values |= self._values
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(server_folder() / "postgres"), "-D", str(self._data),
                    *(word for name, value in values.items() for word in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=log, cwd="/",
                user=self._user(), group=self._group(), extra_groups=self._groups(),
                preexec_fn=_end_with_parent(),  # noqa: PLW1509 - no thread runs yet
            )  # fmt: skip
        deadline = time.monotonic() + _WAIT_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server and everything in it."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def halt(self, number: int = signal.SIGINT) -> None:
        """End the server alone: SIGINT in good order, SIGQUIT as if it had been killed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(timeout=_WAIT_S)

    def _answers(self) -> bool:
        return self._call("pg_isready", "--quiet", "--host", str(self.folder)).returncode == 0

    def _run(self, program: str, *words: str) -> None:
        done = self._call(program, *words)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    def _call(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(server_folder() / program), *words],
            capture_output=True, text=True, check=False, cwd="/", timeout=_WAIT_S,
            user=self._user(), group=self._group(), extra_groups=self._groups(),
        )  # fmt: skip

    def _user(self) -> int | None:
        return pwd.getpwnam(self._runs_as).pw_uid if os.geteuid() == 0 else None

    def _group(self) -> int | None:
        return pwd.getpwnam(self._runs_as).pw_gid if os.geteuid() == 0 else None

    def _groups(self) -> list[int] | None:
        return [] if os.geteuid() == 0 else None


def _end_with_parent() -> Callable[[], None]:
    libc = ctypes.CDLL(None)

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

    return arrange

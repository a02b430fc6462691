"""The supervisor's hold on its worker: start it, feed it, hear it, kill it with all it started.

The worker leads a process group of its own and dies with the supervisor (it asks the kernel for that
itself). Beside it the supervisor holds a leash (`tether`), which ends what the session started; the
worker counts as running until that is done.
"""

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.agent.files import read_json, write_json
from bedside.agent.lines import WORKER_LINE_LIMIT, LineBuffer, LineError, parse_line, to_line
from bedside.agent.raised import raised
from bedside.agent.reactor import READ, WRITE, Reactor
from bedside.agent.tether import Tether, descriptors
from bedside.agent.users import SessionUsers

__all__ = ["Keeper", "sweep_leftovers", "worker_command"]

_WORKER_FD = 3
_LEASH_FD = 4
_GONE_S = 1.0
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(slots=True)
class _Process:
    """The worker that runs: its pid, how we know of its end, and what is being said."""

    pid: int
    pidfd: int
    socket: socket.socket
    lines: LineBuffer
    out: bytearray


class Keeper:
    """At most one worker at a time.

    Args:
        reactor: the loop that drives it.
        command: the worker's argument list; it finds its socket at descriptor 3, its leash's at 4.
        record: where the worker's pid is noted, for the sweep after our own death.
        users: as whom a session's processes run.
        on_line: called with each object that the worker says.
        on_exit: called once per worker when it is gone, what its session started is too, and
            everything it said was heard, with how it was lost: nothing where it left in order.
    """

    def __init__(
        self,
        reactor: Reactor,
        command: Sequence[str],
        record: Path,
        *,
        users: SessionUsers,
        on_line: Callable[[dict[str, Any]], None],
        on_exit: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._command = list(command)
        self._record = record
        self._on_line = on_line
        self._on_exit = on_exit
        self._process: _Process | None = None
        self._killed = ""
        self._tether = Tether(reactor, users, lost=lambda: self.kill("leash"))

    @property
    def running(self) -> bool:
        """Whether there is a worker, or something that its session started."""
        return self._process is not None or self._tether.busy

    @property
    def pid(self) -> int | None:
        """The worker's pid, or None."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the worker; raise OSError when the system cannot."""
        assert not self.running
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._tether.start() as leash, raised():
                pid = self._spawn({_WORKER_FD: theirs, _LEASH_FD: leash})
        except OSError:
            ours.close()
            raise
        ours.setblocking(False)
        process = _Process(
            pid, os.pidfd_open(pid), ours, LineBuffer(WORKER_LINE_LIMIT), bytearray()
        )
        self._process = process
        self._note()
        self._reactor.watch(ours, READ, self._ready)
        self._reactor.watch(process.pidfd, READ, self._died)

    def _spawn(self, given: Mapping[int, socket.socket]) -> int:
        actions, copies = descriptors(given)
        try:
            return os.posix_spawn(
                self._command[0],
                self._command,
                _ENVIRONMENT,
                file_actions=[*actions, (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
                setsid=True,
                setsigdef=[signal.SIGTERM, signal.SIGPIPE],
            )
        finally:
            for copy in copies:
                os.close(copy)

    def tell(self, message: dict[str, Any]) -> None:
        """Say `message` to the worker; nothing happens when there is none."""
        if self._process is not None:
            self._process.out += to_line(message)
            self._flush()

    def kill(self, why: str) -> None:
        """End the worker now, and by its death all it started; `on_exit` follows and says `why`."""
        if self._process is not None:
            self._killed = self._killed or why
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process.pidfd, signal.SIGKILL)

    def _note(self) -> None:
        if self._process is not None:
            pid = self._process.pid
            with contextlib.suppress(OSError):
                write_json(self._record, {"group": pid, "started": _start_time(pid)})

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & READ:
            self._hear()

    def _hear(self) -> bool:
        """Take what the worker said; return False when it said its last word."""
        if self._process is None:
            return False
        try:
            data = self._process.socket.recv(256 * 1024)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self._reactor.forget(self._process.socket)
            return False
        try:
            for line in self._process.lines.feed(data):
                self._on_line(parse_line(line))
        except (LineError, KeyError, TypeError, ValueError) as error:
            # A worker that speaks nonsense was taken over or is broken: either way it goes.
            self.kill(f"nonsense: {type(error).__name__}: {error}")
            return False
        return True

    def _flush(self) -> None:
        if self._process is None:
            return
        process = self._process
        try:
            while process.out:
                del process.out[: process.socket.send(process.out)]
        except BlockingIOError:
            pass
        except OSError:
            process.out.clear()
        if process.socket.fileno() >= 0:
            self._reactor.watch(process.socket, READ | WRITE if process.out else READ, self._ready)

    def _died(self, _events: int) -> None:
        process = self._process
        if process is None:
            return
        self._reactor.forget(process.pidfd)
        # What it said before it died counts: an entry it asked for may be acknowledged nowhere,
        # but it must not vanish.
        process.socket.setblocking(False)
        while self._hear_rest():
            pass
        self._reactor.forget(process.socket)
        process.socket.close()
        os.close(process.pidfd)
        _, status = os.waitpid(process.pid, 0)
        self._process = None
        self._record.unlink(missing_ok=True)
        _kill_group(process.pid)
        why, self._killed = self._killed, ""
        code = os.waitstatus_to_exitcode(status)
        lost = "" if code == 0 else why or (f"status {code}" if code > 0 else f"signal {-code}")
        self._tether.end(lambda: self._on_exit(lost))

    def _hear_rest(self) -> bool:
        assert self._process is not None
        try:
            data = self._process.socket.recv(256 * 1024)
            for line in self._process.lines.feed(data):
                self._on_line(parse_line(line))
        except (OSError, LineError, KeyError, TypeError, ValueError):
            return False
        return bool(data)


def sweep_leftovers(record: Path) -> bool:
    """Kill the process group that an earlier supervisor left behind; return whether there was one.

    A pid that was reused since is recognised by its start time and spared. On return the worker is
    gone, and with it its hold on the journal, unless the kernel keeps it for longer than a second.
    """
    try:
        noted = read_json(record) or {}
        pid, started = int(noted.get("group", 0)), noted.get("started")
    except ValueError:
        pid, started = 0, None
    record.unlink(missing_ok=True)
    if not pid or started is None or _start_time(pid) != started:
        return False
    with contextlib.suppress(OSError), _pidfd(pid) as pidfd:
        _kill_group(pid)
        select.select([pidfd], [], [], _GONE_S)
    return True


@contextlib.contextmanager
def _pidfd(pid: int) -> Iterator[int]:
    pidfd = os.pidfd_open(pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def worker_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that starts the worker, isolated from the user's environment."""
    return [sys.executable, "-I", "-m", "bedside.agent.worker", *arguments]


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _start_time(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[19])
    except (OSError, IndexError, ValueError):
        return None

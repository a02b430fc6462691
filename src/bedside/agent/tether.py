"""The supervisor's hold on the leash: starts it, hands its socket on, and ends what it held.

The supervisor alone can become another user; the leash (`ssh.leash`) inherits that right and the
worker never has it. A leash lives and dies with its worker: when one of them goes, so does the
other, and nothing new starts before what the session started is gone.
"""

import errno
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import bedside
from bedside.agent.raised import raised
from bedside.agent.reactor import READ, Reactor, Timer
from bedside.agent.users import SessionUsers

__all__ = ["Tether", "descriptors", "start_leash", "sweep"]

_LEASH_TIME_MS = 500
_WAIT_MS = 1_500
_LEAVE_MS = 2_000
_AGAIN_MS = 100
_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
_LEASH_FD = 3
_FREE_FD = 10
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, {source!r}); from bedside.agent.ssh.{name} import main; "
    "sys.exit(main(sys.argv[1:]))"
)


class Tether:
    """At most one leash at a time, and the sweep after one that did not end in order.

    Args:
        reactor: the loop that drives it.
        users: as whom a session's processes run.
        lost: called when the leash is gone before its worker: the worker has to go as well.
    """

    def __init__(self, reactor: Reactor, users: SessionUsers, *, lost: Callable[[], None]) -> None:
        self._reactor = reactor
        self._users = users
        self._lost = lost
        self._running: dict[int, int] = {}
        self._leash: int | None = None
        self._in_order = True
        self._ended: Callable[[], None] | None = None
        self._timers: list[Timer] = []
        self._sweeping = self._worker_gone = False

    @property
    def busy(self) -> bool:
        """Whether what a session started is being ended."""
        return self._ended is not None

    def start(self) -> socket.socket:
        """Start a leash and return the worker's end of its socket.

        Raises OSError: the system cannot, or what the last session started is still being ended.
        """
        if self._running or self._sweeping:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._worker_gone = False
        self._leash, control = start_leash(self._users)
        self._watch(self._leash, self._leash_died)
        return control

    def end(self, ended: Callable[[], None]) -> None:
        """The worker is gone: call `ended` when all that its session started is gone as well.

        It is called after a second and a half in any case, for processes that the kernel holds.
        """
        self._ended = ended
        self._worker_gone = True
        self._timers.append(self._reactor.later(_WAIT_MS, self._finish))
        if self._leash is not None:
            self._timers.append(self._reactor.later(_LEASH_TIME_MS, self._kill_leash))
        else:
            self._finish_or_sweep()

    def _leash_died(self, status: int) -> None:
        self._leash, self._in_order = None, status == 0
        if self._ended is not None:
            self._finish_or_sweep()
        elif self._worker_gone:
            # It was given up: what it left is swept before another one starts.
            if not self._in_order:
                self._sweep()
        elif self._in_order:
            # Its worker let it go: because it is about to be gone, or else it has to go as well.
            self._timers.append(self._reactor.later(_LEAVE_MS, self._lost))
        else:
            self._lost()

    def _finish_or_sweep(self) -> None:
        if self._in_order:
            self._finish()
        else:
            self._sweep()

    def _sweep(self) -> None:
        """The leash was killed, or left something: what it held fell to us."""
        self._sweeping = True
        try:
            sweeper = _start_sweep(self._users, ())
        except OSError:
            # No process can be made: what is to be swept may be why.
            self._reactor.later(_AGAIN_MS, self._sweep)
        else:
            self._watch(sweeper, self._swept)

    def _swept(self, _status: int) -> None:
        self._sweeping = False
        self._finish()

    def _finish(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._bury()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()

    def _bury(self) -> None:
        """Wait for the dead that fell to us; each of ours is waited for where it is watched."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            while (dead := os.waitid(os.P_ALL, 0, options)) and dead.si_pid not in self._running:
                os.waitpid(dead.si_pid, 0)
        except ChildProcessError:
            return

    def _kill_leash(self) -> None:
        if self._leash is not None:
            signal.pidfd_send_signal(self._running[self._leash], signal.SIGKILL)

    def _watch(self, pid: int, died: Callable[[int], None]) -> None:
        pidfd = self._running[pid] = os.pidfd_open(pid)

        def gone(_events: int) -> None:
            self._reactor.forget(pidfd)
            os.close(self._running.pop(pid))
            died(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

        self._reactor.watch(pidfd, READ, gone)


def start_leash(users: SessionUsers) -> tuple[int, socket.socket]:
    """Start a leash for `users`; return its pid and the worker's end of its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        pid = _start("leash", json.dumps(users), {_LEASH_FD: theirs})
    return pid, ours


def sweep(users: SessionUsers, markers: Iterable[str]) -> int:
    """End what an earlier agent left behind, and wait for it; return how many could not be.

    Args:
        users: as whom sessions run: what runs as a user of theirs alone ends whatever it is.
        markers: the sessions whose mark ends a process of the others.
    """
    return os.waitstatus_to_exitcode(os.waitpid(_start_sweep(users, markers), 0)[1])


def descriptors(
    wanted: Mapping[int, socket.socket],
) -> tuple[list[tuple[int, int, int]], list[int]]:
    """Return what gives a child `wanted` by number (posix_spawn), and what to close afterwards."""
    # Above all wanted numbers first: one that is wanted may be another's now.
    copies = {
        number: fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, _FREE_FD)
        for number, sock in wanted.items()
    }
    actions = [(os.POSIX_SPAWN_DUP2, copy, number) for number, copy in copies.items()]
    return actions, list(copies.values())


def _start_sweep(users: SessionUsers, markers: Iterable[str]) -> int:
    told = {"users": users, "below": os.getpid(), "markers": list(markers)}
    return _start("ending", json.dumps(told), {})


def _start(name: str, argument: str, given: Mapping[int, socket.socket]) -> int:
    """Start `main` of the module `name` in a bare interpreter; return its pid."""
    source = str(Path(bedside.__file__).parents[1])
    program = _BOOTSTRAP.format(source=source, name=name)
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", program, argument]
    actions, copies = descriptors(given)
    try:
        with raised():
            return os.posix_spawn(
                command[0],
                command,
                _ENVIRONMENT,
                file_actions=[*actions, (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
                setsid=True,
                setsigdef=[signal.SIGTERM, signal.SIGPIPE],
            )
    finally:
        for copy in copies:
            os.close(copy)

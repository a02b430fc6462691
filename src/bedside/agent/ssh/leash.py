"""Holds every process of one session on a leash: a helper process, standard library only.

The worker starts it early (`python -I -S leash.py FD`) and asks it for every child. It is a child
subreaper, so whatever a session starts stays its descendant, daemons that forked twice included.
When the worker says so, or dies, every descendant is hung up, then killed, until none is left.

The messages are JSON datagrams on a socket pair (`Leash` in `children` is the other end):
spawn, signal, hang_up, end; answered by started, failed, exited, ended.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import termios
import time
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["MESSAGE_BYTES", "become_subreaper", "end_descendants", "main", "sweep"]

MESSAGE_BYTES = 192 * 1024
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_HANG_UP_SECONDS = 0.1
_ROUND_SECONDS = 0.01
_GIVE_UP_SECONDS = 5.0


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def become_subreaper() -> None:
    """Make this process the parent of every orphan below it; raise OSError if the kernel cannot."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _parents() -> Iterator[tuple[int, int]]:
    """Yield (pid, parent) of every process that is not a zombie."""
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib is heavy
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] != b"Z":
            yield int(name), int(fields[1])


def _descendants(root: int, spared: Iterable[int] = ()) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = [root]
    spared = set(spared)
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in spared:
                found.append(pid)
                waiting.append(pid)
    return found


def _signal_all(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _reap() -> Iterator[tuple[int, int]]:
    """Yield (pid, exit status or minus signal) of every child that has died."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def _reap_pids(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def end_descendants(spared: Iterable[int] = ()) -> int:
    """Hang up, then kill every descendant of this process except `spared` (and below them).

    Repeats until none is left, since one that is about to die may have forked; returns how many
    could not be killed within five seconds (a process stuck in the kernel).
    """
    root = os.getpid()
    spared = tuple(spared)
    pids = _descendants(root, spared)
    if not pids:
        return 0
    seen = set(pids)
    start = time.monotonic()
    _signal_all(pids, signal.SIGHUP)
    _signal_all(pids, signal.SIGCONT)
    while pids and time.monotonic() - start < _HANG_UP_SECONDS:
        time.sleep(_ROUND_SECONDS)
        _reap_pids(seen)
        pids = _descendants(root, spared)
        seen.update(pids)
    while pids and time.monotonic() - start < _GIVE_UP_SECONDS:
        _signal_all(pids, signal.SIGKILL)
        time.sleep(_ROUND_SECONDS)
        _reap_pids(seen)
        pids = _descendants(root, spared)
        seen.update(pids)
    return len(pids)


def sweep(marker: str) -> int:
    """Kill every process whose environment carries BEDSIDE_SESSION=`marker`; return how many.

    For a supervisor whose worker and leash died together: the children were given the marker.
    """
    needle = b"BEDSIDE_SESSION=" + marker.encode()
    killed: set[int] = set()
    while True:
        found = [pid for pid in _marked(needle) if pid != os.getpid()]
        _signal_all(found, signal.SIGKILL)
        if not set(found) - killed:
            return len(killed)
        killed.update(found)
        time.sleep(_ROUND_SECONDS)


def _marked(needle: bytes) -> Iterator[int]:
    for pid, _parent in _parents():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
                if needle in file.read().split(b"\0"):
                    yield pid
        except OSError:
            continue


def _become_child(request: dict[str, Any], fds: list[int], report: int) -> None:
    """Turn this forked process into the command; on failure report errno and vanish."""
    try:
        for number in (
            signal.SIGTERM,
            signal.SIGCHLD,
            signal.SIGPIPE,
            signal.SIGINT,
            signal.SIGHUP,
        ):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.setsid()
        if request["terminal"]:
            fcntl.ioctl(fds[0], termios.TIOCSCTTY, 0)
        for target, fd in enumerate(fds):
            os.dup2(fd, target, inheritable=True)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # the leash's own death; daemons below are swept
        if request["no_new_privileges"]:
            _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.closerange(3, report)
        os.closerange(report + 1, 1024)
        os.chdir(request["folder"])
        os.execvpe(request["argv"][0], request["argv"], request["environment"])  # noqa: S606
    except OSError as error:
        os.write(report, str(error.errno or errno.EIO).encode())
    finally:
        os._exit(127)


class _Leash:
    """The helper's own state: which pid is which child of the worker."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._ids: dict[int, int] = {}

    def run(self) -> None:
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        over = False
        while not over:
            for fd, _event in poll.poll():
                if fd == wake_read:
                    over |= signal.SIGTERM in os.read(wake_read, 4096)
                else:
                    over |= not self._receive()
            self._report_exits()
        end_descendants()

    def _send(self, **message: object) -> None:
        # The worker may be gone: then the next read says so.
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode())

    def _receive(self) -> bool:
        """Obey one message; return False when the worker is gone."""
        try:
            data, fds, _flags, _address = socket.recv_fds(self._control, MESSAGE_BYTES, 3)
        except OSError:
            return False
        if not data:
            return False
        request = json.loads(data)
        match request["do"]:
            case "spawn":
                self._spawn(request, fds)
            case "signal":
                self._signal(request["id"], request["signal"])
            case "end":
                left = end_descendants()
                self._report_exits()
                self._send(what="ended", left=left)
        return True

    def _spawn(self, request: dict[str, Any], fds: list[int]) -> None:
        report_read, report_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become_child(request, fds if len(fds) == 3 else fds * 3, report_write)
        os.close(report_write)
        for fd in fds:
            os.close(fd)
        failure = os.read(report_read, 16)
        os.close(report_read)
        if failure:
            os.waitpid(pid, 0)
            self._send(what="failed", id=request["id"], errno=int(failure))
            return
        self._ids[pid] = request["id"]
        self._send(what="started", id=request["id"], pid=pid)

    def _signal(self, child: int, number: int) -> None:
        for pid, name in self._ids.items():
            if name == child:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, number)

    def _report_exits(self) -> None:
        for pid, status in _reap():
            child = self._ids.pop(pid, None)
            if child is not None:
                self._send(what="exited", id=child, status=status)


def main(control_fd: int) -> int:
    """Serve the worker at `control_fd` until it is gone; return the exit status."""
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    become_subreaper()
    _Leash(control).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

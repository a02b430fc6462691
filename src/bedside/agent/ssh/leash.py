"""Holds every process of a session on a leash: a small process, standard library only.

The supervisor starts it beside each worker and hands the worker the other end of its socket. It
alone keeps the right to become the session's user; the worker asks, and it obeys this and no more:

1. spawn a command as the user that it was started with, without new privileges, on descriptors that
   the worker sends; signal the group of one that it spawned; end all.
2. Whatever a session starts stays its descendant (it is a child subreaper), daemons that forked
   twice included; where the session has a user of its own, that user's processes are its own too.
3. When the worker says so, or is gone, all of them are hung up, then killed, until none is left
   (`ending`).

The messages are JSON datagrams on a socket pair (`Leash` in `children` is the other end):
spawn, signal, end; answered by started, failed, exited, ended.
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
import stat
import termios
from typing import Any

from bedside.agent.ssh.ending import end_below, end_user, hang_up_below
from bedside.agent.users import SessionUsers, SystemUser, become

__all__ = ["MESSAGE_BYTES", "main"]

MESSAGE_BYTES = 192 * 1024
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_TERMINAL_MAJORS = range(136, 144)
_DEFAULTS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGHUP)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _become_child(
    request: dict[str, Any], fds: list[int], report: int, user: SystemUser | None
) -> None:
    """Turn this forked process into the command; on failure report errno and vanish."""
    try:
        for number in _DEFAULTS:
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.setsid()
        if request["terminal"]:
            fcntl.ioctl(fds[0], termios.TIOCSCTTY, 0)
        for target, fd in enumerate(fds):
            os.dup2(fd, target, inheritable=True)
        if user is not None:
            _hand_over(fds, user)
            become(user)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user: that takes it back
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(0o077)
        os.closerange(3, report)
        os.closerange(report + 1, 1024)
        os.chdir(request["folder"])
        os.execvpe(request["argv"][0], request["argv"], request["environment"])  # noqa: S606
    except OSError as error:
        os.write(report, str(error.errno or errno.EIO).encode())
    finally:
        os._exit(127)


def _hand_over(fds: list[int], user: SystemUser) -> None:
    """Give `user` the terminal or the pipes that it runs on, so that it may open them by name.

    Only what lives in no folder: nobody can have a file of the device handed over.
    """
    for fd in set(fds):
        found = os.fstat(fd)
        terminal = stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) in _TERMINAL_MAJORS
        if terminal or (stat.S_ISFIFO(found.st_mode) and _is_nameless(fd)):
            os.fchown(fd, user.uid, -1)


def _is_nameless(fd: int) -> bool:
    return os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")  # noqa: PTH115 - pathlib is heavy


class _Leash:
    """The process's own state: which pid is which child of the worker."""

    def __init__(self, control: socket.socket, users: SessionUsers) -> None:
        self._control = control
        self._users = users
        self._ids: dict[int, int] = {}

    def run(self) -> int:
        """Obey until the worker is gone or SIGTERM comes; return how many could not be ended."""
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
        try:
            while not over:
                for fd, _event in poll.poll():
                    if fd == wake_read:
                        over |= signal.SIGTERM in os.read(wake_read, 4096)
                    else:
                        over |= not self._receive()
                self._report_exits()
        finally:
            left = self._end()
        return left

    def _end(self) -> int:
        own = os.getpid()
        hang_up_below(own)
        left: set[int] = set()
        if self._users.separate and self._users.commands is not None:
            left |= end_user(self._users.commands)
        return len(left | end_below(own))

    def _send(self, **message: object) -> None:
        # The worker may be gone: then the next read says so.
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode())

    def _receive(self) -> bool:
        """Obey one message; return False when the worker is gone, or speaks nonsense."""
        try:
            data, fds, _flags, _address = socket.recv_fds(self._control, MESSAGE_BYTES, 3)
            if data:
                self._obey(json.loads(data), fds)
        except (KeyError, OSError, TypeError, ValueError):
            # It was taken over or is broken: either way its session is over.
            return False
        return bool(data)

    def _obey(self, request: dict[str, Any], fds: list[int]) -> None:
        match request["do"]:
            case "spawn":
                self._spawn(request, fds)
            case "signal":
                self._signal(request["id"], request["signal"])
            case "end":
                left = self._end()
                self._report_exits()
                self._send(what="ended", left=left)

    def _spawn(self, request: dict[str, Any], fds: list[int]) -> None:
        own = self._users.service if request["service"] else None
        inputs = {1: fds * 3, 3: fds}[len(fds)]
        report_read, report_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become_child(request, inputs, report_write, own or self._users.commands)
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
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._ids.pop(pid, None)
            if child is not None:
                status = os.waitstatus_to_exitcode(status)
                self._send(what="exited", id=child, status=status)


def main(arguments: list[str]) -> int:
    """Serve the worker on the socket at descriptor 3 until it is gone.

    The one argument is the session's users, JSON. Returns 0 when nothing was left.
    """
    users = SessionUsers.from_json(json.loads(arguments[0]))
    control = socket.socket(fileno=3)
    control.set_inheritable(False)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return min(_Leash(control, users).run(), 1)

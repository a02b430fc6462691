"""Ends processes and leaves none: below a process, of a user, with a session's mark.

1. What a session started is below its leash: the leash is a subreaper, so a daemon that forked twice
   stays its descendant.
2. Where the session has a user of its own, whatever runs as that user ends: one call from a process
   that became that user, which no fork can outrun, whatever the others did to their names, their
   sessions or their environment. That call is never made with any power over somebody else.
3. What carries the session's mark in its environment ends at the next start of an agent that has no
   user for sessions, when nothing else knows it any more.

Standard library only. As a program it is what the supervisor runs when a leash is gone (`sweep`).
"""

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator

from bedside.agent.users import SessionUsers, SystemUser, become

__all__ = ["end_below", "end_marked", "end_user", "hang_up_below", "main"]

_HANG_UP_SECONDS = 0.1
_ROUND_SECONDS = 0.01
_GIVE_UP_SECONDS = 5.0
_HELPER_MS = 1000
_MOST_LEFT = 100


def hang_up_below(root: int) -> None:
    """Tell every process below `root` that its line is closed; wait a moment for them to leave."""
    pids = _below(root)
    _signal_all(pids, signal.SIGHUP)
    _signal_all(pids, signal.SIGCONT)
    end = time.monotonic() + _HANG_UP_SECONDS
    while pids and time.monotonic() < end:
        time.sleep(_ROUND_SECONDS)
        pids = _below(root)


def end_below(root: int, spared: Iterable[int] = ()) -> set[int]:
    """Kill every process below `root` except `spared` and what is below those (clause 1).

    Returns those that could not be killed within five seconds: stuck in the kernel.
    """
    spared = frozenset(spared)
    return _repeat(
        lambda: _signal_all(_below(root, spared), signal.SIGKILL), lambda: _below(root, spared)
    )


def end_user(user: SystemUser) -> set[int]:
    """Kill whatever runs as `user` (clause 2); return those that could not be killed."""
    return _repeat(lambda: _as(user, _kill_own), lambda: _of(user.uid))


def end_marked(markers: Iterable[str], user: SystemUser | None = None) -> None:
    """Kill every process whose environment carries BEDSIDE_SESSION=MARKER (clause 3).

    Args:
        markers: the sessions.
        user: who looks; another user's environment is nobody else's to read.
    """
    needles = [b"BEDSIDE_SESSION=" + marker.encode() for marker in markers]
    if user is None:
        _kill_marked(needles)
    elif needles:
        _as(user, lambda: _kill_marked(needles))


def main(arguments: list[str]) -> int:
    """Sweep as the one argument says; return how many are left (0), at most 100.

    It is JSON: the session's `users`, the process `below` which all end, and the `markers`.
    """
    told = json.loads(arguments[0])
    users = SessionUsers.from_json(told["users"])
    left: set[int] = set()
    if users.separate and users.commands is not None:
        left |= end_user(users.commands)
    left |= end_below(told["below"], {os.getpid()})
    for user in {None, users.commands, users.service}:
        end_marked(told["markers"], user)
    return min(len(left), _MOST_LEFT)


# ---- how ----


def _repeat(kill: Callable[[], None], look: Callable[[], list[int]]) -> set[int]:
    """Kill until none is left: one that is about to die may have forked."""
    end = time.monotonic() + _GIVE_UP_SECONDS
    while True:
        kill()
        left = set(look())
        if not left or time.monotonic() > end:
            return left
        time.sleep(_ROUND_SECONDS)


def _as(user: SystemUser, act: Callable[[], object]) -> None:
    """Do `act` in a process that became `user` for good; one that is held up is given up."""
    pid = os.fork()
    if pid == 0:
        try:
            become(user)
            act()
        finally:
            os._exit(0)
    waiting = select.poll()
    pidfd = os.pidfd_open(pid)
    waiting.register(pidfd, select.POLLIN)
    if not waiting.poll(_HELPER_MS):
        os.kill(pid, signal.SIGKILL)  # they can signal it as it can them
    os.close(pidfd)
    os.waitpid(pid, 0)


def _kill_own() -> None:
    if _has_no_power():
        os.kill(-1, signal.SIGKILL)


def _has_no_power() -> bool:
    """Whether this process is one unprivileged user through and through."""
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123 - pathlib is heavy
        status = dict(line.split(b":", 1) for line in file.read().splitlines())
    uids = set(map(int, status[b"Uid"].split()))
    return len(uids) == 1 and 0 not in uids and int(status[b"CapEff"], 16) == 0


def _kill_marked(needles: list[bytes]) -> None:
    killed: set[int] = set()
    end = time.monotonic() + _GIVE_UP_SECONDS
    while True:
        found = {pid for pid in _marked(needles) if pid != os.getpid()}
        _signal_all(found, signal.SIGKILL)
        if not found - killed or time.monotonic() > end:
            return
        killed |= found
        time.sleep(_ROUND_SECONDS)


def _marked(needles: list[bytes]) -> Iterator[int]:
    for pid, _ in _statuses():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
                if not set(file.read().split(b"\0")).isdisjoint(needles):
                    yield pid
        except OSError:
            continue


def _below(root: int, spared: frozenset[int] = frozenset()) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, status in _statuses():
        children.setdefault(int(_field(status, b"PPid")), []).append(pid)
    found: list[int] = []
    waiting = [root]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in spared:
                found.append(pid)
                waiting.append(pid)
    return found


def _of(uid: int) -> list[int]:
    wanted = str(uid).encode()
    return [pid for pid, status in _statuses() if wanted in _field(status, b"Uid").split()]


def _statuses() -> Iterator[tuple[int, bytes]]:
    """Yield (pid, /proc/PID/status) of every process that is not dead.

    One whose first thread ended looks dead by its state; its other threads go on.
    """
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/status", "rb") as file:  # noqa: PTH123
                status = file.read()
        except OSError:
            continue
        ended = _field(status, b"State").split()[:1] in ([b"Z"], [b"X"])
        if not ended or int(_field(status, b"Threads") or 0) > 1:
            yield int(name), status


def _field(status: bytes, name: bytes) -> bytes:
    return status.partition(b"\n" + name + b":")[2].partition(b"\n")[0]


def _signal_all(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)

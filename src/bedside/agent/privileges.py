"""What the worker gives up before it reads a byte from outside, and how it ends without a word."""

import ctypes
import os
import resource
import signal

from bedside.agent.users import SystemUser, become

__all__ = ["adopt_orphans", "die_now", "die_with_parent", "drop_privileges"]

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38


def die_now() -> None:
    """End this process at once, as the kernel does when its parent dies."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when `parent`, our parent, dies; leave if it has.

    Call it after a change of user: that takes the request back.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every orphan below this process, and stay so over `exec`."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def drop_privileges(user: SystemUser | None) -> None:
    """Become `user` where we are root, and close the ways back; no core dumps, no new privileges.

    Raises OSError when the system refuses.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if user is not None and os.geteuid() == 0:
        become(user)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # A core or a debugger of the same user would see the device's keys.
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

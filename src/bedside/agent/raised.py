"""The supervisor's rank: it works as the worker's user, and is root for single acts only.

What it reads and writes belongs to the worker's user, whose folder it is: as root it could be led,
by whoever took the worker over, to write where only root may. It keeps root in reserve to start the
worker and the leash, and for the panel's socket.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bedside.agent.users import SystemUser

__all__ = ["lower", "lowered", "raised"]


def lower(user: SystemUser | None) -> None:
    """Work as `user` from now on where we are root; `raised` is the way back."""
    if user is None or os.geteuid() != 0:
        return
    os.setgroups(user.groups)
    os.setegid(user.gid)
    os.seteuid(user.uid)


@contextmanager
def raised() -> Iterator[None]:
    """Be root within, where `lower` was called; else nothing changes."""
    user = os.geteuid()
    if user == 0 or os.getuid() != 0:
        yield
        return
    os.seteuid(0)
    try:
        yield
    finally:
        os.seteuid(user)


@contextmanager
def lowered(user: SystemUser) -> Iterator[None]:
    """Work as `user` within, where we are root, and be root again; else nothing changes."""
    before, group, groups = os.geteuid(), os.getegid(), os.getgroups()
    lower(user)
    try:
        yield
    finally:
        if before == 0:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)

"""A user for the sessions of a demonstrated device, where one can be had without making any."""

import os
import secrets
import subprocess
from collections.abc import Sequence

__all__ = ["can_run", "new_session_user"]

_FIRST, _MANY = 2_000_000_000, 100_000_000
_LIMIT_S = 30.0


def new_session_user() -> int:
    """Return the number of a user whom nobody has made and no other world has taken."""
    return _FIRST + secrets.randbelow(_MANY)


def can_run(program: Sequence[str], user: int) -> bool:
    """Whether we may become `user`, and `program` runs as it.

    Not so where we are not root, where a container has no such number, and where this Python or the
    world's folder is closed to everybody else.
    """
    if os.geteuid() != 0:
        return False
    try:
        done = subprocess.run(
            program,
            user=user,
            group=user,
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0

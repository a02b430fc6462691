"""Walks to a folder that the product profile names, without being led elsewhere on the way.

A session's commands may write in folders of the product. The worker, which may read what they may
not, follows a link only where root or the agent itself made it, and holds each folder while it goes
on: a name that is exchanged on the way leads nowhere.
"""

import errno
import os
import stat

__all__ = ["open_parent"]

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 16


def open_parent(path: str) -> tuple[int, str]:
    """Return a descriptor of the folder that `path`, absolute, is in, and its name there.

    The name is not looked at: open it with O_NOFOLLOW. The caller closes the descriptor. Raises
    OSError, ELOOP where a link of somebody else's is on the way.
    """
    folder, _, name = path.rpartition("/")
    return _open_folder(folder), name


def _open_folder(path: str) -> int:
    parts, links = _parts(path), 0
    here = os.open("/", _STEP)
    try:
        while parts:
            there = os.open(parts.pop(), _STEP, dir_fd=here)
            if not stat.S_ISLNK(os.fstat(there).st_mode):
                here, there = there, here
            else:
                links += 1
                target = _target(there, links)
                parts += _parts(target)
                if target.startswith("/"):
                    os.close(here)
                    here = os.open("/", _STEP)
            os.close(there)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
    finally:
        os.close(here)


def _target(link: int, count: int) -> str:
    if os.fstat(link).st_uid not in {0, os.geteuid()} or count > _MOST_LINKS:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.readlink("", dir_fd=link)


def _parts(path: str) -> list[str]:
    """Return the parts of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]

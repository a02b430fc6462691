"""Which database the console's tests run on: `make test DB=postgresql`, or SQLite without it.

On PostgreSQL one server serves the whole run: the first process starts it, those of pytest-xdist
inherit its folder, and it ends with the first.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from tests.postgresql import Cluster, Place

__all__ = ["line", "new_line", "on_postgresql", "place", "shared"]

_ENVIRONMENT = os.environ  # noqa: TID251 - which database is chosen by whoever runs the tests
_KIND = "BEDSIDE_TEST_DATABASE"
_PLACE = "BEDSIDE_TEST_POSTGRESQL"
_SHARED = "BEDSIDE_TEST_SHARED"


def on_postgresql() -> bool:
    """Return whether this run is on PostgreSQL."""
    kind = _ENVIRONMENT.get(_KIND) or "sqlite"
    if kind not in ("sqlite", "postgresql"):
        raise ValueError(f"{_KIND} must be sqlite or postgresql, not {kind}")
    return kind == "postgresql"


def line(name: str) -> str:
    """Return the line of a console's configuration that names a database which need not exist."""
    return f'database = "{place().address(name)}"' if on_postgresql() else ""


def new_line(*, like: str = "template1") -> str:
    """Return the line that names a new and empty database; on SQLite the file in `data_dir`."""
    if not on_postgresql():
        return ""
    return f'database = "{place().create(f"console_{secrets.token_hex(6)}", like=like)}"'


def place() -> Place:
    """Return the run's server; the first who asks starts it."""
    if _PLACE not in _ENVIRONMENT:
        cluster = Cluster()
        atexit.register(_stop, cluster, os.getpid())
        _ENVIRONMENT[_PLACE] = str(cluster.folder)
    return Place(Path(_ENVIRONMENT[_PLACE]))


def shared() -> Path:
    """Return a folder of the whole run, for what is made once; the first who asks makes it."""
    if _SHARED not in _ENVIRONMENT:
        folder = tempfile.mkdtemp(prefix="bedside-run-")
        atexit.register(_remove, folder, os.getpid())
        _ENVIRONMENT[_SHARED] = folder
    return Path(_ENVIRONMENT[_SHARED])


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(cluster: Cluster, owner: int) -> None:
    if os.getpid() == owner:
        cluster.stop()

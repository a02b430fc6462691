"""A database with all its tables and no work in them: made once in a run, and copied.

Making the tables takes three seconds of computing. That `bedside console` makes them by itself is
shown by tests/console/project/test_programs.py and tests/journeys/test_demo.py.
"""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.console.databases import new_line, on_postgresql, place, shared

__all__ = ["fill", "fill_sqlite", "line", "template"]

_POSTGRESQL = "migrated"


def line(data_dir: Path) -> str:
    """Return the line that names a new database with its tables; on SQLite it is put into `data_dir`."""
    if on_postgresql():
        return new_line(like=template())
    fill_sqlite(data_dir / "console.sqlite3")
    return ""


def fill(name: str) -> None:
    """Make the database of this name or at this path, with its tables."""
    if on_postgresql():
        place().create(name, like=template())
    else:
        fill_sqlite(Path(name))


def fill_sqlite(path: Path) -> None:
    """Put an SQLite file with its tables at `path`."""
    made = _once("sqlite", lambda: "")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(made / "data" / "console.sqlite3", path)


def template() -> str:
    """Return the name of PostgreSQL's database that others are copied from."""
    _once("postgresql", lambda: f'database = "{place().create(_POSTGRESQL)}"')
    return _POSTGRESQL


def _once(kind: str, database: Callable[[], str]) -> Path:
    """Return the folder of the run's database of this kind; the first process that asks makes it."""
    folder = shared() / kind
    with (shared() / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            # Whole or not at all: what fails here must not look made to the other processes.
            making = shared() / f"{kind}.making"
            _migrate(making, database())
            making.rename(folder)
    return folder


def _migrate(folder: Path, database: str) -> None:
    folder.mkdir()
    config = folder / "console.toml"
    config.write_text(
        f'public_url = "http://localhost"\ndata_dir = "{folder}/data"\n'
        f'manufacturer = "Bayard Imaging"\n{database}\n',
        encoding="utf-8",
    )
    words = ["console", "--config", str(config), "migrate", "--verbosity", "0"]
    subprocess.run([sys.executable, "-m", "bedside", *words], check=True)

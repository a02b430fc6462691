"""A copy of the database while others write to it, and a database from such a copy.

SQLite is copied by its online backup, within one reading transaction, so that writers neither wait
nor show; PostgreSQL by its own `pg_dump`, and brought back by `pg_restore`, all or nothing.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from django.db import connection
from django.utils.translation import gettext as _

from bedside.console.backup.container import BackupError, Progress

__all__ = [
    "copy_database",
    "database_is_empty",
    "database_kind",
    "place_database",
    "prove_copy",
    "sqlite_file",
]

_PAGES = 4096
_ERROR_CHARACTERS = 2000


def database_kind() -> str:
    """Return `sqlite` or `postgresql`."""
    return connection.vendor


def sqlite_file() -> Path:
    """Return where the SQLite database is."""
    return Path(connection.settings_dict["NAME"])


def database_is_empty() -> bool:
    """Return whether the database that the configuration names holds no table; it must exist."""
    if database_kind() == "sqlite" and not sqlite_file().exists():
        return True
    return not connection.introspection.table_names()


def copy_database(to: Path, *, tell: Progress) -> None:
    """Write a consistent copy of the database into a new file.

    Raises:
        BackupError: PostgreSQL's program is missing or failed; the message is what it said.
    """
    if database_kind() == "sqlite":
        _copy_sqlite(sqlite_file(), to, tell)
    else:
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={to}")


def prove_copy(copy: Path) -> None:
    """Read the whole of a copy, or raise BackupError where it is no database."""
    if database_kind() == "sqlite":
        _prove_sqlite(copy)
    else:
        _run("pg_restore", "--file=/dev/null", str(copy))


def place_database(copy: Path) -> None:
    """Make a proven copy the database: the file takes its place, or PostgreSQL reads it in."""
    if database_kind() == "sqlite":
        connection.close()
        # What the old database left beside it belongs to no other.
        for name in ("-wal", "-shm"):
            sqlite_file().with_name(sqlite_file().name + name).unlink(missing_ok=True)
        copy.replace(sqlite_file())
        return
    words = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
    _run("pg_restore", *words, f"--dbname={connection.settings_dict['NAME']}", str(copy))


def _copy_sqlite(source: Path, to: Path, tell: Progress) -> None:
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    address = f"file:{source}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, isolation_level=None)) as old,
        closing(sqlite3.connect(to)) as new,
    ):
        old.execute("BEGIN")
        # The first look fixes what is seen; without it the copy would begin anew at every write.
        size: int = old.execute("SELECT page_size FROM pragma_page_size").fetchone()[0]
        old.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        old.backup(
            new,
            pages=_PAGES,
            progress=lambda _, left, all_: tell("database", (all_ - left) * size, all_ * size),
        )
        old.execute("ROLLBACK")


def _prove_sqlite(copy: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as database:
            said = database.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        raise BackupError(_("The database in it is damaged: %(why)s.") % {"why": said})


def _run(program: str, *words: str) -> None:
    found = shutil.which(program)
    if found is None:
        text = _("%(program)s is not installed: install PostgreSQL's client programs.")
        raise BackupError(text % {"program": program})
    done = subprocess.run(
        [found, *words], env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        text = _("%(program)s failed: %(said)s")
        said = done.stderr.strip()[-_ERROR_CHARACTERS:]
        raise BackupError(text % {"program": program, "said": said})


def _environment() -> dict[str, str]:
    """Say to PostgreSQL's programs what psycopg is told, the password too: not in the arguments."""
    known, options = connection.settings_dict, connection.settings_dict["OPTIONS"]
    said = {
        "PGHOST": known["HOST"],
        "PGPORT": known["PORT"],
        "PGUSER": known["USER"],
        "PGPASSWORD": known["PASSWORD"],
        "PGDATABASE": known["NAME"],
        "PGSSLMODE": options.get("sslmode", ""),
        "PGSSLROOTCERT": options.get("sslrootcert", ""),
        "PGCONNECT_TIMEOUT": str(options.get("connect_timeout", "")),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}  # noqa: TID251 - handed on
    return {**inherited, **{name: value for name, value in said.items() if value}}

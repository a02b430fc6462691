"""A set-up that is made once in a process and then put back: its rows and its files."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db import connection
from django.db.backends.utils import CursorWrapper

Row = tuple[object, ...]
Tables = dict[str, list[Row]]


@dataclass(frozen=True)
class _Kept:
    rows: Tables
    folder: Path


class Prepared:
    """Set-ups by name, for tests that each roll their database back.

    Args:
        folder: where the files of set-ups are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, _Kept] = {}

    def have(self, name: str, folder: Path, make: Callable[[], None]) -> None:
        """Have what `make` does to the database and to `folder`, the second time without making it.

        What is there before must be the same each time, and `make` must take no row away.
        """
        if name in self._kept:
            self._put(self._kept[name], folder)
            return
        before = _tables()
        make()
        self._kept[name] = _Kept(_came(before, _tables()), self._folder / name)
        shutil.copytree(folder, self._folder / name)

    def _put(self, kept: _Kept, folder: Path) -> None:
        with connection.cursor() as cursor:
            for table, rows in kept.rows.items():
                cursor.executemany(_insert(cursor, table), rows)
        shutil.copytree(kept.folder, folder, dirs_exist_ok=True)


def _insert(cursor: CursorWrapper, table: str) -> str:
    """Return the statement that puts a row in, over the one with its key."""
    columns = [
        column.name for column in connection.introspection.get_table_description(cursor, table)
    ]
    key = connection.introspection.get_primary_key_column(cursor, table)
    places = ", ".join(["%s"] * len(columns))
    changed = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in columns)
    return f'INSERT INTO "{table}" VALUES ({places}) ON CONFLICT ("{key}") DO UPDATE SET {changed}'


def _tables() -> Tables:
    with connection.cursor() as cursor:
        tables = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            tables[table] = [tuple(map(_value, row)) for row in cursor.fetchall()]
    return tables


def _value(found: object) -> object:
    return bytes(found) if isinstance(found, memoryview) else found


def _came(before: Tables, after: Tables) -> Tables:
    """Return the rows that are new or changed."""
    came = {name: [row for row in rows if row not in before[name]] for name, rows in after.items()}
    assert all(len(after[name]) >= len(rows) for name, rows in before.items())
    return {name: rows for name, rows in came.items() if rows}

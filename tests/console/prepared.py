"""A set-up that is made once in a process and then put back: its rows and its files."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.db import connection
from django.db.backends.utils import CursorWrapper

Row = tuple[object, ...]
Tables = dict[str, list[Row]]


@dataclass(frozen=True)
class _Kept:
    """What a set-up did: statements with their rows, and files."""

    done: list[tuple[str, list[Row]]]
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

        What is there before must be the same each time.
        """
        if name in self._kept:
            self._put(self._kept[name], folder)
            return
        before = _tables()
        make()
        after = _tables()
        self._kept[name] = _Kept(_difference(before, after), self._folder / name)
        shutil.copytree(folder, self._folder / name)

    def _put(self, kept: _Kept, folder: Path) -> None:
        with connection.cursor() as cursor:
            for statement, rows in kept.done:
                cursor.executemany(statement, rows)
        shutil.copytree(kept.folder, folder, dirs_exist_ok=True)


def _tables() -> Tables:
    """Return every row of every table, its key first."""
    with connection.cursor() as cursor:
        tables = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT {", ".join(_columns(cursor, table))} FROM "{table}"')
            tables[table] = [tuple(map(_value, row)) for row in cursor.fetchall()]
    return tables


def _columns(cursor: CursorWrapper, table: str) -> list[str]:
    """Return the columns that a row is given, the key first."""
    generated = {
        field.column
        for model in apps.get_models()
        if model._meta.db_table == table
        for field in model._meta.concrete_fields
        if field.generated
    }
    key = connection.introspection.get_primary_key_column(cursor, table)
    # Django's own description of a table takes its SQL apart, which is slow for all of them.
    cursor.execute(f'SELECT * FROM "{table}" LIMIT 0')
    names = [column[0] for column in cursor.description if column[0] not in generated]
    return [f'"{name}"' for name in sorted(names, key=lambda name: name != key)]


def _difference(before: Tables, after: Tables) -> list[tuple[str, list[Row]]]:
    """Return the statements that make the one of the other, each with its rows."""
    done = []
    with connection.cursor() as cursor:
        for table, rows in after.items():
            columns = _columns(cursor, table)
            gone = _gone(before[table], rows)
            came = [row for row in rows if row not in before[table]]
            done.append((f'DELETE FROM "{table}" WHERE {columns[0]} = %s', gone))
            done.append((_insert(table, columns), came))
    return [(statement, rows) for statement, rows in done if rows]


def _insert(table: str, columns: list[str]) -> str:
    """Return the statement that puts a row in, over the one with its key."""
    places = ", ".join(["%s"] * len(columns))
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns)
    return (
        f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({places}) '
        f"ON CONFLICT ({columns[0]}) DO UPDATE SET {changed}"
    )


def _value(found: object) -> object:
    return bytes(found) if isinstance(found, memoryview) else found


def _gone(before: list[Row], after: list[Row]) -> list[Row]:
    """Return the keys that are there no more, each as the values of a statement."""
    there = {row[0] for row in after}
    return [row[:1] for row in before if row[0] not in there]

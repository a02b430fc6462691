"""The console's tables, read and changed behind its back, on whichever database it keeps them."""

import sqlite3
import tomllib
from typing import Any

import psycopg

from bedside.demo.world import World

__all__ = ["change", "rows"]


def rows(world: World, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Return what a query finds; `?` stands for a value."""
    return _execute(world, query, values)


def change(world: World, statement: str, *values: object) -> None:
    """Have the database take one statement; `?` stands for a value."""
    _execute(world, statement, values)


def _execute(world: World, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    address = tomllib.loads(world.console_config.read_text("utf-8")).get("database", "")
    if address:
        with psycopg.connect(address) as server:
            cursor = server.execute(statement.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []
    path = world.folder / "console" / "console.sqlite3"
    with sqlite3.connect(path, timeout=30) as database:
        found = database.execute(statement, values).fetchall()
    database.close()
    return found

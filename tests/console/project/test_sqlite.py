"""Writers queue: four processes at once, no error, and nobody waits for long."""

import multiprocessing
import time

import pytest
from django.db import connections
from django.db.transaction import Atomic

from bedside.console.project.sqlite.base import DatabaseWrapper

ROUNDS = 25


def settings_for(path: str) -> dict:
    options = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    return {**connections["default"].settings_dict, "NAME": path, "OPTIONS": options}


def write(path: str, queue) -> None:
    connection = DatabaseWrapper(settings_for(path), "writer")
    longest = 0.0
    connections["writer"] = connection
    for _ in range(ROUNDS):
        begun = time.monotonic()
        with Atomic("writer", savepoint=True, durable=False), connection.cursor() as cursor:
            cursor.execute("SELECT n FROM counter")
            (number,) = cursor.fetchone()
            cursor.execute("UPDATE counter SET n = %s", [number + 1])
        longest = max(longest, time.monotonic() - begun)
    queue.put(longest)


@pytest.fixture
def path(tmp_path, django_db_blocker):
    with django_db_blocker.unblock():
        yield make_database(str(tmp_path / "fair.sqlite3"))


def make_database(name: str) -> str:
    connection = DatabaseWrapper(settings_for(name), "setup")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE counter (n INTEGER)")
        cursor.execute("INSERT INTO counter VALUES (0)")
    connection.close()
    return name


def count(path: str) -> int:
    connection = DatabaseWrapper(settings_for(path), "reader")
    with connection.cursor() as cursor:
        cursor.execute("SELECT n FROM counter")
        (number,) = cursor.fetchone()
    connection.close()
    return number


def write_together(path: str, writers: int) -> list[float]:
    """Return the longest wait of each writer, in seconds."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=write, args=(path, queue)) for _ in range(writers)]
    for process in processes:
        process.start()
    waits = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=20)
    return waits


def test_four_writers_lose_nothing_and_none_starves(path):
    waits = write_together(path, 4)
    assert count(path) == 4 * ROUNDS
    assert max(waits) < 15


def fail(connection: DatabaseWrapper) -> None:
    with Atomic("first", savepoint=True, durable=False), connection.cursor() as cursor:
        cursor.execute("UPDATE counter SET n = 7")
        raise ZeroDivisionError


def test_a_failed_transaction_frees_the_queue(path):
    connections["first"] = DatabaseWrapper(settings_for(path), "first")
    with pytest.raises(ZeroDivisionError):
        fail(connections["first"])
    assert max(write_together(path, 1)) < 15
    assert count(path) == ROUNDS
    connections["first"].close()

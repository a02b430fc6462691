"""PostgreSQL as the console uses it: writers take turns, nothing is lost, refusals name the cure."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import OperationalError, connections
from django.db.transaction import Atomic

from bedside.console.project.config import database_settings, parse_config
from bedside.console.project.postgresql.base import DatabaseWrapper
from bedside.language.config_error import ConfigError
from tests.console.live.processes import Console
from tests.postgresql import Cluster

ROUNDS = 25
BASE = 'public_url = "https://console.example.com"\ndata_dir = "/var/lib/bedside"\n'


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def counter(cluster, request):
    """A database that holds one number; returns its address."""
    address = cluster.place.create(request.node.name)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE counter (n integer)")
        connection.execute("INSERT INTO counter VALUES (0)")
    return address


@pytest.fixture
def opened(django_db_blocker):
    """Return a function that opens the console's connection to an address, by an alias."""
    made = []

    def open_connection(address: str, alias: str) -> DatabaseWrapper:
        settings = {**connections["default"].settings_dict, **settings_of(address)}
        connection = DatabaseWrapper(settings, alias)
        connection.inc_thread_sharing()
        connections[alias] = connection
        made.append(connection)
        return connection

    with django_db_blocker.unblock():
        yield open_connection
        for connection in made:
            connection.close()


def settings_of(address: str) -> dict:
    return database_settings(parse_config(f'{BASE}database = "{address}"\n'.encode()))


def add_one(connection: DatabaseWrapper) -> None:
    """Read, then write: two at once would lose one."""
    with Atomic(connection.alias, savepoint=True, durable=False), connection.cursor() as cursor:
        cursor.execute("SELECT n FROM counter")
        (number,) = cursor.fetchone()
        cursor.execute("UPDATE counter SET n = %s", [number + 1])


def count(address: str) -> int:
    with psycopg.connect(address) as connection:
        return connection.execute("SELECT n FROM counter").fetchone()[0]


def test_four_writers_that_read_first_lose_nothing(counter, opened):
    def write(number: int) -> None:
        connections[f"writer{number}"] = connection = opened(counter, f"writer{number}")
        for _ in range(ROUNDS):
            add_one(connection)
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    assert count(counter) == 4 * ROUNDS


def test_a_failed_transaction_gives_the_turn_on(counter, opened):
    first, second = opened(counter, "first"), opened(counter, "second")

    def fail() -> None:
        with Atomic("first", savepoint=True, durable=False), first.cursor() as cursor:
            cursor.execute("UPDATE counter SET n = 7")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    add_one(second)
    assert count(counter) == 1


def test_whoever_gets_no_turn_fails_and_can_go_on(counter, opened):
    opened(counter, "first")
    second = opened(counter, "second")
    with second.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    with Atomic("first", savepoint=True, durable=False):
        with pytest.raises(OperationalError, match="lock timeout"):
            add_one(second)
        # Reading never waits.
        with second.cursor() as cursor:
            cursor.execute("SELECT n FROM counter")
            assert cursor.fetchone() == (0,)
    add_one(second)
    assert count(counter) == 1


def test_whoever_dies_within_a_transaction_gives_the_turn_on(counter, opened):
    first, second = opened(counter, "first"), opened(counter, "second")
    begun = threading.Event()

    def die() -> None:
        connections["first"] = first
        with Atomic("first", savepoint=True, durable=False), first.cursor() as cursor:
            cursor.execute("UPDATE counter SET n = 7")
            cursor.execute("SELECT pg_backend_pid()")
            (place,) = cursor.fetchone()
            begun.set()
            with psycopg.connect(counter, autocommit=True) as killer:
                killer.execute("SELECT pg_terminate_backend(%s)", [place])
            cursor.execute("SELECT 1")

    with ThreadPoolExecutor(1) as threads:
        dying = threads.submit(die)
        assert begun.wait(60)
        add_one(second)
        with pytest.raises(OperationalError):
            dying.result()
    assert count(counter) == 1


def test_silence_within_a_transaction_is_bounded(counter, opened):
    with opened(counter, "first").cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("20s",)


WRITER = """
import random, time
from django.db import transaction
from bedside.audit.entry import SYSTEM, Thing
from bedside.console.journal.actions import record
from bedside.vocabulary import DeviceId, JournalAction

def write(number):
    with transaction.atomic():
        record(JournalAction.DEVICE_LOCK_SET, actor=SYSTEM,
               thing=Thing("device", DeviceId(f"CI-{NUMBER}-{number}")))
        # Whoever could overtake would.
        time.sleep(random.random() / 200)
        if number % 3 == 0:
            raise LookupError

for number in range(90):
    try:
        write(number)
    except LookupError:
        pass
"""
READER = """
from bedside.console.journal.queries import newest_row, rows_after
seen, newest = [], 0
while len(seen) < EXPECTED:
    rows = rows_after(newest)
    seen += [row[0] for row in rows]
    newest = rows[-1][0] if rows else newest
print(len(seen), sorted(seen) == seen)
"""


def test_the_journal_loses_and_doubles_nothing_under_writers_in_several_processes(
    cluster, tmp_path
):
    """Whoever reads by number passes nobody by; the log has each entry once, and proves it."""
    address = cluster.place.create("journal")
    console = Console.make(tmp_path / "console", f'database = "{address}"')
    try:
        before = places(address)
        all_in = len(before) + 3 * 60
        words = [WRITER.replace("{NUMBER}", str(number)) for number in range(3)]
        words.append(READER.replace("EXPECTED", str(all_in)))
        console.worker()
        with ThreadPoolExecutor(4) as threads:
            said = list(threads.map(console.script, words))
        assert said[-1].split() == [str(all_in), "True"]
        until(lambda: None not in places(address))
        assert places(address) == list(range(all_in))
        assert str(all_in) in console.run("journal", "verify")
    finally:
        console.end()


def places(address: str) -> list[int | None]:
    with psycopg.connect(address) as connection:
        rows = connection.execute("SELECT sequence FROM journal_journalrow ORDER BY sequence")
        return [place for (place,) in rows]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_database_that_is_not_there_is_one_sentence(cluster, tmp_path):
    for address in (cluster.place.address("nowhere"), f"postgresql:///x?host={tmp_path}"):
        config = tmp_path / "console.toml"
        config.write_text(
            f'public_url = "http://localhost"\ndata_dir = "{tmp_path}/data"\n'
            f'database = "{address}"\n'
        )
        for word in ("migrate", "worker", "web"):
            done = subprocess.run(
                [sys.executable, "-m", "bedside", "console", "--config", str(config), word],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 1, (word, done.stderr)
            assert done.stderr.startswith("✖ The database cannot be used: "), done.stderr
            assert done.stderr.count("\n") == 1


def test_without_its_driver_it_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"requirements/console-postgresql\.lock"):
        settings_of("postgresql:///console?host=/run/postgresql")


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("postgresql://db.example", "postgresql://USER@HOST/NAME"),
        ("postgresql:///console", "socket"),
        ("postgresql://db.example/console?host=/run/postgresql", "without another host"),
        ("postgresql:///console?host=run", "folder"),
        ("postgresql://db.example:port/console", "database"),
        ("postgresql://db.example/console?port=5433", "database"),
        ("postgresql:///console?host=/run/postgresql&port=x", "database"),
        ("postgresql://db.example/console?sslmode=maybe", "sslmode"),
        ("postgresql://db.example/console?options=-c", "options"),
        ("postgresql://db.example/a/b", "postgresql://USER@HOST/NAME"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_name(address, named):
    with pytest.raises(ConfigError, match=named):
        settings_of(address)


def test_a_second_cluster_s_socket_is_named_by_its_port():
    settings = settings_of("postgresql:///console?host=/run/postgresql&port=5433")
    assert (settings["HOST"], settings["PORT"]) == ("/run/postgresql", "5433")
    assert "port" not in settings["OPTIONS"]
    assert settings_of("postgresql:///console?host=/run/postgresql")["PORT"] == ""


def test_a_server_beyond_this_machine_must_show_its_certificate():
    options = settings_of("postgresql://bedside@db.example/console")["OPTIONS"]
    assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", "system")
    own = settings_of("postgresql://b@db.example/c?sslrootcert=/etc/bedside/db.pem")["OPTIONS"]
    assert (own["sslmode"], own["sslrootcert"]) == ("verify-full", "/etc/bedside/db.pem")
    said = settings_of("postgresql://bedside@db.example/console?sslmode=require")["OPTIONS"]
    assert "sslrootcert" not in said
    for near in ("postgresql:///console?host=/run/postgresql", "postgresql://b@localhost/console"):
        assert "sslmode" not in settings_of(near)["OPTIONS"]

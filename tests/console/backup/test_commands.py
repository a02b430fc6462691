"""A real console is backed up while it works, lost, and brought back."""

import os
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.console.live.processes import Console, within
from tests.postgresql import Cluster

WRONG_KEYS = {
    "public.pem": "is a public key: name the private one",
    "other.pem": "is no P-256 private key",
    "nowhere.pem": "nowhere.pem: there is no such file",
}
PHRASE = "the phrase of a drawer\n"
WRITE = """
from django.db import transaction
from bedside.audit.entry import SYSTEM, Thing
from bedside.console.journal.actions import now_ms, record
from bedside.console.relays.actions import do_refuse_device
from bedside.vocabulary import Gate, JournalAction
for number in range({count}):
    with transaction.atomic():
        record(JournalAction.DEVICE_LOCK_SET, actor=SYSTEM, thing=Thing("device", "CI-1"),
               detail={{"count": number}})
        do_refuse_device(f"CI-{{number + 1}}", Gate.LIMIT, now=now_ms())
"""
ASK = {
    "actions": "SELECT action FROM journal_journalrow ORDER BY id",
    "sealed": "SELECT max(size) FROM journal_checkpoint",
    "refused": "SELECT count(*) FROM relays_refuseddevice",
}


def state(console):
    with closing(sqlite3.connect(console.folder / "data" / "console.sqlite3")) as database:
        return told(database.execute)


def told(ask):
    found = {name: [row[0] for row in ask(words).fetchall()] for name, words in ASK.items()}
    return {"actions": found["actions"], **{n: found[n][0] for n in ("sealed", "refused")}}


def refused(console, *words, text="", language="C.UTF-8"):
    done = subprocess.run(
        console.command(*words),
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": language},  # noqa: TID251 - handed on
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    console = Console.make(tmp_path_factory.mktemp("backup") / "console", database="")
    console.live()
    console.worker()
    console.script(WRITE.format(count=3))
    within(60, lambda: state(console)["sealed"] >= 6)
    yield console
    console.end()


@pytest.fixture(scope="module")
def backup(console, tmp_path_factory):
    """A backup, taken while somebody writes on and on."""
    file = tmp_path_factory.mktemp("drawer") / "console.backup"
    writer = threading.Thread(target=console.script, args=(WRITE.format(count=200),))
    writer.start()
    said = console.run("backup", str(file), text=PHRASE)
    writer.join()
    assert str(file) in said
    return file


def empty(console, folder):
    """Return a console that has a configuration and nothing else."""
    folder.mkdir()
    text = (console.folder / "console.toml").read_text()
    (folder / "console.toml").write_text(text.replace(str(console.folder), str(folder)))
    return Console(folder)


@pytest.fixture
def other(console, tmp_path):
    return empty(console, tmp_path / "new")


@pytest.fixture(scope="module")
def restored(console, backup, tmp_path_factory):
    """A console that was brought back, and what was said."""
    restored = empty(console, tmp_path_factory.mktemp("restored") / "new")
    yield restored, restored.run("restore", str(backup), text=PHRASE)
    restored.end()


def test_a_console_comes_back_with_its_keys_its_journal_and_its_feed_beyond_the_old_one(
    console, restored
):
    other, said = restored
    live = console.live()
    old = live.feed("")["cursor"]
    found = state(other)
    assert found["actions"][-1] == "journal:backup:restored"
    assert found["sealed"] == len(found["actions"])
    assert f"as it was sealed: {found['sealed']} entries" in said
    assert "Entries that stand as they were sealed" in other.run("journal", "verify")
    for name in ("root-ca", "checkpoint", "manufacturer"):
        key = f"data/keys/{name}.pem"
        assert (other.folder / key).read_bytes() == (console.folder / key).read_bytes()
    shutil.copytree(console.folder / "data" / "relays", other.folder / "data" / "relays")
    again = other.live().feed(old)
    assert again["snapshot"]
    assert int(again["cursor"]) > 2**32
    assert "journal:backup:made" in state(console)["actions"]


def test_neither_a_wrong_phrase_nor_a_running_console_changes_anything(console, backup, other):
    before = state(console)
    running = refused(console, "restore", str(backup), "--replace", text=PHRASE)
    assert "stop web, live and worker" in running
    assert state(console)["actions"][: len(before["actions"])] == before["actions"]

    wrong = refused(other, "restore", str(backup), text="another phrase\n")
    assert "does not open it" in wrong
    assert "ne l’ouvre pas" in refused(
        other, "restore", str(backup), text="another phrase\n", language="fr_CA.UTF-8"
    )
    assert not list((other.folder / "data").iterdir())


def test_what_is_there_already_is_moved_aside_or_the_reason_to_refuse(backup, restored):
    other, _ = restored
    other.end()
    assert "--replace" in refused(other, "restore", str(backup), text=PHRASE)
    said = other.run("restore", str(backup), "--replace", text=PHRASE)
    assert "before-restore-" in said
    assert state(other)["actions"][-1] == "journal:backup:restored"
    assert list(other.folder.glob("data/before-restore-*/console.sqlite3"))


def test_a_damaged_backup_changes_nothing(backup, other, tmp_path):
    data = bytearray(backup.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(data)
    said = refused(other, "restore", str(tmp_path / "damaged"), text=PHRASE)
    assert "not as it was written" in said
    assert not list((other.folder / "data").iterdir())


def test_keys_never_lie_open(console, tmp_path):
    assert "--without-keys" in refused(console, "backup", str(tmp_path / "b"), "--open")
    console.run("backup", str(tmp_path / "b"), "--open", "--without-keys")
    data = (tmp_path / "b").read_bytes()
    assert b"SQLite format 3" in data
    assert b"PRIVATE" not in data
    secret = (console.folder / "data" / "secret.key").read_bytes().strip()
    assert secret not in data


def test_a_backup_without_keys_asks_for_all_of_them(console, other, tmp_path):
    console.run("backup", str(tmp_path / "b"), "--open", "--without-keys")
    (other.folder / "data").mkdir(mode=0o700)
    shutil.copytree(console.folder / "data" / "keys", other.folder / "data" / "keys")
    assert "put `keys` and `secret.key` into" in refused(other, "restore", str(tmp_path / "b"))
    shutil.copy(console.folder / "data" / "secret.key", other.folder / "data")
    other.run("restore", str(tmp_path / "b"))
    kept = (console.folder / "data" / "secret.key").read_bytes()
    assert (other.folder / "data" / "secret.key").read_bytes() == kept
    other.worker()
    other.end()


def test_on_postgresql_to_a_public_key(tmp_path):
    private = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "public.pem").write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "private.pem").write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    cluster = Cluster()
    try:
        old = Console.make(tmp_path / "old", database=f'database = "{cluster.place.create("old")}"')
        old.script(WRITE.format(count=3))
        old.end()
        old.run("backup", str(tmp_path / "b"), "--to-key", str(tmp_path / "public.pem"))
        new = Console(tmp_path / "new")
        new.folder.mkdir()
        text = (old.folder / "console.toml").read_text().replace(str(old.folder), str(new.folder))
        address = cluster.place.create("new")
        (new.folder / "console.toml").write_text(
            text.replace(cluster.place.address("old"), address)
        )
        words = ("restore", str(tmp_path / "b"), "--key", str(tmp_path / "private.pem"))
        (tmp_path / "other.pem").write_text("no key")
        for name, said in WRONG_KEYS.items():
            told_why = refused(new, *words[:3], str(tmp_path / name))
            assert said in told_why
            assert "Traceback" not in told_why
        new.run(*words)
        with psycopg.connect(address) as connection:
            found = told(connection.execute)
        assert found["refused"] == 3
        assert found["sealed"] == len(found["actions"])
        assert "not empty" in refused(new, *words)
    finally:
        cluster.stop()

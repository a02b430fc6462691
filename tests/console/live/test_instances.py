"""Two hosts of one console over one PostgreSQL, each with its own folder and its own processes."""

import json
import shutil
import signal
import threading

import psycopg
import pytest

from tests.console.live.processes import Console, Live, within
from tests.console.live.test_process import PRESENCE, REFUSE
from tests.console.live.test_worker import WRITER
from tests.postgresql import Cluster

PATIENCE_S = 60


class Hosts:
    """Hosts `a` and `b`, and what both see."""

    def __init__(self, folder, cluster):
        self.cluster = cluster
        self.a = Console.make(folder / "a", database=f'database = "{cluster.place.create("both")}"')
        self.b = Console(folder / "b")
        self.b.folder.mkdir()
        text = (self.a.folder / "console.toml").read_text()
        (self.b.folder / "console.toml").write_text(
            text.replace(str(self.a.folder), str(self.b.folder))
        )
        for name in ("keys", "relays"):
            shutil.copytree(self.a.folder / "data" / name, self.b.folder / "data" / name)
        for name in ("ca.pem", "secret.key"):
            shutil.copy(self.a.folder / "data" / name, self.b.folder / "data" / name)

    def ask(self, question):
        with psycopg.connect(self.cluster.place.address("both")) as connection:
            return connection.execute(question).fetchall()

    def sealed(self):
        """Whether every entry has its place, one after the other, under the newest checkpoint."""
        places = [place for (place,) in self.ask("SELECT sequence FROM journal_journalrow")]
        size = self.ask("SELECT coalesce(max(size), 0) FROM journal_checkpoint")[0][0]
        return None not in places and sorted(places) == list(range(size))

    def counts(self):
        """What was written by `WRITER`, in its order."""
        rows = self.ask(
            "SELECT entry FROM journal_journalrow WHERE action = 'device:lock:set' ORDER BY id"
        )
        return [json.loads(bytes(entry))["detail"]["count"] for (entry,) in rows]

    def end(self):
        self.a.end()
        self.b.end()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    cluster = Cluster()
    hosts = Hosts(tmp_path_factory.mktemp("hosts"), cluster)
    yield hosts
    hosts.end()
    cluster.stop()


def heard_at(live: Live, cursor: str) -> tuple[threading.Thread, list[dict]]:
    """Let a relay wait at this `live`."""
    heard: list[dict] = []
    thread = threading.Thread(target=lambda: heard.append(live.feed(cursor, wait_s=25)))
    thread.start()
    return thread, heard


def devices(reply: dict) -> list[str]:
    return [event["device"] for event in reply["events"]]


def test_what_is_written_at_one_host_is_heard_at_the_other(hosts):
    there = hosts.b.live()
    within(PATIENCE_S, lambda: "bell is heard" in hosts.b.log("live").read_text())
    thread, heard = heard_at(there, there.feed("")["cursor"])
    hosts.a.script(REFUSE.format(device="CI-1"))
    thread.join(PATIENCE_S)
    assert devices(heard[0]) == ["CI-1"]


def test_a_commit_rings_and_a_rollback_does_not(hosts):
    address = hosts.cluster.place.address("both")
    with psycopg.connect(address, autocommit=True) as listener:
        listener.execute("LISTEN bedside_wake")
        hosts.a.script(
            """
            from django.db import transaction
            from bedside.console.wake import wake_on_commit
            with transaction.atomic():
                wake_on_commit()
                transaction.set_rollback(True)
            with transaction.atomic():
                wake_on_commit()
                wake_on_commit()
            """
        )
        rung = list(listener.notifies(timeout=5, stop_after=1))
        rung += list(listener.notifies(timeout=0))
    assert len(rung) == 1


def test_who_is_silent_loses_the_turn(hosts):
    said = hosts.a.script(
        """
        import time
        from bedside.console.wake.turn import Turn
        one, two = Turn(silence_s=5), Turn()
        assert one.mine() and not two.mine() and one.mine()
        while not two.mine():
            time.sleep(0.1)
        assert not one.mine()
        two.close()
        assert one.mine()
        print("passed on")
        """
    )
    assert said == "passed on\n"


def test_a_batch_that_a_killed_host_took_is_not_taken_twice_by_the_next(hosts):
    first, second = hosts.a.live(), hosts.b.live()
    event = {**PRESENCE, "device": "CI-77", "at_ms": 1}
    batch = {"v": 1, "relay": "a", "boot": "7" * 32, "first": 1, "sequence": 1, "events": [event]}
    assert first.ask("POST", "/relay/batch", body=batch)[0] == 200
    first.process.send_signal(signal.SIGKILL)
    assert second.ask("POST", "/relay/batch", body=batch) == (200, {"v": 1, "sequence": 1})
    told = "SELECT count(*) FROM journal_journalrow WHERE device = 'CI-77'"
    assert hosts.ask(told) == [(1,)]


def test_one_worker_seals_the_other_follows_and_takes_over_when_it_is_killed(hosts):
    first = hosts.a.worker()
    within(PATIENCE_S, hosts.sealed)
    hosts.b.worker()
    writer = threading.Thread(target=hosts.b.script, args=(WRITER.format(count=300),))
    writer.start()
    within(PATIENCE_S, (hosts.b.folder / "data/journal/checkpoint").exists)
    assert "does what is done once" not in hosts.b.log("worker").read_text()
    first.send_signal(signal.SIGKILL)
    writer.join()
    within(PATIENCE_S, lambda: "does what is done once" in hosts.b.log("worker").read_text())
    within(PATIENCE_S, hosts.sealed)
    assert hosts.counts() == list(range(300))
    # Killed at any moment and away since: it is behind, and catches up.
    hosts.a.worker()
    for host in (hosts.a, hosts.b):
        within(PATIENCE_S, lambda host=host: same_checkpoint(host, hosts))
    assert "Entries that stand as they were sealed" in hosts.b.run("journal", "verify")


def same_checkpoint(host: Console, hosts: Hosts) -> bool:
    ((newest,),) = hosts.ask("SELECT note FROM journal_checkpoint ORDER BY size DESC LIMIT 1")
    return (host.folder / "data/journal/checkpoint").read_text() == newest


def test_the_database_goes_and_comes_back_and_nobody_needs_a_restart(hosts):
    lives = [hosts.a.live(), hosts.b.live()]
    for host in (hosts.a, hosts.b):
        host.worker()
    cursors = [live.feed("")["cursor"] for live in lives]
    hosts.cluster.halt()
    try:
        for host in (hosts.a, hosts.b):
            for word in ("live", "worker"):
                within(
                    PATIENCE_S, lambda host=host, word=word: said(host, word, "database is away")
                )
        assert lives[0].ask("GET", "/relay/feed?cursor=")[0] == 503
    finally:
        hosts.cluster.start()
    hosts.a.script(REFUSE.format(device="CI-9"))
    hosts.b.script(WRITER.format(count=5))
    for host in (hosts.a, hosts.b):
        within(PATIENCE_S, lambda host=host: said(host, "live", "database is back"))
    for live, cursor in zip(lives, cursors, strict=True):
        assert devices(live.feed(cursor)) == ["CI-9"]
    within(PATIENCE_S, hosts.sealed)
    assert all(process.poll() is None for process in hosts.a.started[-2:] + hosts.b.started[-2:])
    for host in (hosts.a, hosts.b):
        assert "Traceback" not in host.log("live").read_text()
        assert "Traceback" not in host.log("worker").read_text()


def said(host: Console, word: str, words: str) -> bool:
    return words in host.log(word).read_text()

"""The reading of a real database, and what a process says of itself."""

import socket

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bedside.console.health.beat import Beat
from bedside.console.health.checks import readiness
from bedside.console.health.models import ProcessSeen
from bedside.console.health.queries import PROCESS_MS, beats_of, missing_keys, read
from bedside.console.journal.actions import now_ms
from bedside.console.notices.models import Notice
from bedside.console.relays.models import DevicePresence, Relay
from bedside.console.relays.queries import devices_in_contact
from bedside.pki.keystore import KeyName
from bedside.protocol.presence import RELAY_LOST_MS
from bedside.vocabulary import Contact


def test_the_reading_of_a_small_fleet(fleet):
    Notice.objects.create(key="a", channel="mail", address="x", event="e", body="b", next_ms=1)
    Notice.objects.create(
        key="b", channel="mail", address="x", event="e", body="b", next_ms=1, state="dead"
    )
    found = read()
    assert found.unapplied == ()
    assert found.missing_keys == ()
    assert found.certificates["root"] > now_ms()
    assert (found.online, found.silent) == (1, 0)
    assert {relay.name: relay.devices for relay in found.relays}["a"] == 1
    assert (found.outbox.waiting, found.outbox.dead) == (1, 1)
    assert found.processes == {"web": None, "live": None, "worker": None}
    assert found.unsealed > 0
    assert found.unsealed_since_ms <= now_ms()
    assert set(found.sessions.values()) == {0}


def test_a_relay_that_is_lost_makes_nobody_online(fleet):
    DevicePresence.objects.update(online=True, late=True)
    here = DevicePresence.objects.filter(relay="a").count()
    heard = read()
    assert (heard.online, heard.overdue, heard.relay_lost) == (here, here, 0)
    Relay.objects.filter(pk="a").update(seen_ms=now_ms() - RELAY_LOST_MS)
    lost = read()
    assert (lost.online, lost.overdue, lost.relay_lost) == (0, 0, here)
    (relay,) = (each for each in lost.relays if each.name == "a")
    assert (relay.devices, relay.unknown) == (0, here)
    assert (
        lost.relay_lost
        == DevicePresence.objects.filter(devices_in_contact(Contact.RELAY_LOST)).count()
    )


def test_a_key_that_is_gone_is_named_and_makes_a_process_unready(fleet, settings):
    assert readiness().good
    keys = settings.BEDSIDE_DATA_DIR / "keys"
    (found,) = [path for path in keys.iterdir() if path.stem == KeyName.ORDER.value]
    found.unlink()
    assert missing_keys() == ("order",)
    health = readiness()
    assert health.status == 503
    assert "BAD keys: cannot be read: order" in health.text()


def test_the_certificate_that_counts_is_the_one_that_a_relay_says_it_shows(fleet, settings):
    made = settings.BEDSIDE_DATA_DIR / "relays" / "a" / "certificate.pem"
    made.parent.mkdir(parents=True)
    made.write_text("renewed here, and never brought to the relay")
    assert read().certificates["relay a"] == 0
    Relay.objects.filter(pk="a").update(certificate_ends_ms=5_000, offset_ms=-7)
    found = read()
    assert found.certificates["relay a"] == 5_000
    assert next(each.offset_ms for each in found.relays if each.name == "a") == -7


@pytest.mark.django_db
def test_a_reading_asks_no_more_of_a_database_than_a_page():
    with CaptureQueriesContext(
        connection,
    ) as asked:
        read()
    assert len(asked) < 30


@pytest.mark.django_db(transaction=True)
def test_a_process_says_that_it_runs_and_when_it_leaves():
    beat = Beat("live")
    beat._say(now_ms())
    beat._say(now_ms() + 1)
    (row,) = ProcessSeen.objects.all()
    assert (row.kind, row.version) == ("live", "0.1.0")
    assert read().processes["live"] == row.seen_ms
    beat._leave()
    assert read().processes["live"] is None


@pytest.mark.django_db(transaction=True)
def test_what_a_process_said_last_is_another_word_each_time_by_whichever_clock():
    now = now_ms()
    beat = Beat("live")
    Beat("worker")._say(now)
    told = [beats_of("live")]
    for seen_ms in (now, now + 1, now - 3_600_000):
        beat._say(seen_ms)
        told.append(beats_of("live"))
    row = ProcessSeen.objects.get(kind="live").pk
    assert told == [set(), {(row, now)}, {(row, now + 1)}, {(row, now - 3_600_000)}]


@pytest.mark.django_db(transaction=True)
def test_processes_without_their_admin_address_are_named_while_they_run():
    now = now_ms()
    Beat("web", admin_off=True)._say(now)
    Beat("live", admin_off=True)._say(now - PROCESS_MS - 1000)
    Beat("worker")._say(now)
    assert read().admin_off == (f"web ({socket.gethostname()})",)
    # Its successor has another number; the row of the one that ended stays for a while.
    row = ProcessSeen.objects.get(kind="web")
    row.pk, row.pid, row.admin_off, row.started_ms = None, row.pid + 1, False, row.started_ms + 1
    row.save()
    assert read().admin_off == ()


@pytest.mark.django_db(transaction=True)
def test_a_process_that_was_killed_is_forgotten_after_a_day():
    Beat("web")._say(now_ms() - 25 * 3600 * 1000)
    Beat("live")._say(now_ms())
    assert [row.kind for row in ProcessSeen.objects.all()] == ["live"]

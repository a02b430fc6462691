from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bedside.console.relays.actions import do_expect_device, do_note_sightings, do_settle
from bedside.console.relays.actions.messages import do_send_message
from bedside.console.relays.models import (
    DeviceMessage,
    DevicePresence,
    RetiredInstance,
    UnseenDevice,
)
from bedside.console.relays.queries import presence
from bedside.protocol.batch import Absent, Overdue
from bedside.vocabulary import Contact, DeviceId, MessageKind
from tests.console.relays.world import DEVICE, NOW, add_relays, seen

MINUTE = 60_000


@pytest.fixture
def relays(db):
    add_relays("a", "b")


def note(relay, *told):
    return do_note_sightings(relay, told, now=told[-1].at_ms)


def send(device):
    do_send_message(device, MessageKind.ORDER, b"sealed", expires_ms=NOW * 2, now=NOW)


def changed(noted):
    """What the only change was: online or not, and where the device was before."""
    (change,) = noted.changes
    return change.online, change.moved_from


def gone(at_ms, device=DEVICE):
    return Absent(device=DeviceId(device), at_ms=at_ms, polled_ms=at_ms - 75_000)


def late(at_ms, device=DEVICE):
    return Overdue(device=DeviceId(device), at_ms=at_ms, polled_ms=at_ms - 45_000)


def test_the_first_sighting_brings_a_device_online(relays):
    assert presence(DEVICE) is None
    assert changed(note("a", seen())) == (True, "")
    here = presence(DEVICE)
    assert (here.relay, here.contact, here.at_ms) == ("a", Contact.ONLINE, NOW)


def test_a_device_is_expected_until_its_first_sighting(relays):
    do_expect_device(DEVICE)
    assert UnseenDevice.objects.filter(pk=DEVICE).exists()
    note("a", seen())
    do_expect_device(DEVICE)
    assert not UnseenDevice.objects.exists()


def test_a_device_that_stops_is_gone_and_comes_back(relays):
    note("a", seen())
    assert note("a", late(NOW + MINUTE // 2)).changes == ()
    assert presence(DEVICE).contact is Contact.OVERDUE
    assert changed(note("a", gone(NOW + MINUTE))) == (False, "")
    assert note("a", gone(NOW + MINUTE)).changes == ()
    here = presence(DEVICE)
    assert (here.contact, here.polled_ms) == (Contact.OFFLINE, NOW + MINUTE - 75_000)
    assert changed(note("a", seen(NOW + 2 * MINUTE))) == (True, "")


def test_a_late_poll_that_comes_changes_nothing_but_the_word(relays):
    note("a", seen(), late(NOW + MINUTE))
    assert note("a", seen(NOW + MINUTE + 1)).changes == ()
    assert presence(DEVICE).contact is Contact.ONLINE


def test_who_goes_and_comes_back_within_one_batch_has_not_changed(relays):
    note("a", seen())
    assert note("a", gone(NOW + MINUTE), seen(NOW + MINUTE + 1)).changes == ()
    assert presence(DEVICE).contact is Contact.ONLINE


def test_the_relay_it_left_cannot_call_it_gone(relays):
    note("a", seen())
    assert changed(note("b", seen(NOW + MINUTE))) == (True, "a")
    assert note("a", late(NOW + 2 * MINUTE), gone(NOW + 2 * MINUTE)).changes == ()
    assert presence(DEVICE).contact is Contact.ONLINE


def test_an_old_sighting_that_arrives_late_changes_nothing(relays):
    note("b", seen(NOW + MINUTE))
    assert note("a", seen(NOW)).changes == ()
    assert presence(DEVICE).relay == "b"


def test_a_restart_is_not_a_clone(relays):
    note("a", seen(instance="a"))
    assert not note("a", seen(NOW + MINUTE, instance="b")).clones
    assert not note("b", seen(NOW + 2 * MINUTE, instance="b")).clones


def test_a_replaced_instance_that_returns_at_another_relay_is_a_clone(relays):
    note("a", seen(instance="a"))
    note("b", seen(NOW + MINUTE, instance="b"))
    assert note("a", seen(NOW + 2 * MINUTE, instance="a")).clones == ((DEVICE, "a" * 32),)


def test_a_clone_is_found_within_one_batch(relays):
    told = [seen(NOW + n * MINUTE, instance="aba"[n]) for n in range(3)]
    assert note("a", *told).clones == ((DEVICE, "a" * 32),)


def test_the_last_word_of_a_relay_that_was_away_is_not_a_clone(relays):
    note("a", seen(instance="a"))
    note("b", seen(NOW + MINUTE, instance="b"))
    assert not note("a", seen(NOW + MINUTE - 1, instance="a")).clones
    assert presence(DEVICE).relay == "b"


def test_the_oldest_of_many_instances_are_forgotten(relays):
    for number in range(70):
        instance = f"{number:032x}"
        note("a", replace(seen(NOW + number), instance=instance))
    assert RetiredInstance.objects.count() == 64
    assert not RetiredInstance.objects.filter(instance=f"{0:032x}").exists()


def test_a_relay_that_was_restarted_gives_up_whom_it_has_not_seen_again(relays):
    note("a", seen(), seen(device="CI-2"), seen(device="CI-3"))
    note("b", seen(NOW + 1, device="CI-3"))
    started = NOW + MINUTE
    note("a", seen(started + 1, device="CI-2"))
    noted = do_settle("a", started_ms=started, at_ms=started + MINUTE)
    assert noted.lost == {DEVICE}
    assert presence(DEVICE).contact is Contact.OFFLINE
    assert presence(DEVICE).polled_ms == NOW
    assert {presence(each).contact for each in ("CI-2", "CI-3")} == {Contact.ONLINE}


def test_what_waits_follows_its_device_to_another_relay(relays):
    note("a", seen())
    send(DEVICE)
    note("b", seen(NOW + MINUTE), seen(NOW + MINUTE, device="CI-2"))
    assert [row.relay for row in DeviceMessage.objects.all()] == ["b"]


def fleet_of(count, at_ms):
    return [seen(at_ms, device=f"CI-{number}") for number in range(count)]


def statements(*told, relay="a"):
    with CaptureQueriesContext(connection) as queries:
        note(relay, *told)
    return len(queries)


def cost_of(size):
    """The statements for so many devices that come, leave and move at once."""
    left = [gone(NOW + MINUTE, f"CI-{number}") for number in range(size)]
    cost = (
        statements(*fleet_of(size, NOW)),
        statements(*left),
        statements(*fleet_of(size, NOW + 2 * MINUTE), relay="b"),
    )
    DevicePresence.objects.all().delete()
    return cost


def test_a_thousand_devices_cost_a_handful_of_statements_and_a_thousand_more_a_few_more(relays):
    few, more = cost_of(1_000), cost_of(2_000)
    assert max(few) <= 6
    assert all(much - little <= 4 for little, much in zip(few, more, strict=True))

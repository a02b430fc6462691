import pytest

from bedside.console.relays.actions import do_expect_device, do_note_absent, do_note_presence
from bedside.console.relays.models import UnseenDevice
from bedside.console.relays.queries import presence
from tests.console.relays.world import DEVICE, NOW, add_relays, seen

MINUTE = 60_000


@pytest.fixture
def relays(db):
    add_relays("a", "b")


def note(relay, sighting):
    return do_note_presence(relay, sighting, now=sighting.at_ms)


def test_the_first_sighting_brings_a_device_online(relays):
    assert presence(DEVICE) is None
    assert note("a", seen()).came_online
    here = presence(DEVICE)
    assert (here.relay, here.online, here.at_ms) == ("a", True, NOW)


def test_a_device_is_expected_until_its_first_sighting(relays):
    do_expect_device(DEVICE)
    assert UnseenDevice.objects.filter(pk=DEVICE).exists()
    note("a", seen())
    do_expect_device(DEVICE)
    assert not UnseenDevice.objects.exists()


def test_a_device_that_stops_is_gone_and_comes_back(relays):
    note("a", seen())
    assert do_note_absent("a", DEVICE, at_ms=NOW + MINUTE)
    assert not do_note_absent("a", DEVICE, at_ms=NOW + MINUTE)
    assert not presence(DEVICE).online
    assert note("a", seen(NOW + 2 * MINUTE)).came_online


def test_the_relay_it_left_cannot_call_it_gone(relays):
    note("a", seen())
    assert note("b", seen(NOW + MINUTE)).moved_from == "a"
    assert not do_note_absent("a", DEVICE, at_ms=NOW + 2 * MINUTE)
    assert presence(DEVICE).online


def test_an_old_sighting_that_arrives_late_changes_nothing(relays):
    note("b", seen(NOW + MINUTE))
    change = note("a", seen(NOW))
    assert not change.came_online
    assert presence(DEVICE).relay == "b"


def test_a_growing_journal_is_noticed(relays):
    assert not note("a", seen()).new_journal
    assert note("a", seen(NOW + 1, size=3)).new_journal
    assert not note("a", seen(NOW + 2, size=3)).new_journal


def test_a_restart_is_not_a_clone(relays):
    note("a", seen(instance="a"))
    assert not note("a", seen(NOW + MINUTE, instance="b")).cloned
    assert not note("b", seen(NOW + 2 * MINUTE, instance="b")).cloned


def test_a_replaced_instance_that_returns_at_another_relay_is_a_clone(relays):
    note("a", seen(instance="a"))
    note("b", seen(NOW + MINUTE, instance="b"))
    assert note("a", seen(NOW + 2 * MINUTE, instance="a")).cloned


def test_the_last_word_of_a_relay_that_was_away_is_not_a_clone(relays):
    note("a", seen(instance="a"))
    note("b", seen(NOW + MINUTE, instance="b"))
    assert not note("a", seen(NOW + MINUTE - 1, instance="a")).cloned
    assert presence(DEVICE).relay == "b"

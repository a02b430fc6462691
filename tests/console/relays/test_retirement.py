import pytest
from django.db import transaction

from bedside.audit.entry import SYSTEM
from bedside.console.relays import queries
from bedside.console.relays.actions import (
    RelayKeptError,
    do_forget_old,
    do_note_relay_certificate,
    do_note_relays,
    do_note_sightings,
    do_retire_relay,
)
from bedside.console.relays.models import DevicePresence, Relay, RelayCertificate
from bedside.console.relays.queries import (
    assertion_key,
    devices_polling,
    feed_since,
    presence,
    relay,
    relays,
    relays_heard,
    retired_relays,
    revoked_relays,
)
from bedside.vocabulary import Contact
from tests.console.relays.world import DEVICE, NOW, add_relays, seen
from tests.console.world import actions_of


@pytest.fixture(autouse=True)
def three(db):
    add_relays("a", "b", "c")
    do_note_sightings("a", [seen()], now=NOW)


def retire(name, *, despite_devices=False, now=NOW + 1):
    with transaction.atomic():
        return do_retire_relay(
            name, reason="Replaced", despite_devices=despite_devices, actor=SYSTEM, now=now
        )


def names(found):
    return [each.name for each in found]


def test_a_retired_relay_is_nobody_s_any_more_and_its_history_stays():
    assert not retire("b")
    assert names(relays()) == names(relays_heard()) == ["a", "c"]
    assert (relay("b"), assertion_key("b")) == (None, None)
    assert [(each.name, each.retired_ms) for each in retired_relays()] == [("b", NOW + 1)]
    told = actions_of(action__startswith="relay:record")
    assert told == [*["relay:record:created"] * 3, "relay:record:retired"]


def test_its_certificates_are_revoked_at_every_relay():
    do_note_relay_certificate("b", "0b", not_after_ms=NOW + 9)
    do_note_relay_certificate("b", "0c", not_after_ms=NOW)
    do_note_relay_certificate("a", "0a", not_after_ms=NOW + 9)
    cursor = feed_since("a", "", now=NOW).cursor
    retire("b")
    assert revoked_relays(now=NOW + 1) == ("0b",)
    assert revoked_relays(now=NOW + 9) == ()
    told = feed_since("a", cursor, now=NOW + 1).events
    assert [event.serials for event in told] == [("0b",)]
    do_forget_old(now=NOW + 10)
    assert not RelayCertificate.objects.exists()


def test_a_certificate_that_is_noted_after_the_retirement_is_refused_as_well():
    retire("b")
    do_note_relay_certificate("b", "0d", not_after_ms=NOW + 9)
    assert revoked_relays(now=NOW + 1) == ("0d",)
    assert revoked_relays(now=NOW + 9) == ()


def test_a_relay_that_devices_poll_stays_unless_it_is_said_otherwise():
    with pytest.raises(RelayKeptError) as kept:
        retire("a")
    assert kept.value.devices == 1
    assert devices_polling("a") == 1
    assert retire("a", despite_devices=True) == {DEVICE}
    assert presence(DEVICE).contact is Contact.OFFLINE
    assert devices_polling("a") == 0
    # What another relay saw before, and tells only now, is no older than what is known.
    do_note_sightings("c", [seen(NOW)], now=NOW + 2)
    assert presence(DEVICE).relay == "c"


def test_a_relay_whose_devices_have_gone_elsewhere_may_go():
    do_note_sightings("b", [seen(NOW + 1)], now=NOW + 1)
    assert not retire("a")
    assert DevicePresence.objects.get().online


def test_the_only_one_stays_whatever_is_said():
    retire("b")
    retire("c")
    for despite_devices in (False, True):
        with pytest.raises(RelayKeptError) as kept:
            retire("a", despite_devices=despite_devices)
        assert kept.value.devices == 0
    assert names(relays()) == ["a"]


def test_what_is_unknown_or_retired_cannot_be_retired():
    retire("b")
    for name in ("b", "z"):
        with pytest.raises(LookupError):
            retire(name)


def test_nothing_is_told_any_more_of_a_retired_relay_s_silence():
    Relay.objects.filter(pk="b").update(seen_ms=NOW - 600_000, offset_ms=600_000)
    retire("b")
    do_note_relays(now=NOW, awake_ms=0)
    assert actions_of(action="relay:contact:lost") == []
    assert actions_of(action="relay:clock:changed") == []


def test_devices_are_counted_as_far_as_it_tells_anything(monkeypatch):
    monkeypatch.setattr(queries, "MOST_COUNTED", 2)
    do_note_sightings("a", [seen(NOW, device=f"CI-{n}") for n in range(5)], now=NOW)
    assert devices_polling("a") == 3

import pytest
from django.db import transaction

from bedside.console.relays.actions import (
    do_end_tunnel,
    do_note_delivered,
    do_note_sightings,
    do_open_tunnel,
    do_refuse_device,
    do_restore_device,
    do_revoke_certificates,
    do_send_message,
    do_withdraw_messages,
)
from bedside.console.relays.models import FeedEvent, Relay
from bedside.console.relays.queries import feed_since
from bedside.protocol.feed import FeedReply, parse_feed
from bedside.vocabulary import Ending, Gate, MessageKind
from tests.console.relays.world import DEVICE, NOW, SESSION, add_relays, seen


@pytest.fixture
def fleet(db):
    add_relays("a", "b")
    do_note_sightings("a", [seen()], now=NOW)


def send(kind=MessageKind.ORDER, *, session=SESSION, expires_ms=NOW + 60_000, now=NOW):
    return do_send_message(DEVICE, kind, b"sealed", session=session, expires_ms=expires_ms, now=now)


def kinds(reply: FeedReply) -> list[str]:
    assert parse_feed(reply.to_json()) == reply
    return [event.FIXED["kind"] for event in reply.events]


def news(relay: str, cursor: str, *, now: int = NOW) -> list[str]:
    return kinds(feed_since(relay, cursor, now=now))


def open_tunnel(relay="a"):
    do_open_tunnel(
        SESSION,
        DEVICE,
        relay=relay,
        device_proofs=["1" * 64],
        specialist_proofs=["2" * 64],
        not_after_ms=NOW + 60_000,
        idle_s=60,
        max_bytes=1,
        now=NOW,
    )


def test_an_order_is_told_to_the_relay_of_its_device_only(fleet):
    start = feed_since("a", "", now=NOW).cursor
    assert send() == "a"
    assert news("a", start) == ["message"]
    assert news("b", start) == []


def test_a_cursor_moves_past_what_was_told(fleet):
    send()
    first = feed_since("a", "0", now=NOW)
    assert kinds(first) == ["message"]
    assert news("a", first.cursor) == []


def test_an_empty_cursor_gets_all_that_is_valid_tunnels_before_messages(fleet):
    do_revoke_certificates({"0a": NOW + 1, "0b": NOW - 1}, now=NOW)
    do_refuse_device("CI-2", Gate.DEVICE_CLONED, now=NOW)
    send()
    open_tunnel()
    reply = feed_since("a", "", now=NOW)
    assert reply.snapshot
    assert kinds(reply) == ["revoked", "device_refused", "tunnel", "message"]
    assert reply.events[0].serials == ("0a",)


@pytest.mark.parametrize("cursor", ["999", "x", "-1", "0.short", "1" * 30])
def test_a_foreign_cursor_gets_a_snapshot(fleet, cursor):
    send()
    assert feed_since("a", cursor, now=NOW).snapshot


def test_a_cursor_older_than_what_is_kept_gets_a_snapshot(fleet):
    send()
    send()
    FeedEvent.objects.filter(cursor=1).delete()
    assert feed_since("a", "0", now=NOW).snapshot
    assert not feed_since("a", "1", now=NOW).snapshot


def test_what_was_overtaken_is_not_told(fleet):
    send()
    do_withdraw_messages(SESSION, MessageKind.ORDER, now=NOW)
    assert news("a", "0") == ["message_withdrawn"]
    assert news("a", "") == []


def test_what_expired_is_not_told(fleet):
    send(expires_ms=NOW + 10)
    assert news("a", "0", now=NOW + 10) == []
    assert news("a", "", now=NOW + 10) == []


def test_what_was_delivered_is_not_told_again(fleet):
    send()
    message = feed_since("a", "0", now=NOW).events[0]
    assert do_note_delivered(DEVICE, message.id, now=NOW) == (MessageKind.ORDER, SESSION)
    assert do_note_delivered(DEVICE, message.id, now=NOW) is None
    assert news("a", "0") == []


def test_another_device_cannot_acknowledge(fleet):
    send()
    message = feed_since("a", "0", now=NOW).events[0]
    assert do_note_delivered("CI-2", message.id, now=NOW) is None
    assert news("a", "0") == ["message"]


def test_a_newer_configuration_replaces_the_waiting_one_but_orders_stand_together(fleet):
    send(MessageKind.CONFIGURATION, session="")
    send(MessageKind.CONFIGURATION, session="")
    assert news("a", "") == ["message"]
    send()
    send(session="01JD0000000000000000000001")
    assert news("a", "") == ["message"] * 3


def test_a_device_that_was_never_seen_finds_its_order_where_it_appears(db):
    add_relays("a", "b")
    assert send() is None
    open_tunnel(relay="")
    assert news("b", "") == []
    do_note_sightings("b", [seen()], now=NOW)
    assert news("b", "0") == ["tunnel", "message"]


def test_what_waits_follows_the_device_to_another_relay_tunnel_first(fleet):
    send()
    open_tunnel()
    before = feed_since("a", "", now=NOW).cursor
    do_note_sightings("b", [seen(NOW + 1)], now=NOW + 1)
    assert news("a", before) == ["message_withdrawn"]
    assert news("b", before) == ["tunnel", "message"]


def test_what_was_delivered_does_not_follow(fleet):
    send()
    open_tunnel()
    message = feed_since("a", "0", now=NOW).events[0]
    do_note_delivered(DEVICE, message.id, now=NOW)
    do_note_sightings("b", [seen(NOW + 1)], now=NOW + 1)
    assert news("b", "") == []
    assert news("a", "") == ["tunnel"]


def test_an_ended_tunnel_is_told_once_and_leaves_the_snapshot(fleet):
    open_tunnel()
    assert do_end_tunnel(SESSION, Ending.BY_OPERATOR, now=NOW)
    assert not do_end_tunnel(SESSION, Ending.EXPIRED, now=NOW)
    assert news("a", "0") == ["tunnel_ended"]
    assert news("a", "") == []


def test_refused_and_restored_reach_every_relay(fleet):
    do_refuse_device(DEVICE, Gate.REVOKED_CERTIFICATE, now=NOW)
    assert news("a", "0") == news("b", "0") == ["device_refused"]
    assert do_restore_device(DEVICE, now=NOW)
    assert not do_restore_device(DEVICE, now=NOW)
    assert news("b", "0") == ["device_restored"]
    assert news("b", "") == []


def test_more_messages_than_one_answer_holds_come_in_several(fleet):
    for number in range(200):
        send(session=f"01JD{number:022d}")
    first = feed_since("a", "", now=NOW)
    rest = feed_since("a", first.cursor, now=NOW)
    assert (first.snapshot, rest.snapshot) == (True, False)
    ids = {event.id for event in first.events + rest.events}
    assert len(ids) == len(first.events) + len(rest.events) == 200
    assert feed_since("a", rest.cursor, now=NOW).events == ()


@pytest.mark.django_db(transaction=True)
def test_an_event_without_its_change_is_refused():
    with pytest.raises(RuntimeError, match="transaction"):
        do_refuse_device(DEVICE, Gate.LIMIT, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_fails_leaves_no_gap_in_the_cursors():
    def fail() -> None:
        with transaction.atomic():
            do_refuse_device(DEVICE, Gate.LIMIT, now=NOW)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with transaction.atomic():
        do_refuse_device(DEVICE, Gate.LIMIT, now=NOW)
    assert list(FeedEvent.objects.values_list("cursor", flat=True)) == [1]


def test_a_relay_with_a_wrong_clock_is_told_deadlines_by_that_clock(fleet):
    send()
    open_tunnel()
    for offset_ms, later_ms in ((300_000, 300_000), (-300_000, -300_000), (2_000, 0)):
        Relay.objects.filter(pk="a").update(offset_ms=offset_ms)
        tunnel, message = feed_since("a", "", now=NOW).events
        assert tunnel.not_after_ms == message.expires_ms == NOW + 60_000 + later_ms

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bedside.console.enrolment.queries import identity
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.live.batches import Applied, do_apply_batch
from bedside.console.relays.actions import do_end_tunnel, do_note_begun
from bedside.console.relays.models import Relay
from bedside.console.relays.queries import feed_since, is_draining, presence, relays_heard
from bedside.protocol.batch import (
    Absent,
    Delivered,
    Draining,
    Refused,
    Report,
    Settled,
    SupersededInstanceReturned,
    TunnelClosed,
    TunnelOpened,
)
from bedside.protocol.feed import DeviceRefused
from bedside.vocabulary import (
    Contact,
    DeviceId,
    Ending,
    Gate,
    JournalAction,
    SessionId,
    SessionState,
)
from tests.console.live.world import LiveRelay, ask_for_session
from tests.console.relays.world import seen
from tests.console.service_sessions import news
from tests.console.world import DEVICE, actions_of

pytestmark = pytest.mark.django_db


def tell(relay: LiveRelay, *events, later_ms: int = 0):
    return do_apply_batch(relay.name, relay.batch(*events), now=now_ms() + later_ms).devices


def gone(device=DEVICE) -> Absent:
    return Absent(device=DeviceId(device), at_ms=now_ms(), polled_ms=now_ms() - 75_000)


def opened(session: str, index: int = 0) -> TunnelOpened:
    return TunnelOpened(session=SessionId(session), index=index, at_ms=now_ms())


def closed(session: str) -> TunnelClosed:
    return TunnelClosed(
        session=SessionId(session),
        index=0,
        at_ms=now_ms(),
        bytes_from_device=700,
        bytes_from_specialist=30,
        reason="partner_closed",
    )


def refusal(gate=Gate.TUNNEL_PROOF, device=DEVICE) -> Refused:
    return Refused(
        device=DeviceId(device) if device else None,
        serial="ab",
        gate=gate,
        at_ms=now_ms(),
        address="198.51.100.9",
    )


def test_a_report_in_a_batch_is_taken_in(device, relay):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    sealed = Report(device=device.name, sealed=device.report(), at_ms=now_ms())
    assert tell(relay, sealed) == {DEVICE}
    assert "journal:device:received" in actions_of(device=DEVICE)


def test_a_batch_counts_once(relay):
    session = ask_for_session()
    batch = relay.batch(opened(session.pk))
    do_apply_batch("a", batch, now=now_ms())
    assert do_apply_batch("a", batch, now=now_ms()).devices == set()
    assert actions_of(session=session.pk).count("session:tunnel:opened") == 1


def test_a_batch_of_which_we_have_a_part_is_answered_with_how_far_we_are(relay):
    session = ask_for_session()
    told = (opened(session.pk), opened(session.pk, 1))
    assert do_apply_batch("a", relay.batch(*told), now=now_ms()).sequence == 2
    more = replace(relay.batch(), first=1, sequence=3, events=(*told, opened(session.pk, 2)))
    assert do_apply_batch("a", more, now=now_ms()) == Applied(2)
    rest = replace(more, first=3, events=more.events[2:])
    assert do_apply_batch("a", rest, now=now_ms()).sequence == 3
    assert actions_of(session=session.pk).count("session:tunnel:opened") == 3


def test_a_device_comes_goes_and_moves(relay):
    tell(relay, gone())
    assert presence(DEVICE).contact is Contact.OFFLINE
    tell(relay, seen(now_ms(), instance="b"))
    assert presence(DEVICE).contact is Contact.ONLINE
    tell(LiveRelay("b", relay.key), seen(now_ms(), instance="b"))
    assert presence(DEVICE).relay == "b"
    assert actions_of(action="device:presence:changed") == ["device:presence:changed"] * 3


def test_a_relay_whose_clock_is_ahead_does_not_freeze_a_device(relay):
    tell(relay, seen(now_ms() + 3_600_000, instance="b"))
    tell(LiveRelay("b", relay.key), seen(now_ms(), instance="b"))
    assert presence(DEVICE).relay == "b"


def test_a_relay_whose_clock_is_five_minutes_slow_is_put_right(relay):
    Relay.objects.filter(pk="b").update(offset_ms=-300_000)
    tell(LiveRelay("b", relay.key), seen(now_ms() - 300_000, instance="a"))
    here = presence(DEVICE)
    assert (here.relay, abs(here.polled_ms - now_ms()) < 5_000) == ("b", True)


def test_many_devices_at_once_are_one_entry_of_the_journal(relay):
    session = ask_for_session()
    others = [f"CI-9{number:02}" for number in range(30)]
    tell(relay, *[seen(now_ms(), device=each) for each in others])
    tell(relay, *[gone(each) for each in [DEVICE, *others]])
    assert actions_of(action="relay:presence:changed") == ["relay:presence:changed"] * 2
    told = JournalRow.objects.filter(action="device:presence:changed", device__in=others)
    assert not told.exists()
    assert actions_of(action="device:presence:changed", device=DEVICE)[-1:]
    session.refresh_from_db()
    assert session.ending == "device_lost"


def cost_of_batch(relay, *events) -> int:
    with CaptureQueriesContext(connection) as queries:
        tell(relay, *events)
    return len(queries)


def test_thousands_of_devices_in_one_batch_cost_one_transaction_and_a_handful_of_statements(relay):
    few, many = [f"CI-9{n:04}" for n in range(1_000)], [f"CI-8{n:04}" for n in range(3_000)]
    costs = []
    for names in (few, many):
        came = cost_of_batch(relay, *[seen(now_ms(), device=each) for each in names])
        left = cost_of_batch(relay, *[gone(each) for each in names])
        costs.append((came, left))
    assert max(costs[0]) <= 26
    # A few statements more for each thousand more.
    assert all(more - little <= 10 for little, more in zip(*costs, strict=True))


def test_a_relay_that_was_restarted_loses_whom_it_does_not_see_again(relay):
    session = ask_for_session()
    started = now_ms() + 1_000
    told = tell(relay, Settled(started_ms=started, at_ms=started), later_ms=75_000)
    assert told == {DEVICE}
    assert presence(DEVICE).contact is Contact.OFFLINE
    session.refresh_from_db()
    assert session.ending == "device_lost"


def test_a_lost_device_ends_what_waits_for_it(relay):
    session = ask_for_session()
    tell(relay, gone())
    session.refresh_from_db()
    assert (session.state, session.ending) == ("ended", "device_lost")


def test_whoever_asked_is_told_where_the_order_waits_once_its_device_has_moved(relay, device):
    session = ask_for_session()
    order = device.waiting()[-1]
    elsewhere = LiveRelay("b", relay.key)
    tell(elsewhere, seen(now_ms(), instance="b"))
    session.refresh_from_db()
    assert (session.state, session.relay) == (SessionState.ROUTED, "b")

    # One that was delivered stays with the relay that brought it.
    tell(elsewhere, Delivered(device=device.name, id=order.id, at_ms=now_ms()))
    tell(relay, seen(now_ms(), instance="b"))
    session.refresh_from_db()
    assert (session.state, session.relay) == (SessionState.AWAITING_OPERATOR, "b")


def test_a_delivered_order_waits_for_the_operator(relay, device):
    session = ask_for_session()
    order = device.waiting()[-1]
    tell(relay, Delivered(device=device.name, id=order.id, at_ms=now_ms()))
    session.refresh_from_db()
    assert (session.state, session.relay) == (SessionState.AWAITING_OPERATOR, "a")


def test_bytes_are_counted_and_journalled(relay):
    session = ask_for_session()
    tell(relay, opened(session.pk), closed(session.pk))
    session.refresh_from_db()
    assert (session.bytes_from_device, session.bytes_from_specialist) == (700, 30)
    assert actions_of(session=session.pk)[-2:] == [
        "session:tunnel:opened",
        "session:tunnel:closed",
    ]


def lost_by_the_device(session):
    assert news.tell(session.pk, news.ENDED, ending="relay_lost")
    session.refresh_from_db()


@pytest.mark.parametrize(
    ("reason", "ending"), [("by_device", ""), ("idle", ""), ("stopping", "relay_stopped")]
)
def test_a_session_whose_relay_is_stopped_in_order_is_over_as_that(relay, reason, ending):
    session = ask_for_session()
    news.live(session)
    tell(relay, opened(session.pk), replace(closed(session.pk), reason=reason))
    session.refresh_from_db()
    assert session.ending == ending
    assert session.bytes_from_device == 700
    assert "session:tunnel:closed" in actions_of(session=session.pk)


def test_the_device_that_lost_a_relay_that_drained_lost_it_as_planned(relay):
    ends = {}
    for drains in (False, True):
        session = ask_for_session()
        news.live(session)
        if drains:
            tell(relay, Draining(at_ms=now_ms(), until_ms=now_ms() + 60_000))
        lost_by_the_device(session)
        ends[drains] = (session.ending, session.device_ending)
    assert ends == {False: ("relay_lost", "relay_lost"), True: ("relay_stopped", "relay_lost")}


def test_a_relay_is_about_to_stop_until_its_next_run_is_heard(relay):
    until_ms = now_ms() + 60_000
    tell(relay, Draining(at_ms=now_ms(), until_ms=until_ms))
    (heard,) = (each for each in relays_heard() if each.name == "a")
    assert heard.draining_until_ms == until_ms
    do_note_begun("a", "1" * 32)
    (heard,) = (each for each in relays_heard() if each.name == "a")
    assert heard.draining_until_ms is None
    assert is_draining("a")  # what its stop cut off may be told still
    again = replace(relay.batch(seen(now_ms())), boot="1" * 32)
    do_apply_batch("a", again, now=now_ms())
    (heard,) = (each for each in relays_heard() if each.name == "a")
    assert heard.draining_until_ms is None


def drains_on_pages():
    return any(each.draining_until_ms for each in relays_heard() if each.name == "a")


@pytest.mark.parametrize("ahead_ms", [-5_000, 4_900])
def test_a_run_is_not_about_to_stop_because_the_one_before_it_was(relay, ahead_ms):
    """The spool of the old run is told by the new one, which has asked before; no clock decides."""
    at_ms = now_ms() + ahead_ms
    do_note_begun("a", "1" * 32)
    tell(relay, Draining(at_ms=at_ms, until_ms=at_ms + 300_000))
    assert not drains_on_pages()
    assert is_draining("a")  # what its stop cut off may be told still
    itself = replace(relay.batch(Draining(at_ms=now_ms(), until_ms=at_ms + 300_000)), boot="1" * 32)
    do_apply_batch("a", itself, now=now_ms())
    assert drains_on_pages()


def test_a_run_that_asks_from_nothing_again_is_still_about_to_stop(relay):
    """Its first answer was lost; `relay` is that run."""
    for _ in range(2):
        do_note_begun("a", "0" * 32)
        tell(relay, Draining(at_ms=now_ms(), until_ms=now_ms() + 300_000))
    do_note_begun("a", "0" * 32)
    assert drains_on_pages()
    do_note_begun("a", "")  # a run that does not say which it is
    assert not drains_on_pages()


def test_a_relay_whose_time_to_stop_is_over_is_not_about_to(relay):
    tell(relay, Draining(at_ms=now_ms() - 300_000, until_ms=now_ms() - 1))
    assert not drains_on_pages()
    assert actions_of(action="relay:drain:started") == ["relay:drain:started"]


def test_a_relay_that_does_not_carry_a_session_cannot_speak_of_it(relay):
    session = ask_for_session()
    other = LiveRelay("b", relay.key)
    tell(other, opened(session.pk), closed(session.pk))
    session.refresh_from_db()
    assert session.bytes_from_device == 0
    assert "session:tunnel:opened" not in actions_of(session=session.pk)


def test_a_tunnel_that_closes_late_is_still_counted(relay):
    session = ask_for_session()
    do_end_tunnel(session.pk, Ending.BY_SPECIALIST, now=now_ms())
    tell(relay, closed(session.pk))
    session.refresh_from_db()
    assert session.bytes_from_device == 700


def test_a_refusal_is_journalled_with_its_gate_and_address(relay):
    tell(relay, refusal())
    row = JournalRow.objects.get(action="relay:connection:refused")
    assert (row.gate, row.device, row.outcome) == ("tunnel_proof", DEVICE, "refused")
    assert b"198.51.100.9" in bytes(row.entry)


def test_a_flood_of_refusals_does_not_fill_the_journal(relay):
    tell(relay, *[refusal(Gate.CERTIFICATE, device=None) for _ in range(50)])
    tell(relay, refusal(Gate.LIMIT, device=None))
    assert JournalRow.objects.filter(gate="certificate").count() == 20
    assert JournalRow.objects.filter(gate="limit").count() == 1


def test_a_replaced_instance_that_returns_quarantines_the_device(relay):
    session = ask_for_session()
    returned = SupersededInstanceReturned(
        device=DeviceId(DEVICE), instance="c" * 32, at_ms=now_ms()
    )
    tell(relay, returned, returned)
    assert identity(DEVICE).gate is Gate.DEVICE_CLONED
    assert actions_of(action="device:clone:detected") == ["device:clone:detected"]
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("revoked", "device_cloned")
    told = feed_since("b", "", now=now_ms()).events
    assert DeviceRefused(device=DeviceId(DEVICE), gate=Gate.DEVICE_CLONED) in told


def test_two_copies_at_two_relays_are_found_by_the_console(relay):
    minute = 60_000
    tell(relay, seen(now_ms() + minute, instance="b"), later_ms=minute)
    other = LiveRelay("b", relay.key)
    tell(other, seen(now_ms() + 2 * minute, instance="a"), later_ms=2 * minute)
    assert identity(DEVICE).gate is Gate.DEVICE_CLONED


def test_an_event_that_fails_costs_only_itself(relay, caplog):
    not_a_relays_word = DeviceRefused(device=DeviceId(DEVICE), gate=Gate.LIMIT)
    tell(relay, not_a_relays_word, refusal())
    assert actions_of(action="relay:connection:refused") == ["relay:connection:refused"]
    assert "passed over" in caplog.text


def test_a_relay_that_drains_is_in_the_journal(relay):
    tell(relay, Draining(at_ms=now_ms(), until_ms=now_ms() + 300_000))
    assert actions_of(action="relay:drain:started") == ["relay:drain:started"]

"""Where the next poll goes, as a dialogue: what happened, then what comes next."""

import random as randomness

from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.poll_plan import PollPlan, merge
from bedside.protocol.poll import Spans
from bedside.protocol.shapes import Relay
from bedside.vocabulary import RelayName


def relay(name: str, *ports: int) -> Relay:
    return Relay(
        name=RelayName(name),
        host=f"{name}.example",
        server_name=f"{name}.example",
        ports=ports or (443,),
    )


SPANS = Spans()
A = relay("a", 443, 17001)
B = relay("b", 443)


def plan(*relays: Relay, share: float = 0.5) -> PollPlan:
    return PollPlan(relays or (A, B), lambda: share)


def where(rota: PollPlan) -> tuple[str, int]:
    return rota.attempt.relay.name, rota.attempt.port


def test_it_begins_at_once_at_the_first_relay_and_port():
    rota = plan()
    assert where(rota) == ("a", 443)
    assert rota.attempt.at_ms == 0


def test_ports_are_tried_in_order_and_the_one_that_answered_is_kept():
    rota = plan()
    rota.failed(10)
    assert where(rota) == ("a", 17001)
    assert rota.attempt.at_ms == 10
    rota.answered(20, 30_000)
    assert where(rota) == ("a", 17001)
    assert rota.attempt.at_ms == 30_020


def test_a_poll_that_hurries_waits_for_no_pause_and_is_never_put_off():
    rota = plan()
    rota.answered(20, 30_000)
    rota.hurry(500)
    assert rota.attempt.at_ms == 500
    rota.hurry(900)
    assert rota.attempt.at_ms == 500


def test_a_relay_without_an_open_port_gives_way_to_the_next_at_once():
    rota = plan()
    rota.failed(10)
    rota.failed(20)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == 20


def test_a_relay_that_answered_and_is_lost_is_tried_once_more_soon():
    rota = plan()
    rota.answered(10, 0)
    rota.failed(1000)
    assert where(rota) == ("a", 443)
    assert rota.attempt.at_ms == 1000 + SPANS.retry_ms // 2
    rota.taken()
    rota.answered(rota.attempt.at_ms + 5, 30_000)
    assert where(rota) == ("a", 443)


def test_a_relay_that_is_gone_is_left_at_a_moment_of_the_dictated_span():
    rota = plan()
    rota.answered(0, 0, Spans(lost_ms=10_000))
    rota.failed(0)
    rota.failed(1000)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == 1000 + 8_000 // 2


def test_a_short_span_bounds_the_first_try_too():
    rota = PollPlan((A, B), lambda: 0.999)
    rota.answered(0, 0, Spans(lost_ms=1_000, retry_ms=2_000))
    rota.failed(0)
    rota.failed(rota.attempt.at_ms)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms <= 900


def test_whoever_cannot_wait_and_whoever_notices_alone_goes_to_the_next_at_once():
    rota = plan()
    rota.answered(10, 0)
    rota.failed(20, at_once=True)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == 20


def test_a_relay_that_takes_polls_and_answers_none_is_left():
    rota = plan()
    rota.answered(0, 0)
    now = 0
    for _ in range(5):
        rota.failed(now)
        assert where(rota) == ("a", 443)
        now = rota.attempt.at_ms
        rota.taken()
    rota.failed(now)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == now + SPANS.lost_ms * 9 // 10 // 2


def test_the_only_relay_is_waited_for_over_the_span():
    rota = plan(B)
    rota.answered(0, 0)
    rota.failed(0)
    rota.failed(1000)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == 1000 + (SPANS.lost_ms * 9 // 10 - 1000) // 2


def test_after_a_round_in_vain_the_next_waits_a_random_share_of_a_doubling_range():
    rota = plan(B, share=0.5)
    now, reach = 0, SPANS.retry_ms
    for _ in range(12):
        rota.failed(now)
        assert rota.attempt.at_ms - now == min(reach, SPANS.retry_most_ms) // 2
        now, reach = rota.attempt.at_ms, reach * 2
    rota.answered(now, 0, Spans(retry_ms=500))
    rota.failed(now, at_once=True)
    assert rota.attempt.at_ms - now == 250


def test_it_comes_home_at_a_moment_of_the_dictated_span():
    rota = plan()
    rota.answered(0, 0)
    rota.failed(1, at_once=True)
    spans = Spans(home_ms=10_000, home_spread_ms=2_000)
    rota.answered(2, 30_000, spans)
    assert where(rota) == ("b", 443)
    rota.answered(2 + 10_999, 30_000, spans)
    assert where(rota) == ("b", 443)
    rota.answered(2 + 11_000, 30_000, spans)
    assert where(rota) == ("a", 443)
    now = rota.attempt.at_ms
    rota.failed(now)
    rota.failed(now)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == now


def test_a_relay_without_a_turn_is_asked_again_at_a_moment_of_the_span_then_the_next():
    rota = plan()
    rota.busy(10_000)
    assert (where(rota), rota.attempt.at_ms) == (("a", 443), 10_000 + SPANS.lost_ms // 2)
    rota.busy(20_000)
    assert (where(rota), rota.attempt.at_ms) == (("b", 443), 20_000 + SPANS.lost_ms // 2)
    rota.busy(30_000)
    assert (where(rota), rota.attempt.at_ms) == (("b", 443), 30_000 + SPANS.lost_ms // 2)
    rota.busy(40_000)
    assert where(rota) == ("a", 443)


def test_who_has_waited_for_longer_than_a_span_waits_up_to_as_long_again():
    rota = plan()
    rota.busy(10_000)
    rota.busy(70_000)
    assert rota.attempt.at_ms == 70_000 + 60_000 // 2
    rota.busy(10_000 + 3 * SPANS.retry_most_ms)
    assert rota.attempt.at_ms == 10_000 + 3 * SPANS.retry_most_ms + SPANS.retry_most_ms // 2
    rota.answered(900_000, 0)
    rota.busy(900_000)
    assert rota.attempt.at_ms == 900_000 + SPANS.lost_ms // 2


def test_whoever_cannot_wait_is_back_soon_where_there_was_no_turn():
    rota = plan()
    rota.busy(0, at_once=True)
    assert rota.attempt.at_ms == SPANS.retry_ms // 2
    rota.busy(10_000, at_once=True)
    assert rota.attempt.at_ms == 10_000 + 10_000 // 2


def test_a_relay_that_was_started_again_and_has_no_turn_is_not_left():
    rota = plan()
    rota.answered(0, 0)
    rota.failed(0)
    rota.busy(1_000)
    assert (where(rota), rota.attempt.at_ms) == (("a", 443), 1_000 + SPANS.lost_ms // 2)


def test_on_the_way_home_a_relay_without_a_turn_costs_the_device_nothing():
    rota = plan()
    rota.failed(0)
    rota.failed(0)
    rota.answered(0, 0, Spans(home_ms=1_000, home_spread_ms=0))
    rota.answered(1_000, 0)
    assert where(rota) == ("a", 443)
    rota.busy(1_001)
    assert (where(rota), rota.attempt.at_ms) == (("b", 443), 1_001)


def test_a_relay_that_stops_sends_the_device_on_and_sees_it_again():
    rota = plan()
    rota.answered(0, 0)
    rota.leave(1_000, 4_000)
    assert (where(rota), rota.attempt.at_ms) == (("b", 443), 3_000)
    spans = Spans(home_ms=10_000, home_spread_ms=0)
    rota.answered(3_000, 0, spans)
    rota.answered(13_000, 0, spans)
    assert where(rota) == ("a", 443)
    rota.leave(13_000, 0)
    assert (where(rota), rota.attempt.at_ms) == (("b", 443), 13_000), "it still stops"
    rota.answered(22_999, 0, spans)
    assert where(rota) == ("b", 443)
    rota.answered(23_000, 0, spans)
    assert where(rota) == ("a", 443)


def test_sent_away_with_nowhere_to_go_it_comes_back_and_backs_off():
    rota = plan()
    rota.answered(0, 0)
    now, waits = 0, []
    for _ in range(4):
        rota.leave(now, 0)
        assert (where(rota), rota.attempt.at_ms) == (("b", 443), now)
        rota.failed(now)
        assert where(rota) == ("a", 443)
        waits.append(rota.attempt.at_ms - now)
        now = rota.attempt.at_ms
    assert waits == [1_000, 2_000, 4_000, 8_000]


def test_a_fleet_that_lost_its_relay_is_elsewhere_within_one_span_and_evenly():
    source = randomness.Random(1)
    arrivals = []
    for _ in range(3000):
        rota = PollPlan((A, B), source.random)
        rota.answered(0, 0)
        rota.failed(0)
        rota.failed(rota.attempt.at_ms)
        assert where(rota) == ("b", 443)
        arrivals.append(rota.attempt.at_ms)
    last = SPANS.lost_ms * 9 // 10
    assert last - 1_000 < max(arrivals) <= last  # the rest is for their handshakes
    seconds = [sum(1 for each in arrivals if each // 1000 == second) for second in range(30)]
    assert max(seconds) < 2 * 3000 / 27


def test_a_refusal_waits_as_long_as_it_says_and_asks_the_next():
    rota = plan()
    rota.turned_away(100, 60_000)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == 60_100
    rota.turned_away(100, 0)
    assert rota.attempt.at_ms == 1100


def test_a_refusal_ends_the_wait_for_a_turn():
    rota = plan()
    rota.busy(0)
    rota.turned_away(1_000, 600_000)
    rota.busy(601_000, at_once=True)
    assert rota.attempt.at_ms == 601_000 + SPANS.retry_ms // 2


def test_a_relay_cannot_silence_a_device_for_ever():
    rota = plan()
    rota.answered(0, 10**12)
    assert rota.attempt.at_ms <= 3_600_000
    rota.turned_away(0, 10**12)
    assert rota.attempt.at_ms <= 3_600_000


def test_a_configuration_extends_the_bundle_and_never_overwrites_it():
    moved = relay("a", 17002)
    new = relay("c")
    merged = merge("CI-20417", (A, B), (new, moved))
    assert set(merged) == {new, moved, B}
    assert merged[-1] == B
    assert set(merge("CI-20417", (A, B), ())) == {A, B}


def test_a_pin_puts_a_relay_first_and_leaves_none_out():
    for name in "abc":
        merged = merge("CI-20417", (A, B), (relay("c"), A, B), (RelayName(name),))
        assert merged[0].name == name
        assert len(merged) == 3


def test_a_new_list_leaves_a_device_where_it_is():
    rota = plan()
    rota.answered(0, 30_000)
    rota.follow((A, B, relay("c")), 5)
    assert (where(rota), rota.attempt.at_ms) == (("a", 443), 30_000)


def test_a_list_with_another_first_relay_moves_it_at_a_moment_of_the_span_of_homing():
    rota = plan()
    spans = Spans(home_spread_ms=20_000)
    rota.answered(0, 30_000, spans)
    rota.follow((B, A), 5)
    assert (where(rota), rota.attempt.at_ms) == (("a", 443), 30_000)
    rota.answered(10_004, 0, spans)
    assert where(rota) == ("a", 443)
    rota.answered(10_005, 0, spans)
    assert where(rota) == ("b", 443)


def test_a_list_without_its_relay_moves_it_within_the_span():
    rota = plan()
    rota.answered(0, 30_000)
    rota.follow((B,), 5)
    assert (where(rota), rota.attempt.at_ms) == (("b", 443), 5 + SPANS.lost_ms * 9 // 10 // 2)


@given(st.lists(st.sampled_from(["answered", "failed", "turned_away"]), max_size=60), st.randoms())
def test_whatever_happens_the_next_attempt_is_of_the_list_and_not_in_the_past(events, source):
    rota = PollPlan((A, B), source.random)
    now = 0
    for event in events:
        now += 100
        if event == "failed":
            rota.failed(now)
        else:
            getattr(rota, event)(now, 1000)
        attempt = rota.attempt
        assert attempt.port in attempt.relay.ports
        assert now <= attempt.at_ms <= now + SPANS.retry_most_ms


def test_full_jitter_spreads_a_fleet():
    source = randomness.Random(1)
    waits = []
    for _ in range(1000):
        rota = PollPlan((B,), source.random)
        rota.failed(0)
        waits.append(rota.attempt.at_ms)
    assert max(waits) - min(waits) > SPANS.retry_ms * 0.9

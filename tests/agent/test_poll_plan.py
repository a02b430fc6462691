"""Where the next poll goes, as a dialogue: what happened, then what comes next."""

import random as randomness

from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.poll_plan import (
    BACKOFF_FIRST_MS,
    BACKOFF_LIMIT_MS,
    COME_HOME_MS,
    PollPlan,
    merge,
)
from bedside.protocol.shapes import Relay
from bedside.vocabulary import RelayName


def relay(name: str, *ports: int) -> Relay:
    return Relay(
        name=RelayName(name),
        host=f"{name}.example",
        server_name=f"{name}.example",
        ports=ports or (443,),
    )


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


def test_a_relay_without_an_open_port_gives_way_to_the_next_at_once():
    rota = plan()
    rota.failed(10)
    rota.failed(20)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == 20


def test_a_relay_that_answered_and_then_does_not_gives_way_at_once():
    rota = plan()
    rota.answered(10, 0)
    rota.failed(20)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == 20


def test_after_a_round_in_vain_the_next_waits_a_random_share_of_a_doubling_range():
    rota = plan(B, share=0.5)
    now, reach = 0, BACKOFF_FIRST_MS
    for _ in range(12):
        rota.failed(now)
        assert rota.attempt.at_ms - now == min(reach, BACKOFF_LIMIT_MS) // 2
        now, reach = rota.attempt.at_ms, reach * 2
    rota.answered(now, 0)
    rota.failed(now)
    assert rota.attempt.at_ms - now == BACKOFF_FIRST_MS // 2


def test_it_comes_home():
    rota = plan()
    rota.answered(0, 0)
    rota.failed(1)
    rota.answered(2, 30_000)
    assert where(rota) == ("b", 443)
    rota.answered(2 + COME_HOME_MS - 1, 30_000)
    assert where(rota) == ("b", 443)
    rota.answered(2 + COME_HOME_MS, 30_000)
    assert where(rota) == ("a", 443)
    rota.failed(3 + COME_HOME_MS)
    rota.failed(4 + COME_HOME_MS)
    assert where(rota) == ("b", 443)


def test_a_refusal_waits_as_long_as_it_says_and_asks_the_next():
    rota = plan()
    rota.turned_away(100, 60_000)
    assert where(rota) == ("b", 443)
    assert rota.attempt.at_ms == 60_100
    rota.turned_away(100, 0)
    assert rota.attempt.at_ms == 1100


def test_a_relay_cannot_silence_a_device_for_ever():
    rota = plan()
    rota.answered(0, 10**12)
    assert rota.attempt.at_ms <= 3_600_000
    rota.turned_away(0, 10**12)
    assert rota.attempt.at_ms <= 3_600_000


def test_a_configuration_extends_the_bundle_and_never_overwrites_it():
    moved = relay("a", 17002)
    new = relay("c")
    assert merge((A, B), (new, moved)) == (new, moved, B)
    assert {one.name for one in merge((A, B), ())} == {"a", "b"}


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
        assert now <= attempt.at_ms <= now + BACKOFF_LIMIT_MS


def test_full_jitter_spreads_a_fleet():
    source = randomness.Random(1)
    waits = []
    for _ in range(1000):
        rota = PollPlan((B,), source.random)
        rota.failed(0)
        waits.append(rota.attempt.at_ms)
    assert max(waits) - min(waits) > BACKOFF_FIRST_MS * 0.9

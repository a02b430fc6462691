from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.presence import (
    CLOCK_OFF_MS,
    RELAY_LOST_MS,
    Polling,
    contact,
    is_relay_lost,
    offline_after_ms,
    overdue_after_ms,
    relay_deadline,
    relay_time,
)
from bedside.vocabulary import Contact

NOW = 1_763_900_000_000
PERIODS = st.integers(1_000, 3_600_000)
JITTERS = st.integers(0, 50)
AGES = st.integers(0, 10 * RELAY_LOST_MS)


def polling(*, online=True, late=False, heard_ms_ago: int | None = 0) -> Polling:
    seen = None if heard_ms_ago is None else NOW - heard_ms_ago
    return Polling(online=online, late=late, relay_seen_ms=seen)


def test_each_state_has_its_facts():
    lost = RELAY_LOST_MS
    assert contact(None, now=NOW) is Contact.NEVER_SEEN
    assert contact(polling(), now=NOW) is Contact.ONLINE
    assert contact(polling(late=True), now=NOW) is Contact.OVERDUE
    assert contact(polling(online=False), now=NOW) is Contact.OFFLINE
    assert contact(polling(heard_ms_ago=lost), now=NOW) is Contact.RELAY_LOST
    assert contact(polling(late=True, heard_ms_ago=None), now=NOW) is Contact.RELAY_LOST
    assert contact(polling(online=False, heard_ms_ago=lost), now=NOW) is Contact.OFFLINE


@given(st.booleans(), st.booleans(), AGES)
def test_a_lost_relay_makes_nobody_online_and_nobody_offline(online, late, age):
    heard = contact(polling(online=online, late=late), now=NOW)
    lost = contact(polling(online=online, late=late, heard_ms_ago=age), now=NOW)
    assert lost in {heard, Contact.RELAY_LOST}
    assert (lost is Contact.OFFLINE) == (not online)
    assert (lost is Contact.RELAY_LOST) == (online and is_relay_lost(NOW - age, now=NOW))


@given(PERIODS, JITTERS)
def test_no_poll_that_comes_in_time_is_overdue_and_overdue_comes_first(period, jitter):
    latest = period + period * jitter // 100
    overdue = overdue_after_ms(period, jitter_percent=jitter)
    assert overdue >= latest + period // 2
    assert offline_after_ms(period, jitter_percent=jitter) == overdue + period


@given(PERIODS)
def test_a_held_poll_is_overdue_after_one_and_a_half_periods_and_given_up_after_two_and_a_half(
    period,
):
    assert overdue_after_ms(period) == period * 3 // 2
    assert offline_after_ms(period) == period * 3 // 2 + period


@given(st.integers(-600_000, 600_000), st.integers(0, 3_600_000))
def test_a_clock_that_is_off_is_put_right_and_nothing_happens_in_the_future(offset, age):
    told = relay_time(NOW - age + offset, offset_ms=offset, now=NOW)
    assert told <= NOW
    if abs(offset) >= CLOCK_OFF_MS:
        assert told == NOW - age
    else:
        assert abs(told - (NOW - age)) < CLOCK_OFF_MS


@given(st.integers(-600_000, 600_000), st.integers(0, 3_600_000))
def test_a_deadline_falls_due_when_the_relay_s_own_clock_shows_it(offset, left):
    told = relay_deadline(NOW + left, offset_ms=offset)
    at_the_relay = told - (NOW + offset)
    assert abs(at_the_relay - left) < CLOCK_OFF_MS
    if abs(offset) >= CLOCK_OFF_MS:
        assert at_the_relay == left

from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.patience import LOST_AFTER_S, Patience


def waits(patience, *, reached, until=60.0):
    """The pauses until it gives up, each failure coming at once."""
    now, pauses = 0.0, []
    while now < until:
        if reached:
            patience.reached()
        pause = patience.failed(now)
        if pause is None:
            return pauses
        pauses.append(pause)
        now += pause
    raise AssertionError("it never gives up")


def test_a_relay_that_is_gone_is_given_up_after_four_seconds():
    patience = Patience()
    pauses = waits(patience, reached=False)
    assert LOST_AFTER_S <= sum(pauses) <= LOST_AFTER_S + 0.5
    assert patience.is_unreachable


def test_a_relay_that_answers_garbage_is_given_up_within_half_a_minute():
    patience = Patience()
    pauses = waits(patience, reached=True)
    assert len(pauses) == 8
    assert pauses == sorted(pauses)
    assert 5 < sum(pauses) < 20
    assert not patience.is_unreachable


def test_one_sound_answer_forgets_the_garbage():
    patience = Patience()
    for _ in range(30):
        patience.reached()
        assert patience.failed(0.0) == 0.25
        assert patience.answered()


def test_that_nobody_came_at_once_is_no_answer():
    patience = Patience()
    for _ in range(8):
        patience.reached()
        assert not patience.answered(0.001)
        assert patience.failed(0.0) is not None
    patience.reached()
    assert patience.failed(0.0) is None


def test_a_relay_that_came_back_in_time_is_not_gone():
    patience = Patience()
    for now in (0.0, 3.0):
        assert patience.failed(now) is not None
    patience.reached()
    patience.answered()
    assert patience.failed(3.5) is not None
    assert patience.failed(7.0) is not None


def test_a_relay_that_lets_nobody_in_is_asked_again_with_pauses_that_grow_to_a_bound():
    patience = Patience()
    pauses = [patience.shut() for _ in range(1000)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.25, 8.0)
    patience.reached()
    assert patience.shut() == 0.25


def test_how_long_it_let_nobody_in_does_not_count_once_no_stream_is_left():
    patience = Patience()
    assert patience.failed(0.0) is not None
    patience.shut()
    assert patience.failed(100.0) is not None
    assert patience.failed(100.0 + LOST_AFTER_S) is not None
    assert patience.failed(101.0 + LOST_AFTER_S) is None


def test_streams_that_carry_no_ssh_are_counted_in_a_row():
    patience = Patience()
    assert all(patience.streamed(spoke_ssh=False) for _ in range(15))
    assert patience.streamed(spoke_ssh=True)
    assert all(patience.streamed(spoke_ssh=False) for _ in range(15))
    assert not patience.streamed(spoke_ssh=False)


@given(st.lists(st.booleans(), max_size=40))
def test_whatever_a_hostile_relay_does_without_one_sound_answer_ends(reaches):
    patience, now = Patience(), 0.0
    for reach in reaches:
        if reach:
            patience.reached()
        pause = patience.failed(now)
        if pause is None:
            return
        now += pause
    assert now < 9 * (LOST_AFTER_S + 2.5)

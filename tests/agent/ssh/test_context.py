"""Wrong answers are counted for the session, whatever the connections do at the same moment."""

from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.ssh.context import Activity, Attempts


def test_three_wrong_answers_and_no_more():
    attempts = Attempts(3)
    assert [attempts.take() and attempts.fail() for _ in range(3)] == [False, False, True]
    assert attempts.used_up
    assert not attempts.take()


def test_right_answers_cost_nothing():
    attempts = Attempts(3)
    for _ in range(100):
        assert attempts.take()
        attempts.give_back()
    assert not attempts.used_up


@given(st.lists(st.sampled_from(["take", "wrong", "right"])))
def test_at_most_three_answers_are_ever_checked_wrong(steps):
    """`take` may run ahead on other connections: what is being checked counts as taken."""
    attempts, checking, wrong, lasts = Attempts(3), 0, 0, 0
    for step in steps:
        if step == "take":
            checking += attempts.take()
        elif checking and step == "wrong":
            checking, wrong = checking - 1, wrong + 1
            lasts += attempts.fail()
        elif checking:
            checking -= 1
            attempts.give_back()
        assert wrong + checking <= 3
    assert lasts == (wrong == 3)
    assert attempts.used_up == (wrong == 3)


def test_activity_is_counted_in_bytes_and_remembers_the_last():
    activity = Activity(last_byte=0.0)
    activity.count_sent(3)
    activity.count_received(4)
    assert (activity.sent, activity.received) == (3, 4)
    assert activity.last_byte > 0

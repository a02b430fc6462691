from hypothesis import given
from hypothesis import strategies as st

from bedside.relay.wheel import Wheel


def test_a_deadline_is_hastened_and_never_put_off():
    wheel = Wheel()
    wheel.set("soon", 1_000)
    wheel.set("late", 9_000)
    for key in ("soon", "late", "none"):
        wheel.hasten(key, 2_000)
    assert wheel.due(1_500) == ["soon"]
    assert wheel.due(2_050) == ["late"]
    assert len(wheel) == 0


def test_a_key_falls_due_within_one_slot_and_never_early():
    wheel = Wheel(50)
    wheel.set("a", 1_001)
    assert wheel.due(1_000) == []
    assert wheel.due(1_049) == []
    assert wheel.due(1_050) == ["a"]
    assert wheel.due(2_000) == []


def test_a_new_deadline_replaces_the_old_one_and_cancel_forgets_it():
    wheel = Wheel(50)
    wheel.set("a", 100)
    wheel.set("a", 300)
    wheel.set("b", 300)
    assert wheel.due(200) == []
    wheel.cancel("b")
    wheel.cancel("never set")
    assert wheel.due(300) == ["a"]
    assert len(wheel) == 0


def test_a_deadline_in_the_past_falls_due_at_the_next_look():
    wheel = Wheel(50)
    assert wheel.due(10_000) == []
    wheel.set("late", 500)
    assert wheel.due(10_050) == ["late"]


def test_a_clock_that_was_set_back_makes_deadlines_late_but_loses_none():
    wheel = Wheel(50)
    wheel.due(1_000_000)
    wheel.set("a", 1_000_500)
    assert wheel.due(5_000) == []
    wheel.set("b", 6_000)
    assert wheel.due(6_000) == ["b"]
    assert wheel.due(1_000_500) == ["a"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5_000), st.booleans()), max_size=60))
def test_every_deadline_is_met_once(steps):
    wheel, expected, now, met = Wheel(50), {}, 0, []
    for key, delay, cancel in steps:
        if cancel:
            wheel.cancel(key)
            expected.pop(key, None)
        else:
            wheel.set(key, now + delay)
            expected[key] = now + delay
        now += 40
        for due in wheel.due(now):
            assert expected.pop(due) <= now
            met.append(due)
    assert sorted(wheel.due(now + 10_000)) == sorted(expected)

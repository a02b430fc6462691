"""Whose handshake comes next, as a dialogue at the door."""

from hypothesis import given
from hypothesis import strategies as st

from bedside.relay.turns import Turns


def test_so_many_begin_so_many_wait_and_the_rest_are_told_to_come_later():
    turns = Turns(2, 2)
    assert [turns.arrive(each, leg=False) for each in "abc"] == [True, True, False]
    assert [turns.next(), turns.next(), turns.next()] == ["a", "b", None]
    assert turns.arrive("d", leg=False)
    assert turns.next() is None
    turns.over()
    assert turns.next() == "d"
    assert turns.under_way == 2


def test_a_leg_comes_before_the_others_and_finds_room_where_they_do_not():
    turns = Turns(1, 1)
    assert turns.arrive("a", leg=False)
    assert not turns.arrive("b", leg=False)
    assert turns.arrive("leg", leg=True)
    assert not turns.arrive("another", leg=True)
    assert turns.next() == "leg"
    turns.over()
    assert turns.next() == "a"


def test_whoever_leaves_the_line_is_not_called():
    turns = Turns(1, 3)
    for each in "ab":
        turns.arrive(each, leg=False)
    turns.leave("a")
    assert turns.next() == "b"


@given(st.lists(st.sampled_from(["other", "leg", "over", "next", "leave"]), max_size=200))
def test_whatever_comes_the_bounds_hold(events):
    turns = Turns(3, 4)
    for number, event in enumerate(events):
        if event in ("other", "leg"):
            turns.arrive(number, leg=event == "leg")
        elif event == "next":
            turns.next()
        elif event == "leave":
            turns.leave(number - 1)
        elif turns.under_way:
            turns.over()
        assert 0 <= turns.under_way <= 3
        assert turns.waiting <= 8

"""Whose handshake comes next, as a dialogue at the door."""

from hypothesis import given
from hypothesis import strategies as st

from bedside.relay.turns import Turns


def test_so_many_begin_so_many_wait_and_the_rest_are_told_to_come_later():
    turns = Turns(2, 2, 9)
    assert [turns.arrive(each, "s", leg=False) for each in "abc"] == [True, True, False]
    assert [turns.next(), turns.next(), turns.next()] == ["a", "b", None]
    assert turns.arrive("d", "s", leg=False)
    assert turns.next() is None
    turns.over("s")
    assert turns.next() == "d"
    assert turns.under_way == 2


def test_a_leg_comes_before_the_others_and_finds_room_where_they_do_not():
    turns = Turns(1, 1, 9)
    assert turns.arrive("a", "s", leg=False)
    assert not turns.arrive("b", "s", leg=False)
    assert turns.arrive("leg", "s", leg=True)
    assert not turns.arrive("another", "s", leg=True)
    assert turns.next() == "leg"
    turns.over("s")
    assert turns.next() == "a"


def test_whoever_leaves_the_line_is_not_called():
    turns = Turns(1, 3, 9)
    for each in "ab":
        turns.arrive(each, "s", leg=False)
    turns.leave("a")
    assert turns.next() == "b"


@given(st.lists(st.sampled_from(["other", "leg", "over", "next", "leave"]), max_size=200))
def test_whatever_comes_the_bounds_hold(events):
    turns = Turns(3, 4, 9)
    for number, event in enumerate(events):
        if event in ("other", "leg"):
            turns.arrive(number, "s", leg=event == "leg")
        elif event == "next":
            turns.next()
        elif event == "leave":
            turns.leave(number - 1)
        elif turns.under_way:
            turns.over("s")
        assert 0 <= turns.under_way <= 3
        assert turns.waiting <= 8


def test_a_source_that_never_ends_its_handshakes_delays_its_own_only():
    turns = Turns(4, 8, 2)
    for each in ("a1", "a2", "a3", "a4", "b1"):
        assert turns.arrive(each, each[0], leg=False)
    assert turns.arrive("a5", "a", leg=True)
    assert [turns.next(), turns.next(), turns.next(), turns.next()] == ["a5", "a1", "b1", None]
    assert (turns.under_way, turns.waiting) == (3, 3)
    turns.over("a")
    assert [turns.next(), turns.next()] == ["a2", None]
    turns.leave("a3")
    turns.over("a")
    turns.over("a")
    assert [turns.next(), turns.next()] == ["a4", None]
    assert (turns.under_way, turns.waiting) == (2, 0)


def test_a_source_that_stands_aside_is_in_line_all_the_same():
    turns = Turns(4, 3, 1)
    assert [turns.arrive(each, "a", leg=False) for each in "pqrs"] == [True, True, True, False]
    assert [turns.next(), turns.next()] == ["p", None]
    assert turns.arrive("t", "a", leg=False)
    assert not turns.arrive("u", "b", leg=False)
    assert turns.arrive("leg", "b", leg=True)
    assert turns.next() == "leg"

"""A program that ends is started again; one that ends again and again is not."""

from bedside.demo.restarts import Restarts


def test_what_ends_too_often_is_given_up():
    restarts = Restarts(most=3, within_s=60)
    assert [restarts.again("relay-a", at) for at in (0, 1, 2, 3)] == [True, True, True, False]


def test_programs_are_counted_by_themselves():
    restarts = Restarts(most=1, within_s=60)
    assert restarts.again("relay-a", 0)
    assert restarts.again("relay-b", 1)
    assert not restarts.again("relay-a", 2)


def test_an_end_of_long_ago_is_forgotten():
    restarts = Restarts(most=1, within_s=60)
    assert [restarts.again("web", at) for at in (0, 60, 120)] == [True, True, True]

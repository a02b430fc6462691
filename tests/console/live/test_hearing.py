import pytest

from bedside.console.live.hearing import Hearing

NOW = 1_800_000_000_000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("by_wall", "by_clock", "anew"),
    [
        (100, 100, False),
        (10_000, 10_000, False),
        (10_001, 10_001, True),  # it was frozen
        (90_000, 100, True),  # the machine slept, or its clock was set ahead
        (100, 90_000, True),
        (12_000, 3_000, True),
        (HOUR, 100, True),
        (100 - HOUR, 100, True),  # its clock was set back
        (6_000, 3_000, False),  # its clock was put right by seconds
    ],
)
def test_a_worker_counts_anew_after_a_gap(by_wall, by_clock, anew):
    hearing = Hearing(since_ms=NOW - HOUR)
    hearing.turn(NOW, clock_ms=5_000)
    assert hearing.since_ms == NOW - HOUR
    hearing.turn(NOW + by_wall, clock_ms=5_000 + by_clock)
    assert hearing.since_ms == (NOW + by_wall if anew else NOW - HOUR)


def test_what_it_has_counted_goes_on_after_a_gap():
    hearing = Hearing(since_ms=NOW - HOUR)
    for passed in (0, HOUR, HOUR + 100, HOUR + 200):
        hearing.turn(NOW + passed, clock_ms=passed)
    assert hearing.since_ms == NOW + HOUR


def test_a_worker_whose_every_turn_is_long_goes_on_counting():
    hearing = Hearing(since_ms=NOW - HOUR)
    for passed in range(0, 300_000, 15_000):
        hearing.turn(NOW + passed, clock_ms=passed)
    assert hearing.since_ms == NOW + 15_000


def looks(*told, since_ms=NOW):
    """Let a worker look every five seconds; each of `told` is when a live said something last."""
    hearing = Hearing(since_ms=since_ms)
    for number, seen_ms in enumerate(told):
        beats = frozenset() if seen_ms is None else frozenset({(1, seen_ms)})
        hearing.look(beats, NOW + number * 5_000, clock_ms=number * 5_000)
    return (hearing.since_ms - NOW) // 1_000


def test_a_live_that_says_that_it_runs_is_heard_with_one_beat_missing():
    assert looks(*[1] * 3, *[2] * 3, *[3] * 7, *[4] * 3) == 0


def test_a_live_that_says_nothing_hears_nobody_until_it_says_something_again():
    assert looks(*[1] * 8) == 0
    assert looks(*[1] * 9) == 40
    assert looks(*[1] * 20) == 95
    assert looks(*[1] * 20, *[2] * 3, *[3] * 3) == 100


def test_no_live_at_all_hears_nobody():
    assert looks(*[None] * 20) == 95
    assert looks(*[1] * 3, *[None] * 20) == 110
    assert looks(*[1] * 3, *[None] * 3, *[2] * 3) == 0  # replaced
    assert looks(*[1] * 6, *[None] * 2, *[2] * 3) == 40  # that it left is no word of it


def test_a_live_whose_clock_is_set_back_is_heard():
    assert looks(*[NOW] * 3, *[NOW - HOUR] * 3, *[NOW - HOUR + 1] * 3, *[NOW] * 3) == 0


def test_of_two_one_is_enough():
    hearing = Hearing(since_ms=NOW)
    for number in range(20):
        beats = frozenset({(1, NOW + HOUR), (2, NOW + number)})
        hearing.look(beats, NOW + number * 5_000, clock_ms=number * 5_000)
    assert hearing.since_ms == NOW

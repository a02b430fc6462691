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

from hypothesis import given
from hypothesis import strategies as st

from bedside.console.rest.limits import Buckets


def test_a_burst_then_a_pace():
    buckets = Buckets(per_second=2, burst=3)
    assert [buckets.take("a", 0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 0) == 0.5
    assert buckets.take("a", 0.5) == 0
    assert buckets.take("a", 0.5) > 0


def test_one_caller_takes_nothing_from_another():
    buckets = Buckets(per_second=1, burst=1)
    assert buckets.take("a", 0) == 0
    assert buckets.take("a", 0) > 0
    assert buckets.take("b", 0) == 0


@given(st.lists(st.floats(0, 0.2), min_size=50, max_size=200))
def test_nobody_gets_more_than_the_burst_and_the_pace(gaps):
    buckets, now, taken = Buckets(per_second=5, burst=10), 0.0, 0
    for gap in gaps:
        now += gap
        taken += buckets.take("a", now) == 0
    assert taken <= 10 + now * 5 + 1


def test_memory_is_bounded():
    buckets = Buckets(per_second=1, burst=1)
    for number in range(30_000):
        buckets.take(str(number), 0)
    assert len(buckets._left) <= 20_000

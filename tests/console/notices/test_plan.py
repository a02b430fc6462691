import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.console.notices.plan import MAX_TRIES, after_failure

NOW = 1_795_435_200_000


@given(st.integers(1, MAX_TRIES - 1))
def test_each_wait_is_longer_than_the_one_before(tries):
    wait = after_failure(tries, lasting=False, now_ms=NOW).at_ms - NOW
    assert wait > 0
    if tries > 1:
        assert wait > after_failure(tries - 1, lasting=False, now_ms=NOW).at_ms - NOW


@pytest.mark.parametrize(("tries", "lasting"), [(MAX_TRIES, False), (1, True), (99, False)])
def test_what_is_of_no_use_is_given_up(tries, lasting):
    assert after_failure(tries, lasting=lasting, now_ms=NOW).at_ms is None


def test_it_is_tried_for_about_a_day():
    total = sum(
        after_failure(tries, lasting=False, now_ms=0).at_ms for tries in range(1, MAX_TRIES)
    )
    assert 12 * 3_600_000 < total < 36 * 3_600_000

"""Intervals hold from their start, included, to their end, excluded; the default rules are S36's."""

import pytest

from bedside.policy.facts import DEFAULT_START_RULES, Interval
from bedside.vocabulary import Level, Mode


@pytest.mark.parametrize(
    ("interval", "now", "holds"),
    [
        (Interval(10, 20), 9, False),
        (Interval(10, 20), 10, True),
        (Interval(10, 20), 19, True),
        (Interval(10, 20), 20, False),
        (Interval(10), 10**15, True),
        (Interval(10), 9, False),
        (Interval(10, 10), 10, False),
    ],
)
def test_intervals(interval, now, holds):
    assert interval.holds(now) is holds


def test_the_default_rules_are_those_of_s36_and_s37():
    both = {Mode.VIEW, Mode.CONTROL}
    assert {
        (rule.level, rule.country): (set(rule.start), set(rule.join))
        for rule in DEFAULT_START_RULES
    } == {
        (Level.ONE, "US"): (both, both),
        (Level.TWO, "US"): (both, both),
        (Level.THREE, "US"): (both, both),
        (Level.THREE, "CA"): (set(), both),
    }
    assert {rule.product for rule in DEFAULT_START_RULES} == {None}

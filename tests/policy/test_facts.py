"""Intervals hold from their start, included, to their end, excluded; the default rules are S36's."""

import pytest

from bedside.policy.facts import DEFAULT_START_RULES, HOUSE_SITE, Interval, SiteFacts
from bedside.vocabulary import Level, Mode, SiteAction, SiteRule


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


IN, OUT, SESSION = SiteAction.FILES_IN, SiteAction.FILES_OUT, SiteAction.SYSTEM_VIEW


def test_files_go_with_a_session_where_the_site_asks_nothing_more_for_them():
    assert HOUSE_SITE.free_files(SESSION) == {IN, OUT}
    asked = SiteFacts(rules={IN: SiteRule.ASK_SITE, OUT: SiteRule.ALLOW})
    assert asked.free_files(SESSION) == {OUT}
    assert SiteFacts(rules={OUT: SiteRule.DENY}).free_files(SESSION) == set()


@pytest.mark.parametrize("besides", ["ticket", "window"])
def test_files_that_need_what_the_session_does_not_are_asked_for_by_name(besides):
    free = dict.fromkeys(SiteAction, SiteRule.ALLOW)
    assert SiteFacts(rules=free, **{besides: frozenset({OUT})}).free_files(SESSION) == {IN}
    both = SiteFacts(rules=free, **{besides: frozenset({OUT, SESSION})})
    assert both.free_files(SESSION) == {IN, OUT}

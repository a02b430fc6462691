"""A decision names the fact that decided, and a refusal what came nearest."""

from dataclasses import replace

import pytest

from bedside.policy.decide import decide
from bedside.policy.facts import Entitlement, Interval, Lock, LockScope, ProductRight, StartRule
from bedside.policy.naming import contract_words, site_rule_words, training_words
from bedside.vocabulary import DeviceId, Gate, Level, Mode, SiteAction, SiteRule
from tests.policy.test_decide import (
    COMING,
    CURRENT,
    DAY,
    NOW,
    OVER,
    facts,
    marie,
    reason_of,
    request,
    site,
)

VIEW = frozenset({Mode.VIEW})
BOTH = frozenset(Mode)


def rule(number, level, country, start=BOTH, join=BOTH, product=None):
    return StartRule(level, country, start, join, product, number)


RULES = (
    rule(1, Level.THREE, "CA", start=frozenset()),
    rule(2, Level.TWO, "US", start=VIEW),
    rule(3, Level.TWO, "US", product="contrast-injector"),
    rule(4, Level.TWO, "US", product="workstation"),
)
CONTROL = request(mode=Mode.CONTROL)


@pytest.mark.parametrize(
    ("changes", "gate", "number", "lacks"),
    [
        ({}, Gate.COUNTRY, 2, None),
        ({}, Gate.LEVEL, 2, None),
        ({"request": CONTROL}, Gate.COUNTRY, 3, None),
        ({"request": CONTROL, "rules": (RULES[1],)}, Gate.LEVEL, 2, "mode"),
        ({"rules": (RULES[3],)}, Gate.LEVEL, 4, "product"),
        ({"person": marie(level=Level.ONE)}, Gate.LEVEL, 2, "level"),
        ({"person": marie(country="CA")}, Gate.COUNTRY, 2, "country"),
        ({"person": marie(country="CA", level=Level.THREE)}, Gate.COUNTRY, 1, "mode"),
        ({"person": marie(country="CA", level=Level.THREE), "request": request(joins=True)},
         Gate.COUNTRY, 1, None),
        ({"person": marie(country="FR", level=None)}, Gate.LEVEL, 2, "level country"),
    ],
)  # fmt: skip
def test_the_rule_that_decides_or_comes_nearest_is_named(changes, gate, number, lacks):
    decision = decide(facts(**{"rules": RULES, "policy": 7, **changes}), NOW)
    words = reason_of(decision, gate).fields
    assert (words["policy"], words["rule"], words.get("lacks")) == (7, number, lacks)
    named = RULES[number - 1]
    assert (words["rule_level"], words["rule_country"]) == (named.level, named.country)
    assert words["rule_product"] == (named.product or "*")


def test_no_rule_at_all_is_said():
    words = reason_of(decide(facts(rules=(), policy=8), NOW), Gate.LEVEL).fields
    assert (words["policy"], words["lacks"]) == (8, "rule")
    assert "rule" not in words


@pytest.mark.parametrize(
    ("intervals", "standing", "until"),
    [
        ([], "none", None),
        ([OVER], "over", NOW),
        ([COMING], "to_come", NOW + DAY),
        ([OVER, CURRENT], "holds", NOW + DAY),
        ([CURRENT, Interval(NOW - 1)], "holds", None),
        ([Interval(NOW - 5 * DAY, NOW - 4 * DAY), OVER], "over", NOW),
    ],
)
def test_the_training_and_the_contract_that_decide_say_until_when(intervals, standing, until):
    training = training_words([ProductRight("x", each) for each in intervals], NOW)
    covering = [Entitlement(each, site="s", number=n) for n, each in enumerate(intervals, 5)]
    contract = contract_words(covering, NOW)
    for words in (training, contract):
        assert (words["standing"], words.get("until_ms")) == (standing, until)
    if intervals:
        assert contract["covers"] == "site"
        assert contract["contract"] == 5 + intervals.index(
            next(each for each in intervals if each.start_ms == contract["since_ms"])
        )


def test_a_contract_of_the_device_is_told_from_one_of_the_site():
    covering = (
        Entitlement(OVER, site="notre-dame", number=1),
        Entitlement(CURRENT, device=DeviceId("CI-20417"), number=2),
    )
    words = reason_of(decide(facts(entitlements=covering), NOW), Gate.ENTITLEMENT).fields
    assert (words["contract"], words["covers"]) == (2, "device")


def test_a_lock_says_whose_it_is_and_how_many_are_beside_it():
    mine = Lock(LockScope.SITE, "notre-dame", CURRENT, "Recall", "Julie Gagnon", "Notre-Dame")
    other = replace(mine, scope=LockScope.EVERYTHING, target="")
    words = reason_of(decide(facts(locks=(mine,)), NOW), Gate.LOCK).fields
    assert (words["set_by"], words["organisation"]) == ("Julie Gagnon", "Notre-Dame")
    assert (words["since_ms"], "others" in words) == (CURRENT.start_ms, False)
    assert reason_of(decide(facts(locks=(mine, other)), NOW), Gate.LOCK).fields["others"] == 1


def test_what_the_site_says_of_each_action_is_named():
    asked = {SiteAction.SERVICE_VIEW, SiteAction.FILES_OUT}
    say = site(service_view=SiteRule.ASK_SITE, files_out=SiteRule.DENY)
    assert site_rule_words(say, asked) == "files_out=deny service_view=ask_site"
    assert site_rule_words(None, asked) == "files_out=deny service_view=deny"
    decision = decide(
        facts(site=say, request=request(files=frozenset({SiteAction.FILES_OUT}))), NOW
    )
    words = reason_of(decision, Gate.SITE_POLICY).fields
    assert words["ruled"] == "files_out=deny service_view=ask_site"
    assert (words["denied"], words["serial"]) == ("files_out", 3)

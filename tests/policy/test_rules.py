"""A change of rules is shown by the people it touches, before it is made (S36)."""

from bedside.policy.facts import DEFAULT_START_RULES, StartRule
from bedside.policy.rules import Holder, preview
from bedside.vocabulary import Level, Mode

BOTH = frozenset(Mode)
NONE = frozenset()
MARIE = Holder("p1", "Marie", Level.TWO, "US", "contrast-injector")
JEAN = Holder("p2", "Jean", Level.THREE, "CA", "contrast-injector")
SAM = Holder("p3", "Sam", Level.ONE, "US", "workstation")
NOBODY = Holder("p4", "Nora", None, None, "workstation")
EVERYBODY = (MARIE, JEAN, SAM, NOBODY)


def test_the_same_rules_change_nothing():
    assert preview(DEFAULT_START_RULES, DEFAULT_START_RULES[::-1], EVERYBODY) == []


def test_who_loses_what_is_named():
    after = [rule for rule in DEFAULT_START_RULES if rule.level is not Level.TWO]
    (change,) = preview(DEFAULT_START_RULES, after, EVERYBODY)
    assert change.holder == MARIE
    assert change.lost_start == change.lost_join == BOTH
    assert change.loses


def test_who_gains_is_named_too():
    rule = StartRule(Level.THREE, "CA", frozenset({Mode.VIEW}), BOTH)
    (change,) = preview(DEFAULT_START_RULES, (*DEFAULT_START_RULES, rule), EVERYBODY)
    assert (change.holder, change.gained_start, change.loses) == (JEAN, {Mode.VIEW}, False)


def test_a_rule_for_one_product_touches_its_people_only():
    one = tuple(
        StartRule(rule.level, rule.country, rule.start, rule.join, "contrast-injector")
        for rule in DEFAULT_START_RULES
    )
    assert [change.holder for change in preview(DEFAULT_START_RULES, one, EVERYBODY)] == [SAM]


def test_without_rules_everybody_who_had_something_loses_it():
    lost = {change.holder.name for change in preview(DEFAULT_START_RULES, (), EVERYBODY)}
    assert lost == {"Marie", "Jean", "Sam"}

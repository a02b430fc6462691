"""Which fact decided: the rule, the training, the contract, the lock, by name and until when.

A decision is explained by what it was made from, and a refusal by what came nearest: the rule that
fits but for one thing, the contract that is over. Nothing here decides.
"""

from collections.abc import Iterable
from enum import StrEnum

from bedside.policy.facts import (
    Entitlement,
    Facts,
    Interval,
    Lock,
    ProductRight,
    SiteFacts,
    StartRule,
)
from bedside.vocabulary import SiteAction, SiteRule

__all__ = [
    "Standing",
    "contract_words",
    "lock_words",
    "rule_words",
    "site_rule_words",
    "training_words",
]

Words = dict[str, str | int]
_ANY = "*"


class Standing(StrEnum):
    """How an interval stands to the instant of a decision."""

    HOLDS = "holds"
    NONE = "none"
    OVER = "over"
    TO_COME = "to_come"


def rule_words(facts: Facts) -> Words:
    """Return the rule that lets this request pass, or the nearest one and what of it does not fit.

    `lacks` names product, level, country and mode as far as the rule is for another, and is `rule`
    where there is no rule at all.
    """
    found: Words = {"policy": facts.policy}
    if not facts.rules:
        return {**found, "lacks": "rule"}
    lacks, rule = min(
        ((_lacks(rule, facts), rule) for rule in facts.rules), key=lambda each: len(each[0])
    )
    modes = rule.join if facts.request.joins else rule.start
    found |= {
        "rule": rule.number,
        "rule_level": rule.level,
        "rule_country": rule.country,
        "rule_product": rule.product or _ANY,
        "rule_modes": " ".join(sorted(modes)),
    }
    return {**found, "lacks": " ".join(lacks)} if lacks else found


def _lacks(rule: StartRule, facts: Facts) -> list[str]:
    person, request = facts.person, facts.request
    fits = {
        "product": rule.product in (None, facts.device.product.id),
        "level": rule.level == person.level,
        "country": rule.country == person.country,
        "mode": request.mode in (rule.join if request.joins else rule.start),
    }
    return [name for name, fitting in fits.items() if not fitting]


def training_words(rights: Iterable[ProductRight], now_ms: int) -> Words:
    """Return how the training stands that decides, since when and until when."""
    return _interval_words((right.interval for right in rights), now_ms)


def contract_words(covering: Iterable[Entitlement], now_ms: int) -> Words:
    """Return the contract that decides by its number, what it covers, and until when."""
    known = list(covering)
    words = _interval_words((each.interval for each in known), now_ms)
    if not known:
        return words
    deciding = _deciding((each.interval for each in known), now_ms)
    contract = next(each for each in known if each.interval == deciding)
    covers = "site" if contract.device is None else "device"
    return {"contract": contract.number, "covers": covers, **words}


def lock_words(holding: list[Lock]) -> Words:
    """Return the oldest lock that holds, why and by whom; `others` counts those beside it."""
    lock = holding[0]
    words: Words = {
        "scope": lock.scope,
        "target": lock.target,
        "why": lock.reason,
        "set_by": lock.set_by,
        "organisation": lock.organisation,
        "since_ms": lock.interval.start_ms,
    }
    return {**words, "others": len(holding) - 1} if len(holding) > 1 else words


def site_rule_words(site: SiteFacts | None, actions: Iterable[SiteAction]) -> str:
    """Return what the site says of each action, as `system_view=ask_site`; without a rule it denies."""
    rules = site.rules if site else {}
    return " ".join(f"{each}={rules.get(each, SiteRule.DENY)}" for each in sorted(actions))


def _deciding(intervals: Iterable[Interval], now_ms: int) -> Interval | None:
    """Return the interval that holds longest; without one, the nearest that is over or to come."""

    def rank(interval: Interval) -> tuple[bool, float]:
        end = float("inf") if interval.end_ms is None else interval.end_ms
        return interval.holds(now_ms), end

    return max(intervals, key=rank, default=None)


def _interval_words(intervals: Iterable[Interval], now_ms: int) -> Words:
    deciding = _deciding(intervals, now_ms)
    if deciding is None:
        return {"standing": Standing.NONE}
    over = deciding.end_ms is not None and deciding.end_ms <= now_ms
    standing = Standing.OVER if over else Standing.TO_COME
    if deciding.holds(now_ms):
        standing = Standing.HOLDS
    words: Words = {"standing": standing, "since_ms": deciding.start_ms}
    return words if deciding.end_ms is None else {**words, "until_ms": deciding.end_ms}

"""May this person open a session on this device now: every gate, in a fixed order, with its reason.

Rules held here:

1. No rule means no: a gate passes on a fact that says yes, never on the absence of one that says no.
   The gates of absence are the lock, where none holds now, and patient data, where the product's
   profile declares none.
2. Every gate is evaluated and listed, so that a page can show the whole list and not the first no.
3. A grant always obliges: the operator's consent and the device's second authentication (N1).
4. What the site has its approvers decide is an obligation of the grant, never a gate that the
   console could open: the device verifies it (N3).
5. Break-glass stands for the site's contract, window, ticket and second approver, for an hour at
   most; it opens nothing that the site denies, and it obliges somebody to review it (R42). Where the
   site has a policy, one of its approvers says yes to each session: a device believes nobody else.
6. What closes within a minute opens nothing: no session is shorter than that.
7. A site's own people start nothing. At their own site they may join a live session to watch it
   (R18), and nothing else: that right is the site's, so vetting, training, level, country and
   contract, by which a manufacturer answers for its specialists, are not asked of them. Locks, the
   right to patient data, and what the site's policy says of watching are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from bedside.policy.facts import DeviceState, Facts, LockScope, StartRule
from bedside.policy.naming import (
    contract_words,
    lock_words,
    rule_words,
    site_rule_words,
    training_words,
)
from bedside.policy.rights import permissions
from bedside.vocabulary import Gate, Mode, Permission, SiteAction, SiteRule

__all__ = [
    "BREAK_GLASS_S",
    "GATES",
    "MAX_CASE",
    "MAX_REASON",
    "Decision",
    "Obligation",
    "Reason",
    "decide",
    "refusals_to_serve",
]

BREAK_GLASS_S = 3600
_LEAST_MS = 60_000
MAX_CASE = 64
MAX_REASON = 500

Words = dict[str, str | int]


class Obligation(StrEnum):
    """What must still happen before a granted session is live, and after it."""

    SITE_APPROVAL = "site_approval"
    TWO_SITE_APPROVALS = "two_site_approvals"
    OPERATOR_CONSENT = "operator_consent"
    SECOND_AUTHENTICATION = "second_authentication"
    BREAK_GLASS_REVIEW = "break_glass_review"
    VERIFY_BEFORE_USE = "verify_before_use"


@dataclass(frozen=True, slots=True)
class Reason:
    """One gate, whether it let the request pass, and the facts it looked at, as (name, value)."""

    gate: Gate
    passed: bool
    facts: tuple[tuple[str, str | int], ...] = ()

    @property
    def fields(self) -> Words:
        """The facts as a dictionary, for a sentence."""
        return dict(self.facts)


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or not, every gate's reason in the order of `GATES`, and what a grant obliges to.

    `end_by_ms` is when the site's window or the broken glass ends, and every session with it; None
    where neither bounds it.
    """

    allowed: bool
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    end_by_ms: int | None = None

    @property
    def approvals_needed(self) -> int:
        """How many of the site's approvers must say yes: 0, 1 or 2."""
        if Obligation.TWO_SITE_APPROVALS in self.obligations:
            return 2
        return 1 if Obligation.SITE_APPROVAL in self.obligations else 0

    @property
    def refusals(self) -> tuple[Reason, ...]:
        """The gates that refused, in order."""
        return tuple(reason for reason in self.reasons if not reason.passed)


def decide(facts: Facts, now_ms: int) -> Decision:
    """Return the decision on `facts` at `now_ms` (Unix milliseconds); never raises on valid facts."""
    reasons = tuple(_reason(gate, *check(facts, now_ms)) for gate, check in _CHECKS.items())
    if not all(reason.passed for reason in reasons):
        return Decision(allowed=False, reasons=reasons, obligations=())
    return Decision(True, reasons, _obligations(facts, now_ms), _end_by_ms(facts, now_ms))


_TO_SERVE = (Gate.ACCOUNT, Gate.ROLE, Gate.PRODUCT_RIGHT, Gate.LEVEL, Gate.COUNTRY)


def refusals_to_serve(facts: Facts, now_ms: int) -> tuple[Reason, ...]:
    """Return why this person may start no session at all on this product; nothing where they may.

    Only what the person and the product say is looked at: whatever may change until a request (the
    contract, a lock, the site's policy) is judged then. `facts.request` need not be a real one; a
    mode that may be started is enough.
    """
    found = []
    for mode in Mode:
        asked = replace(facts, request=replace(facts.request, mode=mode))
        reasons = (_reason(gate, *_CHECKS[gate](asked, now_ms)) for gate in _TO_SERVE)
        found.append(tuple(reason for reason in reasons if not reason.passed))
    return min(found, key=len)


def _reason(gate: Gate, passed: bool, words: Words) -> Reason:  # noqa: FBT001 - built from a pair
    return Reason(gate, passed, tuple(words.items()))


def _obligations(facts: Facts, now: int) -> tuple[Obligation, ...]:
    before = _approvals(facts, broken=_glass_is_broken(facts, now))
    always = (Obligation.OPERATOR_CONSENT, Obligation.SECOND_AUTHENTICATION)
    # R11: whoever could act leaves a device that a person must release.
    after = (Obligation.VERIFY_BEFORE_USE,) if facts.request.mode is Mode.CONTROL else ()
    review = (Obligation.BREAK_GLASS_REVIEW,) if _glass_is_broken(facts, now) else ()
    return before + always + after + review


def _approvals(facts: Facts, *, broken: bool) -> tuple[Obligation, ...]:
    asked = _asked_of_the_site(facts)
    if facts.site is None or (broken and not facts.site.serial):
        return ()
    if broken:
        # The site that broke the glass says yes to each session: one passkey, which the device knows.
        return (Obligation.SITE_APPROVAL,)
    if not asked:
        return ()
    two = bool(asked & facts.site.two_approvers)
    return (Obligation.TWO_SITE_APPROVALS if two else Obligation.SITE_APPROVAL,)


def _asked_of_the_site(facts: Facts) -> frozenset[SiteAction]:
    rules = facts.site.rules if facts.site else {}
    actions = facts.request.site_actions
    return frozenset(action for action in actions if rules.get(action) is SiteRule.ASK_SITE)


def _end_by_ms(facts: Facts, now: int) -> int | None:
    if facts.break_glass is not None and _glass_is_broken(facts, now):
        return facts.break_glass.end_ms
    if facts.site is not None and facts.request.site_actions & facts.site.window:
        return facts.site.open_until_ms
    return None


def _glass_is_broken(facts: Facts, now: int) -> bool:
    glass = facts.break_glass
    if glass is None or glass.end_ms is None or not glass.holds(now):
        return False
    if glass.end_ms - now < _LEAST_MS:  # rule 6
        return False
    return glass.end_ms - glass.start_ms <= BREAK_GLASS_S * 1000


Check = Callable[[Facts, int], tuple[bool, Words]]


def _account(facts: Facts, _now: int) -> tuple[bool, Words]:
    person = facts.person
    missing = [
        word
        for word, there in (
            ("active", person.active),
            ("vetted", person.vetted or person.site is not None),  # rule 7
            ("second_factor", person.second_factor),
        )
        if not there
    ]
    return not missing, {"missing": " ".join(missing)}


def _role(facts: Facts, _now: int) -> tuple[bool, Words]:
    role, site = facts.person.role, facts.person.site
    if site is not None:
        return _watches_at_home(facts), {"role": role or "", "site": site}
    return Permission.SESSIONS_SESSION_REQUEST in permissions(role), {"role": role or ""}


def _watches_at_home(facts: Facts) -> bool:
    """Whether somebody of a site joins a session at that site, to watch it (rule 7)."""
    person, asked = facts.person, facts.request
    at_home = person.site is not None and person.site == facts.device.site
    watches = asked.joins and asked.mode is Mode.VIEW and not asked.files
    return at_home and watches and Permission.SESSIONS_SESSION_WATCH in permissions(person.role)


def _not_asked_of_the_site(check: Check) -> Check:
    """Return `check` as it is asked of the manufacturer's people only (rule 7)."""

    def asked(facts: Facts, now: int) -> tuple[bool, Words]:
        if _watches_at_home(facts):
            return True, {"site": facts.device.site}
        return check(facts, now)

    return asked


def _product_right(facts: Facts, now: int) -> tuple[bool, Words]:
    product = facts.device.product.id
    rights = [right for right in facts.person.product_rights if right.product == product]
    words: Words = {"product": product, **training_words(rights, now)}
    return any(right.interval.holds(now) for right in rights), words


def _for_product(facts: Facts) -> list[StartRule]:
    product, request = facts.device.product.id, facts.request
    return [
        rule
        for rule in facts.rules
        if rule.product in (None, product)
        and request.mode in (rule.join if request.joins else rule.start)
    ]


def _level(facts: Facts, _now: int) -> tuple[bool, Words]:
    level = facts.person.level
    passed = any(rule.level == level for rule in _for_product(facts))
    return passed, {"level": level or 0, "mode": facts.request.mode, **rule_words(facts)}


def _country(facts: Facts, _now: int) -> tuple[bool, Words]:
    # Where no rule lets this level start anywhere, the level gate says so; the country is then
    # judged by itself, so that each gate names its own cause. A grant needs one rule with both.
    person = facts.person
    rules = _for_product(facts)
    same_level = [rule for rule in rules if rule.level == person.level]
    passed = any(rule.country == person.country for rule in same_level or rules)
    return passed, {
        "country": person.country or "",
        "level": person.level or 0,
        "mode": facts.request.mode,
        **rule_words(facts),
    }


def _entitlement(facts: Facts, now: int) -> tuple[bool, Words]:
    device = facts.device
    covering = [
        entitlement
        for entitlement in facts.entitlements
        if entitlement.device == device.id
        or (entitlement.device is None and entitlement.site == device.site)
    ]
    words: Words = {"device": device.id, "site": device.site, **contract_words(covering, now)}
    if any(entitlement.interval.holds(now) for entitlement in covering):
        return True, words
    return _glass_is_broken(facts, now), {**words, **_waived(facts, now)}


def _access_kind(facts: Facts, _now: int) -> tuple[bool, Words]:
    offered = facts.device.product.access
    words: Words = {"access": facts.request.access, "offered": " ".join(sorted(offered))}
    return facts.request.access in offered, words


def _mode(facts: Facts, _now: int) -> tuple[bool, Words]:
    # An access kind that is not offered has no modes of its own: judged against those of all kinds.
    access = facts.device.product.access
    offered = access.get(facts.request.access) or frozenset().union(*access.values())
    words: Words = {"mode": facts.request.mode, "offered": " ".join(sorted(offered))}
    return facts.request.mode in offered, words


def _duration(facts: Facts, _now: int) -> tuple[bool, Words]:
    product, asked = facts.device.product, facts.request.duration_s
    words: Words = {
        "duration_s": asked,
        "min_duration_s": product.min_duration_s,
        "max_duration_s": product.max_duration_s,
    }
    return product.min_duration_s <= asked <= product.max_duration_s, words


def _case(facts: Facts, _now: int) -> tuple[bool, Words]:
    case = facts.request.case.strip()
    return 0 < len(case) <= MAX_CASE, {"case": case[:MAX_CASE], "limit": MAX_CASE}


def _reason_given(facts: Facts, _now: int) -> tuple[bool, Words]:
    return 0 < len(facts.request.reason.strip()) <= MAX_REASON, {"limit": MAX_REASON}


def _device_state(facts: Facts, _now: int) -> tuple[bool, Words]:
    device = facts.device
    usable = device.state is DeviceState.ENROLLED
    state = "never_seen" if usable and not device.seen else str(device.state)
    return usable and device.seen, {"state": state}


def _lock(facts: Facts, now: int) -> tuple[bool, Words]:
    device = facts.device
    covered: dict[LockScope, str] = {
        LockScope.DEVICE: device.id,
        LockScope.PERSON: facts.person.id,
        LockScope.PRODUCT: device.product.id,
        LockScope.SITE: device.site,
    }
    holding = [
        lock
        for lock in facts.locks
        if lock.interval.holds(now)
        and (lock.scope is LockScope.EVERYTHING or lock.target == covered[lock.scope])
    ]
    if not holding:
        return True, {}
    return False, lock_words(holding)


def _patient_data(facts: Facts, _now: int) -> tuple[bool, Words]:
    shows = facts.request.access in facts.device.product.patient_data
    words: Words = {"access": facts.request.access, "shows": "yes" if shows else "no"}
    return not shows or facts.person.patient_data, words


def _site_policy(facts: Facts, _now: int) -> tuple[bool, Words]:
    asked = facts.request.site_actions
    ruled = site_rule_words(facts.site, asked)
    if facts.site is None:
        return False, {"serial": 0, "denied": " ".join(sorted(asked)), "ruled": ruled}
    rules = facts.site.rules
    denied = [
        action for action in sorted(asked) if rules.get(action, SiteRule.DENY) is SiteRule.DENY
    ]
    return not denied, {"serial": facts.site.serial, "denied": " ".join(denied), "ruled": ruled}


def _site_window(facts: Facts, now: int) -> tuple[bool, Words]:
    needing = facts.request.site_actions & (facts.site.window if facts.site else frozenset())
    until = facts.site.open_until_ms if facts.site else None
    words: Words = {"needed": " ".join(sorted(needing))}
    if until is not None:
        words["until_ms"] = until
    if facts.site and (not needing or (until is not None and until - now >= _LEAST_MS)):  # rule 6
        return True, words
    return _glass_is_broken(facts, now), {**words, **_waived(facts, now)}


def _change_ticket(facts: Facts, now: int) -> tuple[bool, Words]:
    needing = facts.request.site_actions & (facts.site.ticket if facts.site else frozenset())
    ticket = facts.request.ticket.strip()
    words: Words = {"needed": " ".join(sorted(needing)), "ticket": ticket}
    if facts.site and (not needing or ticket):
        return True, words
    return _glass_is_broken(facts, now), {**words, **_waived(facts, now)}


def _waived(facts: Facts, now: int) -> Words:
    return {"waived": "break_glass"} if _glass_is_broken(facts, now) else {}


_CHECKS: dict[Gate, Check] = {
    Gate.ACCOUNT: _account,
    Gate.ROLE: _role,
    Gate.PRODUCT_RIGHT: _not_asked_of_the_site(_product_right),
    Gate.LEVEL: _not_asked_of_the_site(_level),
    Gate.COUNTRY: _not_asked_of_the_site(_country),
    Gate.ENTITLEMENT: _not_asked_of_the_site(_entitlement),
    Gate.ACCESS_KIND: _access_kind,
    Gate.MODE: _mode,
    Gate.DURATION: _duration,
    Gate.CASE: _case,
    Gate.REASON: _reason_given,
    Gate.DEVICE_STATE: _device_state,
    Gate.LOCK: _lock,
    Gate.PATIENT_DATA: _patient_data,
    Gate.SITE_POLICY: _site_policy,
    Gate.SITE_WINDOW: _site_window,
    Gate.CHANGE_TICKET: _change_ticket,
}

GATES: tuple[Gate, ...] = tuple(_CHECKS)
"""The console's gates in the order in which every decision lists them."""

"""The site's gates: everything it asks for opens, and without any one thing its own gate refuses."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.site.plan import (
    BREAK_GLASS_S,
    HOUSE_DEFAULT,
    NOT_KNOWN,
    SITE_GATES,
    SiteFacts,
    closes_ms,
    ending_gate,
)
from bedside.protocol.orders import SessionOrder
from bedside.protocol.windows import SingleWindow
from bedside.vocabulary import AccessKind, Gate, Mode, SiteAction, SiteRule
from tests.agent.site.kit import AHMED, HOUR_MS, JULIE, NOW, OPEN, STRICT, asked

ORDER = asked()
BOTH = (JULIE.approver, AHMED.approver)
FACTS = SiteFacts(policy=STRICT, approvers=BOTH)


def refused_by(order: SessionOrder, site: SiteFacts, now_ms: int = NOW) -> Gate | None:
    return next((gate for gate, opens in SITE_GATES if not opens(order, site, now_ms)), None)


def ruled(**changes: object) -> SiteFacts:
    return replace(FACTS, policy=replace(STRICT, **changes))  # type: ignore[arg-type]


WITHOUT = {
    Gate.SITE_POLICY_SIGNATURE: (ORDER, replace(FACTS, fault=Gate.SITE_POLICY_SIGNATURE)),
    Gate.SITE_POLICY_OLD: (ORDER, replace(FACTS, fault=Gate.SITE_POLICY_OLD)),
    Gate.SITE_POLICY: (
        ORDER,
        ruled(rules={**STRICT.rules, SiteAction.SYSTEM_CONTROL: SiteRule.DENY}),
    ),
    Gate.APPROVAL_SIGNATURE: (ORDER, replace(FACTS, unverified=1)),
    Gate.SITE_WINDOW: (ORDER, ruled(single=())),
    Gate.CHANGE_TICKET: (replace(ORDER, ticket=None), FACTS),
    Gate.SITE_APPROVAL: (ORDER, replace(FACTS, approvers=BOTH[:1])),
    Gate.DURATION: (replace(ORDER, break_glass=True, duration_s=BREAK_GLASS_S + 1), FACTS),
}


def test_with_everything_that_the_site_asks_for_it_opens():
    assert refused_by(ORDER, FACTS) is None


@pytest.mark.parametrize("gate", WITHOUT)
def test_without_any_one_thing_its_gate_refuses_by_its_name(gate):
    order, site = WITHOUT[gate]
    assert refused_by(order, site) is gate


def test_every_gate_of_the_site_is_taken_away_here():
    assert list(WITHOUT) == [gate for gate, _ in SITE_GATES]


def test_where_the_site_put_no_key_everything_is_asked_at_the_device_alone():
    plain = replace(ORDER, ticket=None, approved_until_ms=None)
    assert refused_by(plain, HOUSE_DEFAULT) is None
    assert refused_by(plain, NOT_KNOWN) is Gate.SITE_POLICY_SIGNATURE
    assert refused_by(plain, SiteFacts(fault=Gate.SITE_POLICY)) is Gate.SITE_POLICY
    assert refused_by(plain, replace(HOUSE_DEFAULT, unverified=1)) is Gate.APPROVAL_SIGNATURE
    broken = replace(plain, break_glass=True)
    assert refused_by(broken, HOUSE_DEFAULT) is Gate.SITE_APPROVAL


def test_what_is_asked_beside_the_session_counts_as_much_as_the_session():
    for action in (SiteAction.FILES_IN, SiteAction.FILES_OUT):
        site = ruled(rules={**STRICT.rules, action: SiteRule.DENY})
        assert refused_by(replace(ORDER, actions=(action,)), site) is Gate.SITE_POLICY
        assert refused_by(replace(ORDER, actions=()), site) is None
    view = replace(ORDER, access=AccessKind.SERVICE, mode=Mode.VIEW, actions=())
    control_only = ruled(ticket=(SiteAction.SERVICE_CONTROL,), window=(SiteAction.SERVICE_CONTROL,))
    assert refused_by(replace(view, ticket=None), control_only, NOW + 2 * HOUR_MS) is (
        Gate.SITE_APPROVAL  # its approvals have lapsed; window and ticket were not asked
    )


@pytest.mark.parametrize("ticket", [None, "", "  "])
def test_a_ticket_is_not_blank(ticket):
    assert refused_by(replace(ORDER, ticket=ticket), FACTS) is Gate.CHANGE_TICKET


def test_one_person_counts_once():
    twice = replace(FACTS, approvers=(JULIE.approver, replace(JULIE.approver, credential="C" * 20)))
    assert refused_by(ORDER, twice) is Gate.SITE_APPROVAL


def test_an_approval_is_for_its_time():
    until = ORDER.approved_until_ms
    still_open = ruled(single=(replace(OPEN, end_ms=until + HOUR_MS),))
    assert refused_by(replace(ORDER, answer_by_ms=until), still_open, until - 1) is None
    assert refused_by(ORDER, still_open, until) is Gate.SITE_APPROVAL
    assert refused_by(replace(ORDER, answer_by_ms=until + 1), still_open) is Gate.SITE_APPROVAL
    assert refused_by(replace(ORDER, approved_until_ms=None), still_open) is Gate.SITE_APPROVAL


def test_broken_glass_stands_for_window_ticket_and_second_approver_and_nothing_else():
    broken = replace(ORDER, break_glass=True, ticket=None)
    one = replace(FACTS, approvers=BOTH[:1], policy=replace(STRICT, single=()))
    assert refused_by(broken, one) is None
    assert refused_by(replace(broken, break_glass=False), one) is Gate.SITE_WINDOW
    assert refused_by(broken, replace(one, approvers=())) is Gate.SITE_APPROVAL
    assert refused_by(broken, replace(one, unverified=1)) is Gate.APPROVAL_SIGNATURE
    denied = replace(STRICT, rules={**STRICT.rules, SiteAction.SYSTEM_CONTROL: SiteRule.DENY})
    assert refused_by(broken, replace(one, policy=denied)) is Gate.SITE_POLICY
    assert refused_by(replace(broken, duration_s=BREAK_GLASS_S), one) is None


def test_broken_glass_needs_its_yes_even_where_the_policy_asks_for_none():
    lax = ruled(rules=dict.fromkeys(SiteAction, SiteRule.ALLOW), two_approvers=())
    plain = replace(ORDER, approved_until_ms=None)
    nobody = replace(lax, approvers=())
    assert refused_by(plain, nobody) is None
    assert refused_by(replace(plain, break_glass=True), nobody) is Gate.SITE_APPROVAL


def test_a_window_that_closes_ends_what_needed_it():
    assert closes_ms(ORDER, FACTS, NOW) == OPEN.end_ms
    assert ending_gate(ORDER, FACTS, OPEN.end_ms - 1) is None
    assert ending_gate(ORDER, FACTS, OPEN.end_ms) is Gate.SITE_WINDOW
    assert closes_ms(ORDER, FACTS, OPEN.end_ms) == OPEN.end_ms
    for free in (replace(ORDER, break_glass=True), ORDER):
        site = FACTS if free.break_glass else ruled(window=())
        assert closes_ms(free, site, NOW) is None
        assert ending_gate(free, site, OPEN.end_ms) is None
    assert closes_ms(ORDER, HOUSE_DEFAULT, NOW) is None
    assert ending_gate(ORDER, HOUSE_DEFAULT, NOW) is None


def test_what_the_site_denies_later_ends_and_what_lapsed_does_not():
    denied = ruled(rules={**STRICT.rules, SiteAction.SYSTEM_CONTROL: SiteRule.DENY})
    assert ending_gate(ORDER, denied, NOW) is Gate.SITE_POLICY
    assert ending_gate(ORDER, NOT_KNOWN, NOW) is Gate.SITE_POLICY_SIGNATURE
    lapsed = ruled(approvers=(), single=(SingleWindow(start_ms=0, end_ms=NOW + 9 * HOUR_MS),))
    assert ending_gate(ORDER, replace(lapsed, approvers=()), NOW + 2 * HOUR_MS) is None


rules = st.fixed_dictionaries({action: st.sampled_from(SiteRule) for action in SiteAction})
some = st.lists(st.sampled_from(SiteAction), unique=True).map(lambda found: tuple(sorted(found)))


@given(
    rules=rules, window=some, ticket=some, two=some,
    approvers=st.lists(st.sampled_from(BOTH), max_size=3).map(tuple),
    access=st.sampled_from(AccessKind), mode=st.sampled_from(Mode),
    files=st.sets(st.sampled_from([SiteAction.FILES_IN, SiteAction.FILES_OUT])),
    has_ticket=st.booleans(), broken=st.booleans(), window_open=st.booleans(),
)  # fmt: skip
def test_whatever_the_policy_nothing_opens_that_it_does_not_let(
    rules, window, ticket, two, approvers, access, mode, files, has_ticket, broken, window_open
):
    two = tuple(action for action in two if rules[action] is SiteRule.ASK_SITE)
    policy = replace(
        STRICT, rules=rules, window=window, ticket=ticket, two_approvers=two,
        single=(OPEN,) if window_open else (),
    )  # fmt: skip
    order = replace(
        ORDER, access=access, mode=mode, actions=tuple(sorted(files)),
        ticket="CHG-1" if has_ticket else None, break_glass=broken,
    )  # fmt: skip
    if refused_by(order, SiteFacts(policy=policy, approvers=approvers)) is not None:
        return
    wanted = set(order.site_actions)
    assert not any(rules[action] is SiteRule.DENY for action in wanted)
    assert broken or window_open or not wanted & set(window)
    assert broken or has_ticket or not wanted & set(ticket)
    people = len({approver.id for approver in approvers})
    asked_of_site = any(rules[action] is SiteRule.ASK_SITE for action in wanted)
    assert people >= (1 if asked_of_site or broken else 0)
    assert broken or people == 2 or not wanted & set(two)

"""Every gate refuses for its own cause and no other; a grant needs every fact (S4, S10, S34-S36, R8)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.policy.decide import GATES, MAX_CASE, MAX_REASON, Obligation, decide, refusals_to_serve
from bedside.policy.facts import (
    DEFAULT_START_RULES,
    HOUSE_SITE,
    DeviceFacts,
    DeviceState,
    Entitlement,
    Facts,
    Interval,
    Lock,
    LockScope,
    PersonFacts,
    ProductFacts,
    ProductRight,
    RequestFacts,
    SiteFacts,
    StartRule,
)
from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    Gate,
    Level,
    Mode,
    PersonId,
    Role,
    SiteAction,
    SiteRule,
    session_action,
)

NOW = 1_795_435_200_000
DAY = 86_400_000
CURRENT = Interval(NOW - DAY, NOW + DAY)
OVER = Interval(NOW - 2 * DAY, NOW)
COMING = Interval(NOW + 1, NOW + DAY)
BOTH = frozenset({Mode.VIEW, Mode.CONTROL})


def marie(**changes):
    person = PersonFacts(
        id=PersonId("p-7"),
        active=True,
        vetted=True,
        second_factor=True,
        role=Role.SPECIALIST,
        level=Level.TWO,
        country="US",
        product_rights=(ProductRight("contrast-injector", CURRENT),),
    )
    return replace(person, **changes)


def injector(**changes):
    device = DeviceFacts(
        id=DeviceId("CI-20417"),
        site="notre-dame",
        product=ProductFacts(
            "contrast-injector",
            {AccessKind.SERVICE: BOTH, AccessKind.SYSTEM: frozenset({Mode.CONTROL})},
            max_duration_s=7200,
        ),
        state=DeviceState.ENROLLED,
        seen=True,
    )
    return replace(device, **changes)


def request(**changes):
    asked = RequestFacts(
        access=AccessKind.SERVICE,
        mode=Mode.VIEW,
        duration_s=3600,
        case="C-1001",
        reason="Pressure alarm after start",
    )
    return replace(asked, **changes)


def facts(**changes):
    whole = Facts(
        person=marie(),
        device=injector(),
        request=request(),
        rules=DEFAULT_START_RULES,
        entitlements=(Entitlement(CURRENT, site="notre-dame"),),
        site=HOUSE_SITE,
    )
    return replace(whole, **changes)


VIEW = frozenset({SiteAction.SERVICE_VIEW})
FILES = frozenset({SiteAction.FILES_IN, SiteAction.FILES_OUT})


def site(**rules):
    """The house's rules at the site, but for these actions."""
    changed = {SiteAction(name): rule for name, rule in rules.items()}
    return replace(HOUSE_SITE, rules={**HOUSE_SITE.rules, **changed}, serial=3)


def showing_patients():
    product = replace(injector().product, patient_data=frozenset({AccessKind.SERVICE}))
    return injector(product=product)


def refused_by(decision):
    return [reason.gate for reason in decision.refusals]


def reason_of(decision, gate):
    return next(reason for reason in decision.reasons if reason.gate is gate)


# ---- The shape of every decision ----


def test_a_grant_lists_every_gate_as_passed_and_obliges():
    decision = decide(facts(), NOW)
    assert decision.allowed
    assert tuple(reason.gate for reason in decision.reasons) == GATES
    assert all(reason.passed for reason in decision.reasons)
    assert decision.obligations == (
        Obligation.OPERATOR_CONSENT,
        Obligation.SECOND_AUTHENTICATION,
    )


def test_control_obliges_to_verify_before_use():
    decision = decide(facts(request=request(mode=Mode.CONTROL)), NOW)
    assert Obligation.VERIFY_BEFORE_USE in decision.obligations


def test_a_refusal_lists_every_gate_and_obliges_to_nothing():
    decision = decide(facts(person=marie(active=False), entitlements=()), NOW)
    assert not decision.allowed
    assert tuple(reason.gate for reason in decision.reasons) == GATES
    assert refused_by(decision) == [Gate.ACCOUNT, Gate.ENTITLEMENT]
    assert decision.obligations == ()


def test_no_facts_no_gate():
    nobody = PersonFacts(
        PersonId(""), active=False, vetted=False, second_factor=False, role=None, level=None,
        country=None,
    )  # fmt: skip
    nothing = DeviceFacts(
        DeviceId(""), "", ProductFacts("", {}, 0), DeviceState.REGISTERED, seen=False
    )
    asked = request(duration_s=0, case="", reason="")
    decision = decide(Facts(nobody, nothing, asked), NOW)
    assert refused_by(decision) == [
        gate for gate in GATES if gate not in (Gate.LOCK, Gate.PATIENT_DATA)
    ]


# ---- Each gate, refused for one cause: the gate that refuses is that one alone ----

CAUSES = [
    # number, changed facts, the gate, words of the reason
    ("S9", {"person": marie(active=False)}, Gate.ACCOUNT, {"missing": "active"}),
    ("S48", {"person": marie(vetted=False)}, Gate.ACCOUNT, {"missing": "vetted"}),
    ("R1", {"person": marie(second_factor=False)}, Gate.ACCOUNT, {"missing": "second_factor"}),
    ("S35", {"person": marie(role=None)}, Gate.ROLE, {"role": ""}),
    ("S35", {"person": marie(role=Role.AUDITOR)}, Gate.ROLE, {"role": "auditor"}),
    ("S35", {"person": marie(role=Role.ADMINISTRATOR)}, Gate.ROLE, {"role": "administrator"}),
    ("S34", {"person": marie(product_rights=())}, Gate.PRODUCT_RIGHT, {}),
    (
        "S34",
        {"person": marie(product_rights=(ProductRight("workstation", CURRENT),))},
        Gate.PRODUCT_RIGHT,
        {"product": "contrast-injector"},
    ),
    (
        "S34",
        {"person": marie(product_rights=(ProductRight("contrast-injector", OVER),))},
        Gate.PRODUCT_RIGHT,
        {"until_ms": NOW},
    ),
    (
        "S34",
        {"person": marie(product_rights=(ProductRight("contrast-injector", COMING),))},
        Gate.PRODUCT_RIGHT,
        {},
    ),
    ("S36", {"person": marie(level=None)}, Gate.LEVEL, {"level": 0}),
    ("S36", {"person": marie(country=None)}, Gate.COUNTRY, {"country": ""}),
    ("S36", {"person": marie(country="CA")}, Gate.COUNTRY, {"country": "CA", "level": 2}),
    ("S36", {"person": marie(country="FR")}, Gate.COUNTRY, {"country": "FR"}),
    ("S37", {"person": marie(country="CA", level=Level.THREE)}, Gate.COUNTRY, {"level": 3}),
    ("S4", {"entitlements": ()}, Gate.ENTITLEMENT, {"site": "notre-dame"}),
    ("S4", {"entitlements": (Entitlement(OVER, site="notre-dame"),)}, Gate.ENTITLEMENT, {"until_ms": NOW}),
    ("S4", {"entitlements": (Entitlement(COMING, site="notre-dame"),)}, Gate.ENTITLEMENT, {}),
    ("S4", {"entitlements": (Entitlement(CURRENT, site="st-mary"),)}, Gate.ENTITLEMENT, {}),
    ("S4", {"entitlements": (Entitlement(CURRENT, device=DeviceId("CI-1")),)}, Gate.ENTITLEMENT, {}),
    (
        "S4",
        {"entitlements": (Entitlement(CURRENT, device=DeviceId("CI-1"), site="notre-dame"),)},
        Gate.ENTITLEMENT,
        {},
    ),
    ("S4", {"entitlements": (Entitlement(CURRENT),)}, Gate.ENTITLEMENT, {}),
    (
        "S58",
        {"device": injector(product=ProductFacts("contrast-injector", {AccessKind.SYSTEM: BOTH}, 7200))},
        Gate.ACCESS_KIND,
        {"access": "service", "offered": "system"},
    ),
    ("R11", {"request": request(access=AccessKind.SYSTEM)}, Gate.MODE, {"mode": "view", "offered": "control"}),
    ("R5", {"request": request(duration_s=7201)}, Gate.DURATION, {"max_duration_s": 7200}),
    ("R5", {"request": request(duration_s=59)}, Gate.DURATION, {"min_duration_s": 60}),
    ("S10", {"request": request(case="")}, Gate.CASE, {}),
    ("S10", {"request": request(case=" \t")}, Gate.CASE, {}),
    ("S10", {"request": request(case="x" * (MAX_CASE + 1))}, Gate.CASE, {"limit": MAX_CASE}),
    ("S10", {"request": request(reason="")}, Gate.REASON, {}),
    ("S10", {"request": request(reason=" \n")}, Gate.REASON, {}),
    ("S10", {"request": request(reason="x" * (MAX_REASON + 1))}, Gate.REASON, {"limit": MAX_REASON}),
    ("S60", {"device": injector(state=DeviceState.REGISTERED)}, Gate.DEVICE_STATE, {"state": "registered"}),
    ("S60", {"device": injector(state=DeviceState.CLONED)}, Gate.DEVICE_STATE, {"state": "cloned"}),
    ("S60", {"device": injector(state=DeviceState.REVOKED)}, Gate.DEVICE_STATE, {"state": "revoked"}),
    ("S60", {"device": injector(seen=False)}, Gate.DEVICE_STATE, {"state": "never_seen"}),
    ("R8", {"locks": (Lock(LockScope.EVERYTHING, "", CURRENT, "drill"),)}, Gate.LOCK, {"scope": "everything", "why": "drill"}),
    ("R8", {"locks": (Lock(LockScope.PERSON, "p-7", CURRENT),)}, Gate.LOCK, {"scope": "person"}),
    ("R8", {"locks": (Lock(LockScope.DEVICE, "CI-20417", CURRENT),)}, Gate.LOCK, {"target": "CI-20417"}),
    ("R8", {"locks": (Lock(LockScope.SITE, "notre-dame", CURRENT),)}, Gate.LOCK, {}),
    ("R8", {"locks": (Lock(LockScope.PRODUCT, "contrast-injector", Interval(0)),)}, Gate.LOCK, {}),
    ("S35", {"device": showing_patients()}, Gate.PATIENT_DATA, {"access": "service", "shows": "yes"}),
    ("R2", {"site": site(service_view=SiteRule.DENY)}, Gate.SITE_POLICY, {"denied": "service_view"}),
    ("R2", {"site": SiteFacts(rules={})}, Gate.SITE_POLICY, {"denied": "service_view"}),
    (
        "R2",
        {"site": site(files_out=SiteRule.DENY), "request": request(files=FILES)},
        Gate.SITE_POLICY,
        {"denied": "files_out"},
    ),
    ("R17", {"site": replace(site(), window=VIEW)}, Gate.SITE_WINDOW, {"needed": "service_view"}),
    ("R17", {"site": replace(site(), window=VIEW, open_until_ms=NOW)}, Gate.SITE_WINDOW, {"until_ms": NOW}),
    ("R17", {"site": replace(site(), window=VIEW, open_until_ms=NOW + 59_999)}, Gate.SITE_WINDOW, {"until_ms": NOW + 59_999}),
    ("S42", {"site": replace(site(), ticket=VIEW)}, Gate.CHANGE_TICKET, {"needed": "service_view", "ticket": ""}),
    (
        "S42",
        {"site": replace(site(), ticket=VIEW), "request": request(ticket="  ")},
        Gate.CHANGE_TICKET,
        {},
    ),
    ("S37", {"person": marie(country="CA"), "request": request(joins=True)}, Gate.COUNTRY, {"level": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("number", "changes", "gate", "words"), CAUSES)
def test_one_cause_is_refused_by_its_own_gate(number, changes, gate, words):
    decision = decide(facts(**changes), NOW)
    assert refused_by(decision) == [gate], number
    assert words.items() <= reason_of(decision, gate).fields.items()


def test_every_gate_has_its_cause():
    assert {gate for _, _, gate, _ in CAUSES} == set(GATES)


ALLOWED = [
    # number, changed facts: the neighbours of the causes above that must not refuse
    ("S36", {"person": marie(level=Level.ONE)}),
    ("S36", {"person": marie(level=Level.THREE)}),
    ("S36", {"request": request(mode=Mode.CONTROL)}),
    ("S4", {"entitlements": (Entitlement(CURRENT, device=DeviceId("CI-20417")),)}),
    ("S4", {"entitlements": (Entitlement(OVER, site="notre-dame"), Entitlement(CURRENT, site="notre-dame"))}),
    ("S4", {"entitlements": (Entitlement(Interval(NOW), site="notre-dame"),)}),
    ("S34", {"person": marie(product_rights=(ProductRight("contrast-injector", Interval(NOW)),))}),
    ("S58", {"request": request(access=AccessKind.SYSTEM, mode=Mode.CONTROL)}),
    ("R5", {"request": request(duration_s=60)}),
    ("R5", {"request": request(duration_s=7200)}),
    ("S10", {"request": request(case="x" * MAX_CASE, reason="x" * MAX_REASON)}),
    ("R8", {"locks": (Lock(LockScope.EVERYTHING, "", OVER), Lock(LockScope.DEVICE, "CI-20417", COMING))}),
    ("R8", {"locks": (Lock(LockScope.PERSON, "CI-20417", CURRENT), Lock(LockScope.DEVICE, "p-7", CURRENT))}),
    ("R8", {"locks": (Lock(LockScope.SITE, "st-mary", CURRENT), Lock(LockScope.PRODUCT, "workstation", CURRENT))}),
    ("S35", {"device": showing_patients(), "person": marie(patient_data=True)}),
    ("R2", {"site": site(service_view=SiteRule.ALLOW)}),
    ("R2", {"site": site(service_control=SiteRule.DENY, files_in=SiteRule.DENY, job=SiteRule.DENY)}),
    ("R17", {"site": replace(site(), window=VIEW, open_until_ms=NOW + 60_000)}),
    ("R17", {"site": replace(site(), window=frozenset({SiteAction.SERVICE_CONTROL}))}),
    ("S42", {"site": replace(site(), ticket=VIEW), "request": request(ticket="CHG-4471")}),
    ("S37", {"person": marie(country="CA", level=Level.THREE), "request": request(joins=True)}),
]  # fmt: skip


@pytest.mark.parametrize(("number", "changes"), ALLOWED)
def test_the_neighbour_of_a_cause_is_allowed(number, changes):
    decision = decide(facts(**changes), NOW)
    assert decision.allowed, (number, decision.refusals)


# ---- The matrix: role x level x country x product x entitlement x access x mode x duration x lock ----


@given(
    role=st.none() | st.sampled_from(Role),
    level=st.none() | st.sampled_from(Level),
    country=st.sampled_from([None, "US", "CA", "FR"]),
    product=st.sampled_from(["contrast-injector", "workstation"]),
    entitled=st.sampled_from([CURRENT, OVER, COMING]),
    access=st.sampled_from(AccessKind),
    mode=st.sampled_from(Mode),
    duration=st.sampled_from([0, 59, 60, 7200, 7201]),
    lock=st.none() | st.sampled_from(LockScope),
    say=st.sampled_from(SiteRule),
    files=st.frozensets(st.sampled_from([SiteAction.FILES_IN, SiteAction.FILES_OUT])),
    files_say=st.sampled_from(SiteRule),
)
def test_the_matrix(
    role, level, country, product, entitled, access, mode, duration, lock, say, files, files_say
):
    """Against the requirements written out as one condition each."""
    targets = {
        LockScope.DEVICE: "CI-20417",
        LockScope.EVERYTHING: "",
        LockScope.PERSON: "p-7",
        LockScope.PRODUCT: "contrast-injector",
        LockScope.SITE: "notre-dame",
    }
    decision = decide(
        facts(
            person=marie(
                role=role,
                level=level,
                country=country,
                product_rights=(ProductRight(product, CURRENT),),
            ),
            entitlements=(Entitlement(entitled, site="notre-dame"),),
            request=request(access=access, mode=mode, duration_s=duration, files=files),
            locks=(Lock(lock, targets[lock], CURRENT),) if lock else (),
            site=site(
                **{session_action(access, mode): say},
                **dict.fromkeys((SiteAction.FILES_IN, SiteAction.FILES_OUT), files_say),
            ),
        ),
        NOW,
    )
    expected = {
        Gate.ROLE: role is Role.SPECIALIST,  # S35
        Gate.PRODUCT_RIGHT: product == "contrast-injector",  # S34
        Gate.LEVEL: level is not None,  # S36
        Gate.COUNTRY: country == "US",  # S36
        Gate.ENTITLEMENT: entitled is CURRENT,  # S4
        Gate.MODE: access is AccessKind.SERVICE or mode is Mode.CONTROL,  # R11, S58
        Gate.DURATION: duration in (60, 7200),  # R5
        Gate.LOCK: lock is None,  # R8
        Gate.SITE_POLICY: SiteRule.DENY not in (say, files_say if files else say),  # R2
    }
    assert {gate: reason_of(decision, gate).passed for gate in expected} == expected
    assert decision.allowed == all(expected.values())
    asks = SiteRule.ASK_SITE in (say, files_say if files else say)
    assert decision.approvals_needed == (1 if decision.allowed and asks else 0)  # N3


@pytest.mark.parametrize("country", ["US", "CA"])
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("mode", Mode)
def test_s36_in_full(level, country, mode):
    decision = decide(
        facts(person=marie(level=level, country=country), request=request(mode=mode)), NOW
    )
    assert decision.allowed == (country == "US")


# ---- Rules are data ----


def rule(level, country, *modes, product=None):
    return StartRule(level, country, frozenset(modes), frozenset(), product)


def test_without_rules_nobody_starts():
    assert refused_by(decide(facts(rules=()), NOW)) == [Gate.LEVEL, Gate.COUNTRY]


def test_a_rule_for_another_product_grants_nothing():
    rules = (rule(2, "US", Mode.VIEW, product="workstation"),)
    assert refused_by(decide(facts(rules=rules), NOW)) == [Gate.LEVEL, Gate.COUNTRY]
    rules = (rule(2, "US", Mode.VIEW, product="contrast-injector"),)
    assert decide(facts(rules=rules), NOW).allowed


def test_a_right_to_join_is_none_to_start():
    rules = (StartRule(Level.TWO, "US", frozenset(), BOTH),)
    assert refused_by(decide(facts(rules=rules), NOW)) == [Gate.LEVEL, Gate.COUNTRY]


def test_two_rules_do_not_add_up_to_a_third():
    rules = (rule(2, "CA", Mode.VIEW), rule(1, "US", Mode.VIEW))
    assert refused_by(decide(facts(rules=rules), NOW)) == [Gate.COUNTRY]
    rules = (rule(2, "US", Mode.CONTROL), rule(2, "CA", Mode.VIEW))
    assert refused_by(decide(facts(rules=rules), NOW)) == [Gate.COUNTRY]


@given(
    st.lists(
        st.builds(
            StartRule,
            level=st.sampled_from(Level),
            country=st.sampled_from(["US", "CA"]),
            start=st.frozensets(st.sampled_from(Mode)),
            join=st.just(frozenset()),
            product=st.sampled_from([None, "contrast-injector", "workstation"]),
        ),
        max_size=6,
    ),
    st.sampled_from(Level),
    st.sampled_from(["US", "CA"]),
    st.sampled_from(Mode),
)
def test_a_start_needs_one_rule_that_says_all_of_it(rules, level, country, mode):
    decision = decide(
        facts(
            rules=tuple(rules),
            person=marie(level=level, country=country),
            request=request(mode=mode),
        ),
        NOW,
    )
    assert decision.allowed == any(
        each.level == level
        and each.country == country
        and mode in each.start
        and each.product != "workstation"
        for each in rules
    )


# ---- Removing any single fact that a grant needs ----

REMOVALS = {
    "active": (lambda f: replace(f, person=replace(f.person, active=False)), Gate.ACCOUNT),
    "vetted": (lambda f: replace(f, person=replace(f.person, vetted=False)), Gate.ACCOUNT),
    "second factor": (
        lambda f: replace(f, person=replace(f.person, second_factor=False)),
        Gate.ACCOUNT,
    ),
    "role": (lambda f: replace(f, person=replace(f.person, role=None)), Gate.ROLE),
    "product right": (
        lambda f: replace(f, person=replace(f.person, product_rights=())),
        Gate.PRODUCT_RIGHT,
    ),
    "level": (lambda f: replace(f, person=replace(f.person, level=None)), Gate.LEVEL),
    "country": (lambda f: replace(f, person=replace(f.person, country=None)), Gate.COUNTRY),
    "rules": (lambda f: replace(f, rules=()), Gate.LEVEL),
    "entitlement": (lambda f: replace(f, entitlements=()), Gate.ENTITLEMENT),
    "access": (
        lambda f: without_product(
            f, {k: v for k, v in f.device.product.access.items() if k != f.request.access}
        ),
        Gate.ACCESS_KIND,
    ),
    "mode": (
        lambda f: without_product(
            f, {k: v - {f.request.mode} for k, v in f.device.product.access.items()}
        ),
        Gate.MODE,
    ),
    "duration": (
        lambda f: replace(
            f,
            device=replace(f.device, product=replace(f.device.product, max_duration_s=0)),
        ),
        Gate.DURATION,
    ),
    "case": (lambda f: replace(f, request=replace(f.request, case="")), Gate.CASE),
    "reason": (lambda f: replace(f, request=replace(f.request, reason="")), Gate.REASON),
    "enrolment": (
        lambda f: replace(f, device=replace(f.device, state=DeviceState.REGISTERED)),
        Gate.DEVICE_STATE,
    ),
    "seen": (lambda f: replace(f, device=replace(f.device, seen=False)), Gate.DEVICE_STATE),
    "patient data": (
        lambda f: replace(
            f,
            device=replace(
                f.device,
                product=replace(f.device.product, patient_data=frozenset({f.request.access})),
            ),
        ),
        Gate.PATIENT_DATA,
    ),
    "site": (lambda f: replace(f, site=None), Gate.SITE_POLICY),
    "site rule": (lambda f: replace(f, site=SiteFacts(rules={})), Gate.SITE_POLICY),
    "window": (
        lambda f: replace(f, site=replace(f.site, window=f.request.site_actions)),
        Gate.SITE_WINDOW,
    ),
    "ticket": (
        lambda f: replace(f, site=replace(f.site, ticket=f.request.site_actions)),
        Gate.CHANGE_TICKET,
    ),
    "no lock": (
        lambda f: replace(f, locks=(Lock(LockScope.EVERYTHING, "", Interval(0)),)),
        Gate.LOCK,
    ),
}


def without_product(whole, access):
    return replace(
        whole,
        device=replace(whole.device, product=replace(whole.device.product, access=access)),
    )


_text = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
_current = st.builds(
    Interval, st.integers(0, NOW), st.none() | st.integers(NOW + 1, NOW + 1000 * DAY)
)


@st.composite
def granted(draw):
    """Facts of any size and order that grant, with others beside them that do not matter."""
    product, site, country = draw(_text), draw(_text), draw(_text)
    level, access, mode = (draw(st.sampled_from(kind)) for kind in (Level, AccessKind, Mode))
    duration = draw(st.integers(60, 14_400))
    modes = draw(st.frozensets(st.sampled_from(Mode))) | {mode}
    noise = draw(st.lists(_text, max_size=3))
    return Facts(
        person=PersonFacts(
            PersonId(draw(_text)),
            active=True,
            vetted=True,
            second_factor=True,
            role=Role.SPECIALIST,
            level=level,
            country=country,
            product_rights=(
                *(ProductRight(other, OVER) for other in noise),
                ProductRight(product, draw(_current)),
            ),
        ),
        device=DeviceFacts(
            DeviceId("CI-20417"),
            site,
            ProductFacts(product, {access: modes}, draw(st.integers(duration, 20_000))),
            DeviceState.ENROLLED,
            seen=True,
        ),
        request=RequestFacts(access, mode, duration, draw(_text), draw(_text)),
        rules=(rule(level, country, *modes, product=draw(st.sampled_from([None, product]))),),
        entitlements=(
            *(Entitlement(OVER, site=site) for _ in noise),
            Entitlement(draw(_current), site=site),
        ),
        locks=tuple(Lock(LockScope.EVERYTHING, "", COMING) for _ in noise),
        site=HOUSE_SITE,
    )


@given(granted())
def test_what_is_complete_is_allowed(whole):
    decision = decide(whole, NOW)
    assert decision.allowed, decision.refusals


@given(whole=granted(), removed=st.sampled_from(sorted(REMOVALS)))
def test_removing_any_single_fact_refuses_and_names_its_gate(whole, removed):
    remove, gate = REMOVALS[removed]
    decision = decide(remove(whole), NOW)
    assert not decision.allowed
    assert gate in refused_by(decision)


def test_a_removal_exists_for_every_gate():
    named = {gate for _, gate in REMOVALS.values()}
    assert named == set(GATES)


# ---- The site's own say (R2, R17, R19, N3) ----


def test_what_the_site_s_approvers_decide_obliges_and_opens_nothing():
    asked = decide(facts(site=site(service_view=SiteRule.ASK_SITE)), NOW)
    assert asked.allowed
    assert asked.obligations[0] is Obligation.SITE_APPROVAL
    assert asked.approvals_needed == 1
    two = replace(site(service_view=SiteRule.ASK_SITE), two_approvers=VIEW)
    assert decide(facts(site=two), NOW).approvals_needed == 2
    other = replace(site(), two_approvers=VIEW)
    assert decide(facts(site=other), NOW).approvals_needed == 0


def test_a_session_ends_with_the_window_that_it_needs():
    windowed = replace(site(), window=VIEW, open_until_ms=NOW + DAY)
    assert decide(facts(site=windowed), NOW).end_by_ms == NOW + DAY
    free = replace(site(), open_until_ms=NOW + DAY)
    assert decide(facts(site=free), NOW).end_by_ms is None


HOUR = Interval(NOW - 1000, NOW - 1000 + 3_600_000)
CLOSED = replace(site(service_view=SiteRule.ASK_SITE), window=VIEW, ticket=VIEW, two_approvers=VIEW)


def test_broken_glass_stands_for_contract_window_ticket_and_second_approver_until_its_end():
    decision = decide(facts(site=CLOSED, entitlements=(), break_glass=HOUR), NOW)
    assert decision.allowed, decision.refusals
    assert decision.approvals_needed == 1
    house = decide(facts(entitlements=(), break_glass=HOUR), NOW)
    assert (house.allowed, house.approvals_needed) == (True, 0)
    assert Obligation.BREAK_GLASS_REVIEW in decision.obligations
    assert Obligation.OPERATOR_CONSENT in decision.obligations
    assert decision.end_by_ms == HOUR.end_ms
    waived = [each.gate for each in decision.reasons if "waived" in each.fields]
    assert waived == [Gate.ENTITLEMENT, Gate.SITE_WINDOW, Gate.CHANGE_TICKET]


@pytest.mark.parametrize(
    "glass",
    [None, Interval(NOW), OVER, COMING, Interval(NOW - 1000, NOW + 3_600_000), CURRENT],
    ids=["none", "open end", "over", "coming", "longer than an hour", "two days"],
)
def test_glass_that_is_not_broken_for_an_hour_at_most_opens_nothing(glass):
    decision = decide(facts(site=CLOSED, entitlements=(), break_glass=glass), NOW)
    assert refused_by(decision) == [Gate.ENTITLEMENT, Gate.SITE_WINDOW, Gate.CHANGE_TICKET]


@pytest.mark.parametrize(
    ("number", "changes", "gate"),
    [
        ("S34", {"person": marie(product_rights=())}, Gate.PRODUCT_RIGHT),
        ("S36", {"person": marie(country="CA")}, Gate.COUNTRY),
        ("R8", {"locks": (Lock(LockScope.EVERYTHING, "", CURRENT),)}, Gate.LOCK),
        ("R2", {"site": site(service_view=SiteRule.DENY)}, Gate.SITE_POLICY),
        ("S35", {"device": showing_patients()}, Gate.PATIENT_DATA),
    ],
)
def test_broken_glass_stands_for_nothing_else(number, changes, gate):
    assert refused_by(decide(facts(break_glass=HOUR, **changes), NOW)) == [gate], number


# ---- Who may serve a product at all ----


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"active": False}, Gate.ACCOUNT),
        ({"role": Role.MANAGER}, Gate.ROLE),
        ({"product_rights": ()}, Gate.PRODUCT_RIGHT),
        ({"level": None}, Gate.LEVEL),
        ({"country": "CA"}, Gate.COUNTRY),
    ],
)
def test_who_may_start_nothing_on_a_product_is_refused_by_its_own_gate(changes, gate):
    refusals = refusals_to_serve(facts(person=marie(**changes)), NOW)
    assert [reason.gate for reason in refusals] == [gate]


@pytest.mark.parametrize("mode", Mode)
def test_one_mode_that_may_be_started_is_enough_to_serve(mode):
    rule = StartRule(level=Level.TWO, country="US", start=frozenset({mode}), join=BOTH)
    assert not refusals_to_serve(facts(rules=(rule,)), NOW)


def test_what_may_change_until_a_request_is_not_asked_of_who_serves():
    assert not refusals_to_serve(facts(entitlements=(), site=None), NOW)


# ---- R18: the site's own people watch ----


def julie(**changes):
    """Somebody of the site, without anything by which the manufacturer answers for its own."""
    person = marie(
        id=PersonId("p-9"), vetted=False, role=Role.SITE_MANAGER, level=None, country=None,
        product_rights=(), site="notre-dame",
    )  # fmt: skip
    return replace(person, **changes)


def watching(person=None, **changes):
    asked = request(joins=True, **changes.pop("request", {}))
    whole = {"person": person or julie(), "request": asked, "rules": (), "entitlements": ()}
    return facts(**{**whole, **changes})


@pytest.mark.parametrize("role", [Role.SITE_APPROVER, Role.SITE_MANAGER])
def test_the_site_s_people_watch_at_home_by_the_site_s_own_right(role):
    decision = decide(watching(julie(role=role)), NOW)
    assert decision.allowed
    assert Obligation.OPERATOR_CONSENT in decision.obligations
    assert Obligation.SECOND_AUTHENTICATION in decision.obligations
    assert reason_of(decision, Gate.LEVEL).fields == {"site": "notre-dame"}


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"person": julie(active=False)}, Gate.ACCOUNT),
        ({"person": julie(second_factor=False)}, Gate.ACCOUNT),
        ({"request": request(duration_s=30, joins=True)}, Gate.DURATION),
        ({"request": request(reason=" ", joins=True)}, Gate.REASON),
        ({"locks": (Lock(LockScope.PERSON, "p-9", CURRENT),)}, Gate.LOCK),
        ({"locks": (Lock(LockScope.SITE, "notre-dame", CURRENT),)}, Gate.LOCK),
        ({"device": showing_patients()}, Gate.PATIENT_DATA),
        ({"site": site(service_view=SiteRule.DENY)}, Gate.SITE_POLICY),
        ({"site": None}, Gate.SITE_POLICY),
        ({"site": replace(HOUSE_SITE, window=VIEW)}, Gate.SITE_WINDOW),
        ({"site": replace(HOUSE_SITE, ticket=VIEW)}, Gate.CHANGE_TICKET),
    ],
)
def test_what_the_site_says_and_who_one_is_is_asked_all_the_same(changes, gate):
    person = changes.pop("person", None)
    whole = watching(person)
    assert gate in refused_by(decide(replace(whole, **changes), NOW))


@pytest.mark.parametrize(
    "whole",
    [
        watching(julie(site="st-mary")),
        watching(request={"mode": Mode.CONTROL}),
        watching(request={"files": frozenset({SiteAction.FILES_OUT})}),
        replace(watching(), request=request()),
        watching(julie(role=Role.SPECIALIST)),
        watching(julie(role=None)),
        # What a specialist has opens nothing to somebody of a site.
        facts(person=marie(site="notre-dame"), request=request(joins=True)),
        facts(person=marie(site="notre-dame")),
    ],
)
def test_elsewhere_and_otherwise_they_open_nothing(whole):
    assert Gate.ROLE in refused_by(decide(whole, NOW))


def test_what_the_site_s_approvers_decide_they_decide_of_watching_too():
    decision = decide(watching(site=site(service_view=SiteRule.ASK_SITE)), NOW)
    assert decision.approvals_needed == 1


@given(
    role=st.none() | st.sampled_from(Role),
    home=st.none() | st.sampled_from(["notre-dame", "st-mary"]),
    mode=st.sampled_from(Mode),
    joins=st.booleans(),
    files=st.frozensets(st.sampled_from([SiteAction.FILES_IN, SiteAction.FILES_OUT])),
)
def test_somebody_of_a_site_never_gets_more_than_to_watch_at_home(role, home, mode, joins, files):
    whole = facts(
        person=marie(role=role, site=home), request=request(mode=mode, joins=joins, files=files)
    )
    if home is not None and decide(whole, NOW).allowed:
        assert (home, mode, joins, files) == ("notre-dame", Mode.VIEW, True, frozenset())
        assert role in (Role.SITE_APPROVER, Role.SITE_MANAGER)

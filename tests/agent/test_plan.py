"""Each gate at the device, turned off in turn beside the set-up that all of them let through (S17)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.plan import (
    CLOCK_TOLERANCE_MS,
    GATES,
    DeviceFacts,
    Joinable,
    SafeState,
    Verdict,
    check_order,
)
from bedside.agent.site.plan import HOUSE_DEFAULT, SITE_GATES, SiteFacts
from bedside.protocol.orders import SessionOrder
from bedside.protocol.shapes import Person
from bedside.vocabulary import AccessKind, DeviceId, Gate, Level, Mode, SessionId

NOW = 1_800_000_000_000
ORDER = SessionOrder(
    session=SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0YZ"),
    device=DeviceId("CI-20417"),
    product="contrast-injector",
    person=Person(id="p1", name="Marie", employer="Bayard", level=Level.TWO, country="US"),
    access=AccessKind.SYSTEM,
    mode=Mode.CONTROL,
    reason="fault",
    case="C-1",
    ticket=None,
    issued_ms=NOW - 1000,
    answer_by_ms=NOW + 60_000,
    duration_s=1800,
    idle_s=600,
    specialist_key="SHA256:" + "A" * 43,
    proof_seed=bytes(32),
    max_bytes=1,
    checkpoint="note",
)
FACTS = DeviceFacts(
    device="CI-20417",
    product="contrast-injector",
    access_kinds=frozenset({AccessKind.SYSTEM}),
    last_entry_ms=NOW - 5000,
    journal_writable=True,
    safe_state=SafeState.SAFE,
    fingerprint_matches=True,
    configured=True,
    second_authentication_ready=True,
    site=HOUSE_DEFAULT,
)
OFF = {
    Gate.ORDER_DEVICE: {"device": "CI-20418"},
    Gate.ORDER_PRODUCT: {"product": "workstation"},
    Gate.ACCESS_KIND: {"access_kinds": frozenset({AccessKind.SERVICE})},
    Gate.ORDER_REPLAYED: {"seen": True},
    Gate.DEVICE_LOCKED: {"locked": True},
    Gate.DEVICE_BUSY: {"busy": True},
    Gate.CLOCK: {"last_entry_ms": NOW + CLOCK_TOLERANCE_MS + 1},
    Gate.JOURNAL: {"journal_writable": False},
    Gate.EXAM_RUNNING: {"safe_state": SafeState.EXAM_RUNNING},
    Gate.SAFE_STATE_UNKNOWN: {"safe_state": SafeState.UNKNOWN},
    Gate.INSTANCE: {"fingerprint_matches": False},
    Gate.DEVICE_STATE: {"configured": False},
    Gate.SECOND_AUTHENTICATION_LOCKED: {"second_authentication_ready": False},
    Gate.SITE_POLICY_SIGNATURE: {"site": SiteFacts(fault=Gate.SITE_POLICY_SIGNATURE)},
}


def test_everything_in_order_is_allowed():
    assert check_order(ORDER, FACTS, NOW) == Verdict()
    assert check_order(ORDER, FACTS, NOW).allowed


@pytest.mark.parametrize("gate", list(OFF))
def test_each_gate_refuses_by_its_name(gate):
    assert check_order(ORDER, replace(FACTS, **OFF[gate]), NOW) == Verdict(gate)


def test_an_order_is_void_from_its_last_moment_on():
    assert check_order(ORDER, FACTS, ORDER.answer_by_ms - 1).allowed
    assert check_order(ORDER, FACTS, ORDER.answer_by_ms) == Verdict(Gate.ORDER_EXPIRED)


def test_a_clock_that_lies_before_the_order_refuses():
    early = ORDER.issued_ms - CLOCK_TOLERANCE_MS
    facts = replace(FACTS, last_entry_ms=0)
    assert check_order(ORDER, facts, early).allowed
    assert check_order(ORDER, facts, early - 1) == Verdict(Gate.CLOCK)


@pytest.mark.parametrize("gate", [Gate.ORDER_SIGNATURE, Gate.ORDER_MALFORMED, Gate.ORDER_DEVICE])
def test_what_could_not_be_opened_is_refused_by_that_name_before_all_else(gate):
    everything_off = {name: value for off in OFF.values() for name, value in off.items()}
    facts = replace(FACTS, **everything_off, opening=gate)
    assert check_order(None, facts, NOW) == Verdict(gate)
    assert check_order(ORDER, facts, NOW) == Verdict(gate)


def test_nothing_at_all_is_malformed():
    assert check_order(None, FACTS, NOW) == Verdict(Gate.ORDER_MALFORMED)


def test_every_gate_of_the_table_has_its_refusal_here():
    of_the_site = {gate for gate, _ in SITE_GATES}  # each has its own in `site/test_plan.py`
    assert {gate for gate, _ in GATES} == {*OFF, Gate.ORDER_EXPIRED, Gate.JOIN} | of_the_site


@given(st.sets(st.sampled_from(list(OFF)), min_size=1))
def test_the_first_closed_gate_gives_the_name(closed):
    changes = {}
    for gate in closed:
        changes |= OFF[gate]
    verdict = check_order(ORDER, replace(FACTS, **changes), NOW)
    assert not verdict.allowed
    assert verdict.gate in closed
    order = [gate for gate, _ in GATES]
    safe = {Gate.EXAM_RUNNING, Gate.SAFE_STATE_UNKNOWN}
    if not safe <= closed:
        assert verdict.gate == min(closed, key=order.index)


def test_facts_that_nobody_stated_refuse():
    bare = DeviceFacts(
        device="CI-20417",
        product="contrast-injector",
        access_kinds=frozenset({AccessKind.SYSTEM}),
    )
    assert not check_order(ORDER, bare, NOW).allowed


JOIN = replace(ORDER, mode=Mode.VIEW, joins=SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0AB"))
OPEN = Joinable(SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0AB"), AccessKind.SYSTEM)


@pytest.mark.parametrize(
    ("joinable", "gate"),
    [
        (OPEN, None),
        (None, Gate.JOIN),
        (replace(OPEN, session=SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0AC")), Gate.JOIN),
        (replace(OPEN, access=AccessKind.SERVICE), Gate.JOIN),
    ],
)
def test_only_the_live_session_that_it_names_may_be_joined(joinable, gate):
    facts = replace(FACTS, busy=True, joinable=joinable)
    assert check_order(JOIN, facts, NOW) == Verdict(gate)
    assert check_order(ORDER, facts, NOW) == Verdict(Gate.DEVICE_BUSY)


HAND_OVER = replace(JOIN, mode=Mode.CONTROL)
HEIR = replace(OPEN, heir=(HAND_OVER.person.id, HAND_OVER.specialist_key))


@pytest.mark.parametrize(
    ("joinable", "gate"),
    [
        (HEIR, None),
        (None, Gate.JOIN),
        # A session that may be joined to watch gives no control, nor a join a place to watch from.
        (OPEN, Gate.JOIN),
        (replace(HEIR, session=SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0AC")), Gate.JOIN),
        (replace(HEIR, access=AccessKind.SERVICE), Gate.JOIN),
        (replace(HEIR, heir=("p9", HAND_OVER.specialist_key)), Gate.JOIN),
        (replace(HEIR, heir=(HAND_OVER.person.id, "SHA256:" + "b" * 43)), Gate.JOIN),
    ],
)
def test_control_is_for_whoever_joined_with_the_same_key_and_nobody_else(joinable, gate):
    facts = replace(FACTS, busy=True, joinable=joinable)
    assert check_order(HAND_OVER, facts, NOW) == Verdict(gate)
    if joinable == HEIR:
        assert check_order(JOIN, facts, NOW) == Verdict(Gate.JOIN)

"""A site's policy reads only as the site wrote it; an approval covers what a person reads."""

from dataclasses import replace

import pytest

from bedside.protocol.errors import MalformedError, ProtocolError
from bedside.protocol.site import SitePolicy
from bedside.vocabulary import AccessKind, Level, Mode, SessionId, SiteAction, SiteRule
from tests.protocol import samples

POLICY = samples.SITE_POLICY
APPROVED = samples.APPROVED
ONE_KEY_AGAIN = {**samples.APPROVER.to_dict(), "id": "p10", "credential": "B" * 43}


def bent(**changes):
    return {**POLICY.to_dict(), **changes}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rules": {"job": "allow"}}, "missing"),
        ({"rules": {**POLICY.to_dict()["rules"], "job": "perhaps"}}, "not_a_member"),
        ({"rules": {**POLICY.to_dict()["rules"], "more": "allow"}}, "unknown_field"),
        ({"serial": 0}, "range"),
        ({"timezone": "no zone"}, "pattern"),
        ({"ticket": ["update", "job"]}, "order"),
        ({"ticket": ["job", "job"]}, "order"),
        ({"ticket": ["paint"]}, "not_a_member"),
        ({"two_approvers": ["job"]}, "mismatch"),
        ({"approvers": [samples.APPROVER.to_dict()] * 2}, "repeated"),
        ({"approvers": [samples.APPROVER.to_dict(), ONE_KEY_AGAIN]}, "repeated"),
        ({"approvers": [{**samples.APPROVER.to_dict(), "origin": "http://console.example"}]}, "pattern"),
        ({"approvers": [{**samples.APPROVER.to_dict(), "rp_id": "Console"}]}, "pattern"),
        ({"weekly": [{"days": [9], "from_minute": 0, "to_minute": 1}]}, "range"),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused(changes, code):
    with pytest.raises(ProtocolError) as refused:
        SitePolicy.from_dict(bent(**changes))
    assert refused.value.code == code


def test_how_many_must_say_yes():
    policy = replace(POLICY, rules={**POLICY.rules, SiteAction.JOB: SiteRule.ASK_SITE})
    assert policy.approvals_needed((SiteAction.SERVICE_VIEW,)) == 0
    assert policy.approvals_needed((SiteAction.JOB,)) == 1
    assert policy.approvals_needed((SiteAction.JOB, SiteAction.UPDATE)) == 2


def test_an_approver_is_known_by_person_and_credential_together():
    assert POLICY.approver(samples.APPROVAL) == samples.APPROVER
    assert POLICY.approver(replace(samples.APPROVAL, approver="p10")) is None
    assert POLICY.approver(replace(samples.APPROVAL, credential="B" * 43)) is None


CHANGED = {
    "session": SessionId("01JABCDEFGHJKMNPQRSTVWXYZ9"),
    "device": "CI-1",
    "product": "workstation",
    "person": replace(samples.PERSON, level=Level.THREE),
    "access": AccessKind.SERVICE,
    "mode": Mode.VIEW,
    "actions": (),
    "reason": "Something else",
    "case": "C-1",
    "ticket": "CHG-1",
    "duration_s": 3600,
    "specialist_key": "SHA256:" + "B" * 43,
    "approved_until_ms": samples.NOW + 1,
    "break_glass": True,
    "joins": samples.JOIN.joins,
}


@pytest.mark.parametrize("name", CHANGED)
def test_an_approval_of_an_order_is_none_of_another(name):
    other = replace(APPROVED, **{name: CHANGED[name]})
    assert other.approval_digest != APPROVED.approval_digest


def test_what_only_carries_the_order_leaves_the_approval_whole():
    carried = replace(
        APPROVED,
        issued_ms=APPROVED.issued_ms + 1,
        answer_by_ms=APPROVED.answer_by_ms + 1,
        proof_seed=bytes(32),
        checkpoint="other",
        max_bytes=1,
        idle_s=60,
        site_policy=9,
        approvals=(),
    )
    assert carried.approval_digest == APPROVED.approval_digest


def test_every_field_of_an_order_is_read_by_a_person_or_carries_it():
    carries = {
        "v", "issued_ms", "answer_by_ms", "idle_s", "proof_seed", "max_bytes", "checkpoint",
        "site_policy", "approvals",
    }  # fmt: skip
    assert APPROVED.to_dict().keys() == APPROVED.subject.keys() | carries
    assert APPROVED.subject.keys() == CHANGED.keys()


def test_the_actions_of_an_order_are_its_session_and_its_files():
    assert samples.ORDER.site_actions == (SiteAction.FILES_OUT, SiteAction.SYSTEM_CONTROL)
    with pytest.raises(MalformedError):
        type(APPROVED).from_dict({**APPROVED.to_dict(), "actions": ["job"]})
    with pytest.raises(MalformedError):
        type(APPROVED).from_dict({**APPROVED.to_dict(), "approved_until_ms": None})

"""What waits for a site, through the REST API: approvals by passkey, refusals, broken glass."""

import base64
import json

import pytest

from bedside.console.accounts.models import User
from bedside.console.notices.models import Notice
from bedside.console.service_sessions.models import ServiceSession, SessionApproval
from bedside.console.sites.models import BreakGlass
from bedside.pki.webauthn import from_base64url
from bedside.protocol.site import subject_digest
from bedside.vocabulary import SiteAction, SiteRule
from tests.console.passkeys import register_passkey
from tests.console.service_sessions.news import live, requested
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, person

pytestmark = pytest.mark.usefixtures("fleet")


@pytest.fixture
def passkey():
    """Julie's, which her site's policy names; every control is asked of the site."""
    found = register_passkey(person("Julie"))
    hand = SiteHand()
    hand.register()
    rules = {SiteAction.SYSTEM_CONTROL: SiteRule.ASK_SITE}
    hand.publish(rules=rules, approvers=(found.approver,))
    return found


@pytest.fixture
def path(passkey):
    return f"/sessions/{requested().pk}"


def signed(passkey, path: str, **wrong) -> dict:
    """Return the assertion over what the API says is to be signed."""
    question = Api("Julie").get(f"{path}/approval").json()
    digest = from_base64url(question["webauthn"]["challenge"])
    return {**json.loads(json.dumps(passkey.approve(digest).to_dict())), **wrong}


def test_a_person_reads_exactly_what_the_device_reads(passkey, path):
    (row,) = Api("Julie").get("/approvals").json()["items"]
    assert f"/sessions/{row['id']}" == path
    question = Api("Julie").get(f"{path}/approval").json()
    assert subject_digest(question["subject"]).hex() == question["digest"]
    assert from_base64url(question["webauthn"]["challenge"]).hex() == question["digest"]
    assert question["webauthn"]["allow_credentials"] == [passkey.approver.credential]
    assert question["webauthn"]["rp_id"] == passkey.approver.rp_id
    assert (question["given"], question["needed"], question["answered"]) == (0, 1, False)
    assert question["session"]["person"]["name"] == "Marie Tremblay"


def test_a_passkey_s_yes_sends_the_order(passkey, path):
    yes = signed(passkey, path)
    answer = Api("Julie").post(f"{path}/approve", yes)
    assert answer.status_code == 200, answer.content
    assert answer.json()["state"] == "routed"
    for again in (Api("Julie").post(f"{path}/approve", yes), Api("Julie").get(f"{path}/approval")):
        assert (again.status_code, again.json()["code"]) == (409, "not_asked")
    assert "session:approval:given" in actions_of()


def test_what_the_passkey_did_not_sign_approves_nothing(passkey, path):
    other = register_passkey(person("Julie"))
    good = signed(passkey, path)
    for wrong in (
        {"signature": base64.b64encode(bytes(70)).decode()},
        {"approver": person("Alex").pk},
        {"credential": other.approver.credential},
        {"client_data": "####"},
        {"authenticator_data": ""},
        {"surprise": 1},
    ):
        answer = Api("Julie").post(f"{path}/approve", {**good, **wrong})
        assert answer.status_code == 422, wrong
    second = f"/sessions/{requested(case='C-2').pk}"
    assert Api("Julie").post(f"{second}/approve", good).status_code == 422
    assert not SessionApproval.objects.exists()


def test_only_an_approver_of_the_site_decides(passkey, path):
    good = signed(passkey, path)
    for name in ("Alex", "Marie"):
        assert Api(name).get("/approvals").status_code == 403
        assert Api(name).get(f"{path}/approval").status_code == 403
        assert Api(name).post(f"{path}/approve", good).status_code == 403
        assert Api(name).post(f"{path}/refuse", {"reason": "x"}).status_code == 403
    assert not SessionApproval.objects.exists()


def test_a_no_ends_the_request_with_its_reason(path):
    assert Api("Julie").post(f"{path}/refuse", {"reason": ""}).status_code == 422
    answer = Api("Julie").post(f"{path}/refuse", {"reason": "Not this week"})
    assert (answer.json()["ending"], answer.json()["gate"]) == ("refused", "site_approval")
    assert SessionApproval.objects.get().reason == "Not this week"
    for read in (answer, Api("Marie").get(path)):
        assert read.json()["gate_words"] == "The site did not approve this."
        assert read.json()["site_words"] == "Not this week"
        assert [said["reason"] for said in read.json()["approvals"]] == ["Not this week"]
    again = Api("Julie").post(f"{path}/refuse", {"reason": "Not this week"})
    assert (again.status_code, again.json()["code"]) == (409, "not_asked")
    assert again.json()["state"] == "ended"


def test_glass_is_broken_by_the_site_and_its_review_is_closed_by_somebody():
    body = {"reason": "The night shift cannot start it", "minutes": 15}
    for name in ("Alex", "Marie"):
        assert Api(name).post(f"/devices/{DEVICE}/break-glass", body).status_code == 403
    assert Api("Julie").post(f"/devices/{FOREIGN}/break-glass", body).status_code == 404
    made = Api("Julie").post(f"/devices/{DEVICE}/break-glass", body)
    assert made.status_code == 201, made.content
    assert Api("Julie").post(f"/devices/{DEVICE}/break-glass", body).status_code == 422
    session = live(requested())
    glass = f"/break-glass/{made.json()['id']}"
    assert Api("Alex").get(glass).json()["sessions"] == [session.pk]
    found = {"finding": "A fuse"}
    assert Api("Alex").post(f"{glass}/review", found).status_code == 422
    assert Api("Alex").post(f"{glass}/end").status_code == 403
    ended = Api("Julie").post(f"{glass}/end").json()
    assert ended["ended_ms"] is not None
    assert ServiceSession.objects.get(pk=session.pk).ending == "site_terminated"
    assert len(Api("Alex").get("/break-glass", unreviewed="true").json()["items"]) == 1
    closed = Api("Alex").post(f"{glass}/review", found).json()
    assert (closed["review"], closed["reviewed_by"]) == ("A fuse", "Alex Martin")
    assert Api("Julie").get("/break-glass", unreviewed="true").json()["items"] == []
    assert Api("Marie").get("/break-glass").status_code == 403


@pytest.mark.parametrize(
    "wrong", [{"minutes": 61}, {"minutes": 0}, {"reason": ""}, {"reason": "a\u202eb"}, {"x": 1}]
)
def test_glass_that_cannot_be_broken_so(wrong):
    body = {"reason": "x", "minutes": 15, **wrong}
    assert Api("Julie").post(f"/devices/{DEVICE}/break-glass", body).status_code == 422
    assert not BreakGlass.objects.exists()


def test_dead_letters_are_seen_and_sent_again():
    for state in ("sent", "dead", "dead"):
        Notice.objects.create(
            key=f"k{Notice.objects.count()}", channel="mail", organisation="notre-dame",
            address="ti@notre-dame.example", event="session.asked", subject="x",
            body="secret text", state=state, next_ms=0,
        )  # fmt: skip
    rows = Api("Alex").get("/notices", state="dead").json()["items"]
    assert len(rows) == 2
    assert "secret text" not in str(rows)
    again = f"/notices/{rows[0]['id']}/again"
    assert Api("Marie").post(again).status_code == 403
    assert [Api("Alex").post(again).status_code for _ in range(2)] == [204, 204]
    assert Notice.objects.get(pk=rows[0]["id"]).state == "waiting"
    assert actions_of().count("notice:message:retried") == 1
    assert len(Api("Alex").get("/notices", limit=2).json()["items"]) == 2
    assert Api("Alex").get("/notices", state="lost").status_code == 422
    assert Api("Julie").get("/notices").status_code == 403
    assert User.objects.get(name="Julie Gagnon").role == "site_manager"

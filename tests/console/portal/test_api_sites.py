"""A site's own say through the REST API: shown to whoever serves it, changed by the site alone."""

import pytest

from bedside.console.accounts.models import User
from bedside.console.journal.actions import now_ms
from bedside.console.notices.sealing import open_secret
from bedside.console.relays.models import DeviceMessage
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.models import SiteHook, SitePolicyVersion, SiteWindow
from bedside.vocabulary import SiteAction, SiteRule
from tests.console.passkeys import register_passkey
from tests.console.service_sessions.news import live, requested
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, asking, person

pytestmark = pytest.mark.usefixtures("fleet")

SITE = "/sites/notre-dame"
HOUR = 3_600_000
CONTACT = {"name": "Ti Notre-Dame", "email": "ti@notre-dame.example", "language": "fr"}


def window(**changed) -> dict:
    return {"start_ms": now_ms() - 1000, "end_ms": now_ms() + HOUR, "ticket": "CHG-1", **changed}


def test_sites_are_seen_by_whoever_serves_them_and_ones_own_by_its_people():
    assert [each["id"] for each in Api("Marie").get("/sites").json()["items"]] == [
        "notre-dame",
        "st-mary",
    ]
    assert [each["id"] for each in Api("Julie").get("/sites").json()["items"]] == ["notre-dame"]
    requested()
    told = Api("Marie").get(SITE).json()
    assert (told["access"], told["policy_serial"], told["timezone"]) == (
        "standing",
        None,
        "America/Toronto",
    )
    assert Api("Julie").get("/sites/st-mary").status_code == 404
    assert Api("Alex").get("/sites/bayard-imaging").status_code == 404


def test_a_policy_is_received_shown_and_changed_by_nobody_else():
    hand = SiteHand()
    assert Api("Alex").post(f"{SITE}/key", {"public_key": hand.public_key}).status_code == 403
    keyed = Api("Julie").post(f"{SITE}/key", {"public_key": hand.public_key})
    assert keyed.json()["policy"] is None
    policy = hand.policy(rules={SiteAction.SYSTEM_VIEW: SiteRule.DENY})
    envelope = hand.sign(policy).decode()
    assert Api("Alex").post(f"{SITE}/policy", {"envelope": envelope}).status_code == 403
    sent = DeviceMessage.objects.count()
    made = Api("Julie").post(f"{SITE}/policy", {"envelope": envelope})
    assert made.status_code == 201, made.content
    assert DeviceMessage.objects.count() == sent + 1
    shown = Api("Marie").get(f"{SITE}/policy").json()
    assert shown["policy"]["serial"] == 1
    rules = {each["action"]: each["rule"] for each in shown["policy"]["rules"]}
    assert rules["system_view"] == "deny"
    assert [each["published_by"] for each in shown["versions"]] == ["Julie Gagnon"]
    assert Api("Julie").get(SITE).json()["policy_serial"] == 1


def test_a_policy_that_the_site_did_not_sign_is_refused():
    hand = SiteHand()
    first = hand.sign(hand.policy()).decode()
    assert Api("Julie").post(f"{SITE}/policy", {"envelope": first}).status_code == 422
    hand.register()
    forged = SiteHand()
    for envelope in (forged.sign(forged.policy()).decode(), "{}", "", "\x00", "x" * 40_001):
        answer = Api("Julie").post(f"{SITE}/policy", {"envelope": envelope})
        assert answer.status_code == 422, envelope[:20]
    assert Api("Julie").post(f"{SITE}/policy", {"envelope": first}).status_code == 201
    assert Api("Julie").post(f"{SITE}/policy", {"envelope": first}).status_code == 422
    assert Api("Julie").post(f"{SITE}/key", {"public_key": "no key"}).status_code == 422
    assert SitePolicyVersion.objects.count() == 1


def test_a_new_key_is_taken_with_its_hand_over_and_what_devices_apply_is_told():
    hand, julie = SiteHand(), Api("Julie")
    hand.register()
    hand.publish()
    statement = hand.renew().decode()
    bare = {"public_key": hand.public_key}
    refused = julie.post(f"{SITE}/key", bare)
    assert refused.status_code == 422
    assert "statement" in refused.content.decode()
    assert julie.post(f"{SITE}/key", {**bare, "statement": "{}"}).status_code == 422
    taken = julie.post(f"{SITE}/key", {**bare, "statement": statement})
    assert taken.status_code == 200, taken.content
    assert taken.json()["policy"]["serial"] == 1
    envelope = hand.sign(hand.policy()).decode()
    made = julie.post(f"{SITE}/policy", {"envelope": envelope})
    assert made.status_code == 201, made.content
    (device,) = made.json()["lagging"]
    assert device == {"device": DEVICE, "serial": 0, "refused": None, "at_ms": None}


def test_a_site_says_when_it_is_served():
    for kind in ("scheduled", "on_request", "standing"):
        answer = Api("Julie").post(f"{SITE}/arrangement", {"kind": kind})
        assert answer.json()["access"] == kind
    assert Api("Julie").post(f"{SITE}/arrangement", {"kind": "never"}).status_code == 422
    assert Api("Alex").post(f"{SITE}/arrangement", {"kind": "standing"}).status_code == 403


def test_a_window_is_planned_and_closed_with_what_runs_in_it():
    Api("Julie").post(f"{SITE}/arrangement", {"kind": "scheduled"})
    refused = Api("Marie").post("/sessions", asking()).json()
    assert [reason["gate"] for reason in refused["reasons"]] == ["site_window"]
    made = Api("Julie").post(f"{SITE}/windows", window(device=DEVICE))
    assert made.status_code == 201, made.content
    session = live(requested())
    assert session.ticket == "CHG-1"
    (row,) = Api("Marie").get(f"{SITE}/windows").json()["items"]
    assert row == made.json()
    assert (row["device"], row["set_by"]) == (DEVICE, "Julie Gagnon")
    close = f"/windows/{row['id']}/close"
    assert Api("Marie").post(close).status_code == 403
    assert [Api("Julie").post(close).status_code for _ in range(2)] == [204, 204]
    assert ServiceSession.objects.get(pk=session.pk).ending == "site_terminated"
    assert Api("Julie").get(f"{SITE}/windows").json()["items"] == []
    assert len(Api("Julie").get(f"{SITE}/windows", past="true").json()["items"]) == 1
    assert actions_of().count("site:window:changed") == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"end_ms": 1}, {"end_ms": 2**53 - 1}, {"device": FOREIGN}, {"ticket": "a\u202eb"},
        {"note": "x" * 201}, {"start_ms": "now"}, {"surprise": 1},
    ],
)  # fmt: skip
def test_what_is_no_window_is_a_problem(wrong):
    assert Api("Julie").post(f"{SITE}/windows", window(**wrong)).status_code == 422
    assert not SiteWindow.objects.exists()


def test_contacts_are_told_until_they_are_removed():
    made = Api("Julie").post(f"{SITE}/contacts", CONTACT)
    assert made.status_code == 201, made.content
    assert Api("Julie").post(f"{SITE}/contacts", CONTACT).status_code == 422
    assert Api("Julie").get(f"{SITE}/contacts").json()["items"] == [made.json()]
    assert Api("Alex").get(f"{SITE}/contacts").status_code == 403
    for wrong in ({"email": "nobody"}, {"name": "a\u0007"}, {"language": "de"}, {"before": 1}):
        assert Api("Julie").post(f"{SITE}/contacts", {**CONTACT, **wrong}).status_code == 422
    assert Api("Julie").post(f"/contacts/{made.json()['id']}/remove").status_code == 204
    assert Api("Julie").get(f"{SITE}/contacts").json()["items"] == []


def test_a_webhook_s_secret_is_told_once():
    url = "https://siem.notre-dame.example/bedside"
    made = Api("Julie").post(f"{SITE}/hooks", {"url": url})
    assert made.status_code == 201, made.content
    assert open_secret(SiteHook.objects.get().secret) == made.json()["secret"]
    (row,) = Api("Julie").get(f"{SITE}/hooks").json()["items"]
    assert set(row) == {"id", "url", "created_ms"}
    for wrong in (url, "http://a.example", "https://u:p@a.example", "javascript:x", "a\u202e"):
        assert Api("Julie").post(f"{SITE}/hooks", {"url": wrong}).status_code == 422
    assert Api("Julie").post(f"/hooks/{row['id']}/remove").status_code == 204
    assert not SiteHook.objects.exists()


def test_an_approver_takes_their_passkeys_to_the_sites_own_it():
    passkey = register_passkey(person("Julie"))
    told = Api("Julie").get(f"{SITE}/approver").json()
    assert [each["credential"] for each in told["approvers"]] == [passkey.approver.credential]
    assert Api("Alex").get(f"{SITE}/approver").status_code == 403
    User.objects.filter(name="Julie Gagnon").update(organisation_id="st-mary")
    assert Api("Julie").get(f"{SITE}/approver").status_code == 404

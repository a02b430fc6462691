"""Locks over whatever can be locked, through the REST API (R8)."""

import pytest

from bedside.console.access.models import Lock
from bedside.console.accounts.models import User
from bedside.console.devices.models import Device
from bedside.console.service_sessions.models import ServiceSession
from tests.console.service_sessions.news import live, requested
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, asking, person

pytestmark = pytest.mark.usefixtures("fleet")


def target(scope: str) -> str:
    return {
        "device": DEVICE,
        "everything": "",
        "person": person("Marie").pk,
        "product": "contrast-injector",
        "site": "notre-dame",
    }[scope]


@pytest.mark.parametrize("scope", ["device", "everything", "person", "product", "site"])
def test_a_lock_ends_what_is_live_under_it_until_it_is_cleared(scope):
    session = live(requested())
    body = {"scope": scope, "target": target(scope), "reason": "Recall"}
    made = Api("Alex").post("/locks", body)
    assert made.status_code == 201, made.content
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("revoked", "lock")
    refused = Api("Marie").post("/sessions", asking()).json()
    assert [reason["gate"] for reason in refused["reasons"]] == ["lock"]
    held = Api("Alex").get("/locks", scope=scope).json()["items"]
    assert [(each["id"], each["reason"]) for each in held] == [(made.json()["id"], "Recall")]
    assert Api("Alex").post(f"/locks/{held[0]['id']}/clear").status_code == 204
    assert Api("Alex").post(f"/locks/{held[0]['id']}/clear").status_code == 404
    assert Api("Marie").post("/sessions", asking()).status_code == 201
    set_, cleared = (
        actions_of(action__endswith=":lock:set"),
        actions_of(action__endswith=":cleared"),
    )
    assert len(set_) == len(cleared) == 1


def test_a_person_is_named_by_their_address_as_on_the_page_or_by_their_id():
    marie = person("Marie").pk
    body = {"scope": "person", "target": "MARIE@bayard.example", "reason": "Recall"}
    made = Api("Alex").post("/locks", body)
    assert (made.status_code, made.json()["target"]) == (201, marie)
    assert Api("Alex").post("/locks", {**body, "target": marie}).json() == made.json()
    for name in (marie, "marie@bayard.example"):
        assert Api("Alex").get("/locks", scope="person", target=name).json()["items"] == [
            made.json()
        ]
    assert Api("Alex").get("/locks", target="sam@bayard.example").json()["items"] == []
    for wrong in ("nobody@bayard.example", ""):
        assert Api("Alex").post("/locks", {**body, "target": wrong}).status_code in (404, 422)


def test_the_same_lock_again_is_the_same_lock():
    body = {"scope": "site", "target": "notre-dame", "reason": "Recall"}
    first = Api("Alex").post("/locks", body).json()
    assert Api("Alex").post("/locks", {**body, "reason": "Other"}).json() == first


def test_a_site_locks_its_own_and_nothing_wider():
    api = Api("Julie")
    for scope in ("site", "device"):
        body = {"scope": scope, "target": target(scope), "reason": "x"}
        assert api.post("/locks", body).status_code == 201
    for scope in ("everything", "product"):
        body = {"scope": scope, "target": target(scope), "reason": "x"}
        assert api.post("/locks", body).status_code == 403
    for scope, name in (("device", FOREIGN), ("site", "st-mary"), ("person", target("person"))):
        body = {"scope": scope, "target": name, "reason": "x"}
        assert api.post("/locks", body).status_code == 404
    assert Lock.objects.count() == 2


@pytest.mark.parametrize("scope", ["device", "site"])
@pytest.mark.parametrize(("whose", "other"), [("Julie", "Alex"), ("Alex", "Julie")])
def test_a_lock_is_cleared_by_the_people_of_whoever_set_it_only(scope, whose, other):
    body = {"scope": scope, "target": target(scope), "reason": "Mine"}
    lock = Api(whose).post("/locks", body).json()
    refused = Api(other).post(f"/locks/{lock['id']}/clear")
    assert refused.status_code == 422, refused.content
    assert f"{lock['organisation']} set this lock" in refused.content.decode()
    if scope == "device":
        assert Api(other).post(f"/devices/{DEVICE}/unlock").status_code == 422
    assert Api("Marie").post("/sessions", asking()).json()["reasons"][0]["gate"] == "lock"
    assert Api(whose).post(f"/locks/{lock['id']}/clear").status_code == 204


def test_both_may_lock_and_the_device_says_what_still_holds():
    device = Device.objects.get(pk=DEVICE)
    body = {"scope": "device", "target": DEVICE}
    Api("Julie").post("/locks", {**body, "reason": "Ours"})
    Api("Alex").post("/locks", {**body, "reason": "Recall"})
    assert Lock.objects.filter(end_ms=None).count() == 2
    assert Api("Alex").post(f"/devices/{DEVICE}/unlock").status_code == 204
    device.refresh_from_db()
    assert device.lock_reason == "Ours"
    assert Api("Marie").post("/sessions", asking()).json()["reasons"][0]["gate"] == "lock"
    assert Api("Julie").post(f"/devices/{DEVICE}/unlock").status_code == 204
    device.refresh_from_db()
    assert device.lock_reason == ""
    assert Api("Marie").post("/sessions", asking()).status_code == 201


def test_a_site_sees_its_own_locks_only():
    for scope, name in (("everything", ""), ("site", "st-mary"), ("person", target("person"))):
        Api("Alex").post("/locks", {"scope": scope, "target": name, "reason": "x"})
    assert Api("Julie").get("/locks").json()["items"] == []
    for lock in Lock.objects.all():
        assert Api("Julie").post(f"/locks/{lock.pk}/clear").status_code == 404
    assert len(Api("Alex").get("/locks", limit=2).json()["items"]) == 2
    assert Lock.objects.filter(end_ms=None).count() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": ""}, {"scope": "everything"}, {"scope": "planet"}, {"reason": ""},
        {"reason": "x" * 201}, {"reason": "a\u202eb"}, {"surprise": 1},
    ],
)  # fmt: skip
def test_what_is_no_lock_is_a_problem(wrong):
    body = {"scope": "site", "target": "notre-dame", "reason": "x", **wrong}
    assert Api("Alex").post("/locks", body).status_code == 422
    assert not Lock.objects.exists()


def test_whoever_may_not_lock_locks_nothing():
    body = {"scope": "device", "target": DEVICE, "reason": "x"}
    assert Api("Marie").post("/locks", body).status_code == 403
    User.objects.filter(name="Sam Okafor").update(role="manager")
    assert (
        Api("Sam").post("/locks", {**body, "scope": "product", "target": "no"}).status_code == 404
    )
    assert not ServiceSession.objects.filter(ending="revoked").exists()

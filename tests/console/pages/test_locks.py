"""The page of locks: what holds, what a new one would end, and who may lock what."""

import pytest

from bedside.console.access.models import Lock
from bedside.console.service_sessions.models import ServiceSession
from tests.console.pages.reader import Reader, confirm, words
from tests.console.service_sessions.news import live, requested
from tests.console.world import DEVICE, FOREIGN, person

pytestmark = pytest.mark.usefixtures("fleet")

TARGETS = {
    "device": DEVICE, "everything": "", "person": "Marie@bayard.example",
    "product": "contrast-injector", "site": "notre-dame",
}  # fmt: skip


def asked(scope: str, **more) -> dict[str, str]:
    return {"scope": scope, "target": TARGETS[scope], "reason": "Recall", **more}


@pytest.mark.parametrize("scope", TARGETS)
def test_a_lock_is_seen_with_what_it_ends_before_it_holds(scope):
    session = live(requested())
    reader = Reader("Alex")
    shown = reader.post("/locks/", **asked(scope, preview="1"))
    assert shown.status_code == 200
    assert "1 open session ends at once" in words(shown)
    assert not Lock.objects.exists()
    assert reader.post("/locks/", **asked(scope, apply="1")).status_code == 302
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("revoked", "lock")
    page = reader.text("/locks/")
    assert "Recall" in page
    assert "Alex Martin" in page
    if scope == "person":
        assert "Marie Tremblay" in page
    reader.post(f"/locks/{Lock.objects.get().pk}/clear/")
    assert "Nothing is locked" in reader.text("/locks/")


def test_a_person_is_named_by_their_identifier_too():
    fields = {**asked("person", apply="1"), "target": person("Marie").pk}
    assert Reader("Alex").post("/locks/", **fields).status_code == 302
    assert Lock.objects.get().target == person("Marie").pk


def test_a_site_is_offered_its_own_and_nothing_wider():
    reader = Reader("Julie", "fr")
    text = reader.get("/locks/").content.decode()
    assert 'value="everything"' not in text
    assert 'value="product"' not in text
    assert "Verrous" in text
    for scope, target in (("device", FOREIGN), ("site", "st-mary"), ("person", "marie@bayard.example"),
                          ("everything", ""), ("product", "contrast-injector")):  # fmt: skip
        answer = reader.post("/locks/", scope=scope, target=target, reason="x", apply="1")
        assert answer.status_code == 400, scope
    assert not Lock.objects.exists()
    assert reader.post("/locks/", **asked("site", apply="1")).status_code == 302
    assert Lock.objects.get().set_by == person("Julie")


def test_clearing_a_lock_asks_who_one_is_and_setting_one_does_not():
    reader = Reader("Alex")
    confirm(reader.client, "Alex", at=0)
    assert reader.post("/locks/", **asked("device", apply="1"))["Location"] == "/locks/"
    lock = Lock.objects.get()
    for path in (f"/locks/{lock.pk}/clear/", f"/devices/{DEVICE}/unlock/"):
        assert reader.post(path)["Location"].startswith("/account/reauthenticate/")
    lock.refresh_from_db()
    assert lock.end_ms is None
    confirm(reader.client, "Alex")
    assert reader.post(f"/locks/{lock.pk}/clear/")["Location"] == "/locks/"
    lock.refresh_from_db()
    assert lock.end_ms is not None


def test_a_lock_of_the_hospital_is_not_the_manufacturers_to_clear():
    Reader("Julie").post("/locks/", **asked("device", apply="1"))
    lock = Lock.objects.get()
    maker = Reader("Alex")
    assert "Only its own people clear it." in maker.text("/locks/")
    maker.post(f"/locks/{lock.pk}/clear/")
    assert "Hôpital Notre-Dame set this lock" in maker.text("/locks/")
    said = maker.text(f"/devices/{DEVICE}/unlock/")
    assert "This lock is not your organisation" in said
    assert "Recall" in said
    assert maker.post(f"/devices/{DEVICE}/unlock/").status_code == 409
    lock.refresh_from_db()
    assert lock.end_ms is None
    maker.post("/locks/", **asked("device", apply="1"))
    assert "the device stays locked by the other one" in maker.text(f"/devices/{DEVICE}/unlock/")
    maker.post(f"/devices/{DEVICE}/unlock/")
    assert "another one holds" in maker.text(f"/devices/{DEVICE}/")
    assert Reader("Julie").post(f"/devices/{DEVICE}/unlock/").status_code == 302
    assert not Lock.objects.filter(end_ms=None).exists()


@pytest.mark.parametrize(
    "wrong",
    [{"target": ""}, {"target": "nothing"}, {"scope": "planet"}, {"reason": ""},
     {"reason": "a\u202eb"}, {"target": "\u0000"}],
)  # fmt: skip
def test_what_is_no_lock_is_said(wrong):
    answer = Reader("Alex").post("/locks/", **{**asked("site", apply="1"), **wrong})
    assert answer.status_code == 400
    assert not Lock.objects.exists()


def test_whoever_may_not_lock_sees_and_sets_none():
    session = live(requested())
    Reader("Alex").post("/locks/", scope="site", target="st-mary", reason="x", apply="1")
    marie = Reader("Marie")
    assert "Set a lock" not in marie.text("/locks/")
    assert marie.post("/locks/", **asked("everything", apply="1")).status_code == 403
    assert marie.post(f"/locks/{Lock.objects.get().pk}/clear/").status_code == 403
    assert Reader("Julie").post(f"/locks/{Lock.objects.get().pk}/clear/").status_code == 404
    assert ServiceSession.objects.get(pk=session.pk).state != "ended"

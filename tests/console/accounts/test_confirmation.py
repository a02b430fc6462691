"""Before a risky act one confirms who one is, and a moved clock asks again."""

import time

import pytest

from tests.console.browser import Browser
from tests.console.pages.reader import BACKEND, Reader, confirm
from tests.console.world import DEVICE, PASSWORD, person

pytestmark = pytest.mark.usefixtures("fleet")

RISKY = ["/people/invite/", "PERSON/edit/", "PERSON/close/", "PERSON/factors/", "PERSON/leave/", "PERSON/train/",
         "/organisations/new/", "/organisations/st-mary/", "/account/tokens/new/",
         f"/devices/{DEVICE}/revoke/"]  # fmt: skip


def at(path: str) -> str:
    return path.replace("PERSON", f"/people/{person('Sam').pk}")


@pytest.mark.parametrize("path", RISKY)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_browser_left_open_confirms_first(path, method, settings):
    reader = Reader("Alex")
    limit_s = settings.CONFIG.sign_in.confirm_minutes * 60
    confirm(reader.client, "Alex", at=time.time() - limit_s - 1)
    answer = getattr(reader, method)(at(path))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/reauthenticate/?next=%2F")
    assert person("Sam").is_active
    confirm(reader.client, "Alex", at=time.time() - limit_s + 30)
    assert reader.get(at(path)).status_code == 200


REFUSED = [
    ("Julie", "/policy/"), ("Julie", "/people/invite/"), ("Julie", "/organisations/new/"),
    ("Julie", "/organisations/st-mary/"), ("Julie", "PERSON/edit/"), ("Julie", "PERSON/train/"),
    ("Marie", "PERSON/close/"), ("Marie", "PERSON/open/"), ("Marie", "PERSON/factors/"),
    ("Marie", "PERSON/leave/"), ("Marie", f"/devices/{DEVICE}/revoke/"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path"), REFUSED)
def test_whoever_may_not_is_refused_without_being_asked_who_they_are(name, path):
    reader = Reader(name)
    confirm(reader.client, name, at=0)
    # Looking is refused by the page itself, to which somebody of another organisation is unknown.
    assert reader.get(at(path)).status_code in (403, 404)
    assert reader.post(at(path)).status_code == 403


def test_whoever_may_only_read_the_rules_is_asked_nothing():
    reader = Reader("Marie")
    confirm(reader.client, "Marie", at=0)
    assert reader.get("/policy/").status_code == 200
    assert reader.post("/policy/").status_code == 403


@pytest.mark.parametrize("proof", ["recovery_codes", "socialaccount"])
def test_what_proves_nothing_fresh_does_not_count(proof):
    reader = Reader("Alex")
    confirm(reader.client, "Alex", proof=proof)
    assert reader.get("/people/invite/").status_code == 302


def test_a_clock_set_back_does_not_keep_a_confirmation_alive():
    reader = Reader("Alex")
    confirm(reader.client, "Alex", at=time.time() + 3600)
    assert reader.get("/people/invite/").status_code == 302


def test_the_password_brings_one_back_to_the_page():
    browser = Browser.of("Alex")
    session = browser.client.session
    session["account_authentication_methods"] = []
    session.save()
    asked = browser.get("/people/invite/")["Location"]
    answer = browser.post("/account/reauthenticate/", page=asked, password=PASSWORD,
                          next="/people/invite/")  # fmt: skip
    assert answer["Location"] == "/people/invite/"
    assert browser.get("/people/invite/").status_code == 200


def test_what_is_posted_from_a_page_leads_back_to_that_page():
    reader = Reader("Julie")
    confirm(reader.client, "Julie", at=0)
    page = "/sites/notre-dame/windows/?later=1"
    for came, back in (
        (f"http://testserver{page}", "%2Fsites%2Fnotre-dame%2Fwindows%2F%3Flater%3D1"),
        ("http://elsewhere.example/x", "%2Fsites%2Fnotre-dame%2Farrangement%2F"),
        ("//elsewhere.example/x", "%2Fsites%2Fnotre-dame%2Farrangement%2F"),
    ):
        answer = reader.client.post("/sites/notre-dame/arrangement/", {}, headers={"Referer": came})
        assert answer["Location"] == f"/account/reauthenticate/?next={back}"


def test_a_page_that_shows_something_too_shows_it_and_no_form():
    for path, name in (("/sites/notre-dame/windows/", "Julie"), ("/policy/contracts/", "Alex"),
                       ("/sites/notre-dame/contacts/", "Julie")):  # fmt: skip
        reader = Reader(name)
        assert "confirm first who you are" not in reader.text(path)
        confirm(reader.client, name, at=0)
        page = reader.get(path)
        assert page.status_code == 200
        assert b"confirm first who you are" in page.content
        assert b'<form class="block" method="post"' not in page.content


def test_somebody_elses_confirmation_is_nobodys():
    reader = Reader("Alex")
    confirm(reader.client, "Marie")
    reader.client.force_login(person("Alex"), backend=BACKEND)
    assert reader.get("/people/invite/").status_code == 302

"""Refusals are pages in both languages, and say which requirement refused and what to do next."""

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.utils import translation

from bedside.console.pages.views.errors import failed, too_many
from bedside.console.pages.words import PERMISSIONS
from bedside.vocabulary import Permission
from tests.console.pages.reader import Reader, ask, words
from tests.console.world import DEVICE, FOREIGN, person

pytestmark = pytest.mark.usefixtures("fleet")

SAID = {
    "en": {404: "There is nothing here for you", 403: "You may not do this"},
    "fr": {404: "Il n’y a rien ici pour vous", 403: "Vous ne pouvez pas faire cela"},
}


@pytest.mark.parametrize("language", SAID)
@pytest.mark.parametrize(
    "path", ["/no/such/page", "/devices/CI-99999/", "/sessions/01JD0000000000000000000000/",
             "/journal/999999/", f"/devices/{FOREIGN}/", f"/devices/{FOREIGN}/lock/"]
)  # fmt: skip
def test_what_is_not_there_and_what_is_anothers_are_not_told_apart(path, language):
    answer = Reader("Julie", language).get(path)
    assert answer.status_code == 404
    assert SAID[language][404] in words(answer)


@pytest.mark.parametrize("language", SAID)
@pytest.mark.parametrize("act", ["lock", "unlock", "revoke", "enrol"])
def test_a_role_without_the_right_is_told_which(act, language):
    answer = Reader("Marie", language).get(f"/devices/{DEVICE}/{act}/")
    assert answer.status_code == 403
    said = words(answer)
    assert SAID[language][403] in said
    right = "DEVICES_DEVICE_LOCK" if "lock" in act else f"DEVICES_DEVICE_{act.upper()}"
    with translation.override(language):
        assert f"{PERMISSIONS[Permission[right]]}." in said
    assert "devices:device:" not in said


def test_an_administrator_may_not_ask():
    answer = Reader("Alex").get(f"/devices/{DEVICE}/request/")
    assert answer.status_code == 403
    assert "does not include this right: Ask for sessions" in words(answer)


def test_who_has_not_signed_in_is_asked_to():
    answer = Reader(None).get(f"/devices/{DEVICE}/")
    assert answer.status_code == 302
    assert answer["Location"] == f"/account/login/?next=/devices/{DEVICE}/"


def test_a_form_from_elsewhere_changes_nothing():
    client = Client(enforce_csrf_checks=True)
    client.cookies["bedside_language"] = "fr"
    client.force_login(person("Alex"), backend="bedside.console.accounts.sign_in.LockingBackend")
    answer = client.post(f"/devices/{DEVICE}/lock/", {"reason": "because"})
    assert answer.status_code == 403
    assert "Ce formulaire n’est plus valable" in words(answer)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "This address is not a page"), ("fr", "Cette adresse n’est pas une page")],
)
def test_the_address_of_a_form_is_said_to_be_no_page(language, sentence):
    answer = Reader("Alex", language).get("/account/browsers/end/")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert sentence in words(answer)


def test_a_fault_of_ours_is_a_page_that_needs_no_database(django_assert_num_queries):
    request = RequestFactory().get("/")
    request.request_id = "0011223344556677"
    with django_assert_num_queries(0):
        answer = failed(request)
    assert answer.status_code == 500
    assert "0011223344556677" in words(answer)
    assert "Sessions that are live go on" in words(answer)


def test_too_many_attempts_is_a_page():
    reader = Reader(None, "fr")
    request = reader.get("/account/login/").wsgi_request
    answer = too_many(request)
    assert answer.status_code == 429
    assert "Too many attempts" in words(answer)


@pytest.mark.parametrize(
    ("language", "sentence", "advice"),
    [
        ("en", "No right for this product.", "Ask your manager for the training of this product."),
        ("fr", "Aucun droit pour ce produit.", "Demandez à votre gestionnaire la formation"),
    ],
)
def test_a_refused_request_shows_its_gate_and_the_advice(language, sentence, advice):
    session = ask("Sam")
    said = Reader("Sam", language).text(f"/sessions/{session.pk}/")
    assert sentence in said
    assert advice in said


def test_a_strange_cursor_is_a_page():
    answer = Reader("Marie").get("/", after="!!")
    assert answer.status_code == 400
    assert "cannot be read" in words(answer)


def test_a_stored_script_is_text(fleet):
    from bedside.audit.entry import SYSTEM
    from bedside.console.devices.actions import DeviceDetails, do_save_device

    script = "<script>alert(1)</script>"
    details = DeviceDetails(
        product="contrast-injector", site="notre-dame", display_name=script, room=script
    )
    do_save_device("CI-66666", details, acting_user=SYSTEM)
    for path in ("/", "/devices/CI-66666/", "/devices/CI-66666/request/"):
        shown = Reader("Marie").get(path).content.decode()
        assert script not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html"), ("/api/v1/devices", "application/problem+json")]
)
def test_a_database_that_is_away_is_said_and_is_no_fault(rf, path, kind):
    for error, status in ((OperationalError("gone"), 503), (ValueError("ours"), 500)):
        try:
            raise error
        except type(error):
            answer = failed(rf.get(path))
        assert answer.status_code == status
        assert ("Retry-After" in answer) == (status == 503)
        if status == 503:
            assert answer["Content-Type"].startswith(kind)

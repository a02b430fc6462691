"""Where the organisation asks for it, a sign-in from another computer is refused by name (S49)."""

import json

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from bedside.console.accounts.actions import do_save_organisation
from bedside.console.accounts.models import Organisation, Workstation
from bedside.console.accounts.queries import user_from_cookies
from bedside.console.accounts.workstations import do_enrol_workstation, do_remove_workstation
from bedside.console.journal.models import JournalRow
from tests.console.pages.reader import Reader, words
from tests.console.passkeys import register_passkey
from tests.console.world import actions_of, person

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def governed():
    """The manufacturer's specialists sign in from an enrolled workstation only."""
    home = Organisation.objects.get(pk="bayard-imaging")
    home.workstation_roles = ["specialist"]
    do_save_organisation(home, acting_user=person("Alex"))


def passkey_of(name: str, *, synced: bool = False) -> Authenticator:
    register_passkey(person(name), synced=synced)
    return Authenticator.objects.filter(user=person(name), type="webauthn").latest("id")


def at(passkey: Authenticator, name: str = "Marie", language: str = "en") -> Reader:
    """A browser in which somebody has just signed in with this passkey."""
    reader = Reader(name, language)
    session = reader.client.session
    session["account_authentication_methods"] = [
        {"method": "mfa", "type": "webauthn", "id": passkey.pk, "at": 9e9}
    ]
    session.save()
    return reader


def cookies(reader: Reader) -> dict[str, str]:
    return {name: morsel.value for name, morsel in reader.client.cookies.items()}


def test_from_the_enrolled_workstation_everything_opens_and_from_another_nothing(governed):
    here, elsewhere = passkey_of("Marie"), passkey_of("Marie")
    do_enrol_workstation(here, acting_user=person("Alex"))
    assert at(here).get("/").status_code == 200
    assert user_from_cookies(cookies(at(here))) is not None
    other = at(elsewhere)
    answer = other.get("/")
    assert answer.status_code == 403
    assert "This computer is not enrolled" in words(answer)
    assert 'data-gate="workstation"' in answer.content.decode()
    assert user_from_cookies(cookies(other)) is None
    assert other.get("/account/second-factor/").status_code == 200


def test_from_a_computer_that_is_not_enrolled_one_adds_the_passkey_that_enrols_it(governed):
    elsewhere = at(passkey_of("Marie"))
    asked = elsewhere.get("/account/second-factor/webauthn/add/")
    while asked.status_code == 302:
        asked = elsewhere.get(asked["Location"])
    assert asked.status_code == 200, words(asked)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Your role signs in from an enrolled workstation"),
        ("fr", "Votre rôle se connecte depuis un poste de travail inscrit"),
    ],
)
def test_without_any_passkey_one_is_told_what_is_lacking(governed, language, sentence):
    reader = Reader("Marie", language)
    answer = reader.get("/")
    assert answer["Location"] == "/account/second-factor/"
    assert sentence in words(reader.get(answer["Location"]))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_refusal_is_journalled_once_with_its_gate(governed, language):
    reader = at(passkey_of("Marie"), language=language)
    for _ in range(3):
        reader.get("/journal/")
    rows = JournalRow.objects.filter(gate="workstation")
    entry = json.loads(rows.get().entry)
    assert (entry["outcome"], entry["actor"]["name"]) == ("refused", "Marie Tremblay")


def test_a_workstation_that_is_taken_away_refuses_from_the_next_page_on(governed):
    here = passkey_of("Marie")
    do_enrol_workstation(here, acting_user=person("Alex"))
    reader = at(here)
    assert reader.get("/").status_code == 200
    do_remove_workstation(here, acting_user=person("Alex"))
    assert reader.get("/").status_code == 403


def test_a_passkey_that_is_copied_between_devices_is_no_workstation(governed):
    with pytest.raises(ValidationError):
        do_enrol_workstation(passkey_of("Marie", synced=True), acting_user=person("Alex"))
    assert not Workstation.objects.exists()


def test_nobody_enrols_their_own(governed):
    with pytest.raises(ValidationError):
        do_enrol_workstation(passkey_of("Alex"), acting_user=person("Alex"))


def test_somebody_elses_workstation_is_nobodys(governed):
    theirs = passkey_of("Sam")
    do_enrol_workstation(theirs, acting_user=person("Alex"))
    passkey_of("Marie")
    assert at(theirs).get("/").status_code == 403


def test_a_code_does_not_stand_for_the_passkey(governed):
    do_enrol_workstation(passkey_of("Marie"), acting_user=person("Alex"))
    location = Reader("Marie").get("/")["Location"]
    assert location.startswith("/account/second-factor/webauthn/reauthenticate/")


def test_where_nobody_asks_for_it_nothing_changes():
    assert at(passkey_of("Marie")).get("/").status_code == 200


def test_an_administrator_enrols_on_the_persons_page(governed):
    marie, here = person("Marie"), passkey_of("Marie")
    page = f"/people/{marie.pk}/workstations/{here.pk}/"
    assert Reader("Julie").post(page).status_code == 404
    assert (
        Reader("Alex").post(f"/people/{person('Sam').pk}/workstations/{here.pk}/").status_code
        == 404
    )
    assert "cannot leave its computer" in Reader("Alex").text(f"/people/{marie.pk}/")
    assert Reader("Alex").post(page).status_code == 302
    assert Workstation.objects.get().enrolled_by == "Alex Martin"
    assert Reader("Alex").post(page, remove="1").status_code == 302
    assert not Workstation.objects.exists()
    assert actions_of()[-1] == "account:workstation:changed"

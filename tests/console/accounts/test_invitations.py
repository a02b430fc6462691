"""An account begins with an invitation: vetted first, one link, used once."""

import logging
import re

import pytest

from bedside.console.accounts.actions import do_invite, do_send_invitation
from bedside.console.accounts.models import Invitation, User
from bedside.console.accounts.queries import state_of
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from tests.console.accounts.people import details
from tests.console.browser import Browser
from tests.console.notices.letters import letters
from tests.console.pages.reader import Reader, words
from tests.console.world import PASSWORD, actions_of, person

pytestmark = pytest.mark.usefixtures("world")
EMAIL = "noe@bayard.example"


@pytest.fixture
def invited(django_capture_on_commit_callbacks):
    """Noé, invited by Alex in French; return the code of the link."""
    with django_capture_on_commit_callbacks(execute=True):
        do_invite(EMAIL, details(name="Noé Roy", language="fr"), acting_user=person("Alex"))
    return code_of(letters()[-1])


def code_of(letter) -> str:
    return re.search(r"/account/invitation/#(\S+)", letter.body)[1]


def accept(code: str, password: str = PASSWORD, again: str | None = None):
    browser = Browser()
    return browser.post(
        "/account/invitation/", code=code, chosen="1", password=password, again=again or password
    )


def test_the_letter_is_in_the_persons_language_and_names_who_invites(invited):
    letter = letters()[-1]
    assert letter.to == [EMAIL]
    assert letter.subject == "Votre compte à la console de service de Bayard Imaging"
    assert "Alex Martin" in letter.body
    assert invited in letter.body


def test_an_invitation_is_accepted_once_and_the_person_signs_in(invited):
    asked = Browser().post("/account/invitation/", code=invited)
    assert "Bienvenue, Noé Roy" in words(asked)
    assert accept(invited)["Location"] == "/account/login/"
    assert state_of(User.objects.get(email=EMAIL)) == "active"
    assert "account:invitation:accepted" in actions_of()
    again = accept(invited, "quite another password here")
    assert again.status_code == 400
    assert "does not open" in words(again)
    browser = Browser()
    answer = browser.post("/account/login/", login=EMAIL, password=PASSWORD)
    assert answer.status_code == 302
    assert browser.get("/")["Location"] == "/account/second-factor/"


def used(code):
    accept(code)


def late(code):
    Invitation.objects.update(expires_ms=now_ms())


def replaced(code):
    do_send_invitation(User.objects.get(email=EMAIL), acting_user=person("Alex"))


def unvetted(code):
    User.objects.filter(email=EMAIL).update(vetted_on=None)


@pytest.mark.parametrize("spoil", [used, late, replaced, unvetted])
def test_what_no_longer_opens_gets_one_and_the_same_answer(invited, spoil):
    spoil(invited)
    opened = Browser().post("/account/invitation/", code=invited)
    unknown = Browser().post("/account/invitation/", code="bdi_unknown")
    assert opened.status_code == unknown.status_code == 400
    assert words(opened).replace(csrf(opened), "") == words(unknown).replace(csrf(unknown), "")


def csrf(answer) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.content.decode())
    return found[1] if found else "no form"


def test_somebody_who_is_not_vetted_is_made_but_not_invited(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        made = do_invite(EMAIL, details(vetted_on=None), acting_user=person("Alex"))
    assert letters() == []
    assert state_of(made) == "invited"
    assert not made.is_active
    answer = Reader("Alex").post(f"/people/{made.pk}/invitation/")
    assert answer.status_code == 400
    assert "No background check is attested" in words(answer)
    assert Browser().post("/account/login/", login=EMAIL, password=PASSWORD).status_code == 200


def test_who_attests_the_background_check_is_kept(invited):
    assert User.objects.get(email=EMAIL).vetted_by == "Alex Martin"
    assert b"Alex Martin" in bytes(
        JournalRow.objects.filter(action="account:person:created").latest("id").entry
    )


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("short", "short", "court"),
        (PASSWORD, PASSWORD + "x", "ne sont pas identiques"),
        ("x" * 300, "x" * 300, "256"),
        ("noe@bayard.example", "noe@bayard.example", "semblable"),
        ("passwordpassword", "passwordpassword", "facile à deviner"),
        ("qwertyuiopasdfghjkl", "qwertyuiopasdfghjkl", "facile à deviner"),
        ("Summer2026Summer2026", "Summer2026Summer2026", "facile à deviner"),
    ],
)
def test_a_password_that_is_refused_uses_nothing_up(invited, password, again, says):
    answer = accept(invited, password, again)
    assert answer.status_code == 400
    assert says in words(answer)
    assert accept(invited)["Location"] == "/account/login/"


def test_the_code_reaches_neither_log_nor_journal_nor_database_nor_referrer(invited, caplog):
    with caplog.at_level(logging.DEBUG):
        opened = Browser().post("/account/invitation/", code=invited)
        accept(invited)
    assert opened["Referrer-Policy"] == "same-origin"
    assert opened["Cache-Control"].count("no-store") == 1
    assert invited not in caplog.text
    assert invited not in str(list(Invitation.objects.values()))
    assert not [row for row in JournalRow.objects.all() if invited.encode() in bytes(row.entry)]
    # The link's code is a fragment: a browser keeps it to itself.
    assert "/account/invitation/#" in letters()[-1].body


@pytest.mark.parametrize("code", ["", "x" * 5000, "\x00", "🔑", "\u202ebdi_x", "'; --"])
def test_codes_of_another_form_are_told_the_same(code):
    answer = Browser().post("/account/invitation/", code=code)
    assert answer.status_code == 400
    assert "does not open" in words(answer)

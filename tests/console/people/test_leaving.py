"""Leaving removes everything in one act; closing keeps what opening gives back."""

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from bedside.console.access.models import ProductRight
from bedside.console.accounts.actions import do_open_account, do_send_invitation
from bedside.console.accounts.models import BrowserSession
from bedside.console.accounts.queries import state_of
from bedside.console.accounts.standing import standing_changed
from bedside.console.journal.actions import now_ms
from bedside.console.people.actions import do_close_person, do_leave
from bedside.console.people.queries import holdings_of
from bedside.console.service_sessions.models import ServiceSession, SessionApproval
from tests.console.browser import Browser
from tests.console.pages.reader import Reader, words
from tests.console.service_sessions.news import requested
from tests.console.world import Api, actions_of, person

pytestmark = pytest.mark.usefixtures("fleet")


@pytest.fixture
def busy():
    """Marie with a browser, a token and a session on its way to the device."""
    browser, session, api = Browser.of("Marie"), requested(), Api("Marie")
    assert api.get("/me").status_code == 200
    return browser, session, api


def holds() -> tuple[int, ...]:
    held = holdings_of(person("Marie"))
    return (held.browsers, held.tokens, held.factors, held.rights, held.sessions)


def test_leaving_takes_everything_at_once(busy):
    browser, session, api = busy
    assert holds() == (1, 1, 1, 1, 1)
    do_leave(person("Marie"), acting_user=person("Alex"))
    assert holds() == (0, 0, 0, 0, 0)
    assert browser.get("/").status_code == 302
    assert api.get("/me").status_code == 401
    session.refresh_from_db()
    assert (session.state, session.ending, session.gate) == ("ended", "revoked", "account")
    marie = person("Marie")
    assert state_of(marie) == "left"
    assert not marie.has_usable_password()
    assert marie.patient_data is False
    assert not Authenticator.objects.filter(user=marie).exists()
    assert not ProductRight.objects.filter(person=marie, end_ms__isnull=True).exists()
    told = set(actions_of()[-4:])
    assert told >= {
        "account:person:left",
        "access:right:changed",
        "session:life:ended",
    }


def test_leaving_is_all_or_nothing(busy):
    def fail(**_more):
        raise OSError("the disk is full")

    standing_changed.connect(fail)
    try:
        with pytest.raises(OSError, match="disk"):
            do_leave(person("Marie"), acting_user=person("Alex"))
    finally:
        standing_changed.disconnect(fail)
    assert holds() == (1, 1, 1, 1, 1)
    assert person("Marie").is_active


def test_closing_ends_what_is_open_and_keeps_the_rest(busy):
    browser, session, api = busy
    do_close_person(person("Marie"), reason="parental leave", acting_user=person("Alex"))
    assert holds() == (0, 0, 1, 1, 0)
    assert browser.get("/").status_code == 302
    assert api.get("/me").status_code == 401
    session.refresh_from_db()
    assert session.state == "ended"
    do_open_account(person("Marie"), acting_user=person("Alex"))
    assert Browser.of("Marie").get("/").status_code == 200
    assert api.get("/me").status_code == 401


def test_whoever_left_comes_back_by_an_invitation_only(busy):
    do_leave(person("Marie"), acting_user=person("Alex"))
    with pytest.raises(ValidationError):
        do_open_account(person("Marie"), acting_user=person("Alex"))
    do_send_invitation(person("Marie"), acting_user=person("Alex"))


def test_the_page_says_what_will_happen_and_asks_for_the_address(busy):
    marie, reader = person("Marie"), Reader("Alex")
    page = f"/people/{marie.pk}/leave/"
    said = reader.text(page)
    for sentence in ("1 browser is signed out", "1 token is revoked", "1 open session ends"):
        assert sentence in said
    wrong = reader.post(page, confirm="somebody@else.example")
    assert wrong.status_code == 400
    assert "not the address" in words(wrong)
    assert person("Marie").is_active
    assert reader.post(page, confirm=" MARIE@bayard.example ").status_code == 302
    assert state_of(person("Marie")) == "left"


def test_nobody_removes_themselves():
    alex = person("Alex")
    answer = Reader("Alex").post(f"/people/{alex.pk}/leave/", confirm=alex.email)
    assert answer.status_code == 400
    assert "Nobody decides about their own rights" in words(answer)


def test_a_site_manager_removes_the_sites_own_people_only():
    from bedside.console.accounts.models import User

    sam = person("Sam")
    page = f"/people/{sam.pk}/leave/"
    assert Reader("Julie").post(page, confirm=sam.email).status_code == 404
    User.objects.filter(pk=sam.pk).update(organisation_id="notre-dame", role="site_approver")
    assert Reader("Julie").post(page, confirm=sam.email).status_code == 302
    assert state_of(person("Sam")) == "left"


def test_an_address_of_a_browser_is_forgotten_with_it(busy):
    assert BrowserSession.objects.filter(started_ms__lte=now_ms()).count() == 1
    do_leave(person("Marie"), acting_user=person("Alex"))
    assert not BrowserSession.objects.exists()


def test_what_an_approver_said_and_nothing_used_is_void():
    session = requested()
    ServiceSession.objects.filter(pk=session.pk).update(state="awaiting_site")
    SessionApproval.objects.create(
        session=session, approver=person("Julie"), approver_name="Julie Gagnon", approved=True,
        at_ms=now_ms(),
    )  # fmt: skip
    do_leave(person("Julie"), acting_user=person("Alex"))
    assert not session.approvals.exists()
    assert "session:approval:voided" in actions_of(session=session.pk)
    session.refresh_from_db()
    assert session.state == "awaiting_site"

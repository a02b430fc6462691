"""Somebody lost passkey and telephone: all they opened ends, and new ones need link and password."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError

from bedside.console.accounts.actions import do_accept_invitation, do_open_account
from bedside.console.accounts.actions import do_send_invitation as do_invite_again
from bedside.console.accounts.authorization import (
    TokenError,
    do_answer_authorization,
    do_redeem_authorization,
    do_start_authorization,
    pending_authorization,
)
from bedside.console.accounts.models import BrowserSession, Organisation, User, Workstation
from bedside.console.accounts.tokens import digest
from bedside.console.accounts.workstations import do_enrol_workstation
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.people.actions import do_close_person, do_leave, do_reset_factors
from bedside.console.service_sessions.models import SessionApproval
from bedside.vocabulary import SiteAction, SiteRule
from tests.console.browser import Browser
from tests.console.browser import code as digits
from tests.console.notices.letters import letters
from tests.console.pages.reader import Reader, confirm, words
from tests.console.passkeys import register_passkey
from tests.console.service_sessions.news import live, requested
from tests.console.service_sessions.test_approvals import Approver
from tests.console.sites.kit import SiteHand
from tests.console.world import Api, actions_of, empowered, person, stale

pytestmark = pytest.mark.usefixtures("fleet")

WHY = "Telephone and key were stolen"
LINK = "/account/new-factors/"
FACTORS = "/account/second-factor/"


def reset(name: str = "Marie", by: str = "Alex") -> str:
    """Take somebody's second factors away; return the code of the link in the letter."""
    do_reset_factors(person(name), reason=WHY, acting_user=person(by))
    return code_of(letters()[-1])


def code_of(letter) -> str:
    return re.search(rf"{LINK}#(\S+)", letter.body)[1]


def arrive(code: str) -> Browser:
    """A browser that came by the link."""
    browser = Browser()
    answer = browser.post(LINK, code=code)
    assert (answer.status_code, answer["Location"]) == (302, "/account/login/")
    return browser


def make_app(browser: Browser):
    """Set up an authenticator app as its page asks."""
    page = browser.get(f"{FACTORS}totp/activate/")
    if page.status_code != 200:
        return page
    # Each look at the page makes another secret: what is typed belongs to the one that was seen.
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())[1]
    typed = {"code": digits(page.context["form"].secret), "csrfmiddlewaretoken": token}
    return browser.client.post(f"{FACTORS}totp/activate/", typed)


def test_everything_that_the_factors_opened_ends_at_once():
    register_passkey(person("Marie"))
    passkey = Authenticator.objects.get(user=person("Marie"), type="webauthn")
    do_enrol_workstation(passkey, acting_user=person("Alex"))
    browser, session, api = Browser.of("Marie"), live(requested()), Api("Marie")
    assert api.get("/me").status_code == 200
    reset()
    assert not Authenticator.objects.filter(user=person("Marie")).exists()
    assert not Workstation.objects.exists()
    assert not BrowserSession.objects.filter(person=person("Marie")).exists()
    assert browser.get("/")["Location"].startswith("/account/login/")
    assert api.get("/me").status_code == 401
    session.refresh_from_db()
    assert (session.state, session.ending, session.gate) == ("ended", "revoked", "account")
    assert Authenticator.objects.filter(user=person("Sam")).exists()


def test_the_journal_says_who_whose_and_why():
    reset()
    line = JournalRow.objects.get(action="account:factors:reset").entry.decode()
    assert '"name":"Alex Martin"' in line
    assert f'"id":"{person("Marie").pk}"' in line
    assert WHY in line
    assert "bdf_" not in line


def test_the_letter_is_in_the_persons_language_and_names_who_and_why():
    reset()
    letter = letters()[-1]
    assert letter.to == ["marie@bayard.example"]
    assert letter.subject == "Vos seconds facteurs à la console de service ont été réinitialisés"
    assert "Alex Martin a retiré vos clés d’accès" in letter.body
    assert WHY in letter.body
    assert "24 heures" in letter.body
    reset("Sam")
    assert "with your password only" in letters()[-1].body


def test_link_and_password_together_make_new_factors_once(django_capture_on_commit_callbacks):
    code = reset()
    browser = arrive(code)
    assert browser.sign_in("Marie").status_code == 302
    assert browser.get("/")["Location"] == FACTORS
    with django_capture_on_commit_callbacks(execute=True):
        assert make_app(browser).status_code == 302
    assert Authenticator.objects.filter(user=person("Marie"), type="totp").count() == 1
    assert person("Marie").factor_link == ""
    assert browser.get("/").status_code == 200
    again = arrive(code)
    again.sign_in("Marie")
    assert again.get("/").status_code == 302
    assert make_app(again).status_code == 302
    assert Authenticator.objects.filter(user=person("Marie"), type="totp").count() == 1


def test_the_password_alone_makes_nothing():
    reset()
    browser = Browser()
    assert browser.sign_in("Marie").status_code == 302
    for path in ("/", FACTORS, f"{FACTORS}totp/activate/", f"{FACTORS}webauthn/add/",
                 "/account/password/", "/account/tokens/new/", "/activate"):  # fmt: skip
        answer = browser.get(path)
        assert answer.status_code == 403, path
        assert "Ouvrez le lien" in words(answer)
    assert make_app(browser).status_code == 403
    assert not Authenticator.objects.filter(user=person("Marie")).exists()


def test_the_link_alone_opens_nothing_and_says_nothing():
    code = reset()
    for guess in (code, "bdf_nothing", "x"):
        browser = arrive(guess)
        for path in ("/", FACTORS, f"{FACTORS}totp/activate/"):
            assert browser.get(path)["Location"].startswith("/account/login/"), path
        assert browser.sign_in("Marie", "not the password").status_code == 200
    assert person("Marie").factor_link == digest(code)


@pytest.mark.parametrize("wrong", ["other", "late", "replaced", "of somebody else"])
def test_a_link_that_is_not_the_newest_open_one_of_this_person_makes_nothing(wrong):
    code = reset()
    if wrong == "other":
        code = "bdf_" + "x" * 43
    elif wrong == "late":
        User.objects.filter(name="Marie Tremblay").update(factor_link_ms=now_ms())
    elif wrong == "replaced":
        reset()
    else:
        code = reset("Sam")
    browser = arrive(code)
    browser.sign_in("Marie")
    assert browser.get(FACTORS).status_code == 403
    assert make_app(browser).status_code == 403
    assert not Authenticator.objects.filter(user=person("Marie")).exists()


def test_the_code_typed_after_signing_in_does_as_well():
    code = reset()
    browser = Browser()
    browser.sign_in("Marie")
    answer = browser.post(LINK, code=code)
    assert answer["Location"] == FACTORS
    assert make_app(browser).status_code == 302
    assert browser.get("/").status_code == 200


def test_somebody_else_in_the_browser_is_signed_out_by_the_link():
    code = reset()
    browser = Browser.of("Sam")
    assert browser.post(LINK, code=code)["Location"] == "/account/login/"
    assert browser.get("/").status_code == 302
    assert Browser.of("Sam").get("/").status_code == 200


@pytest.mark.parametrize("code", ["", " ", "x" * 101])
def test_what_is_no_code_is_asked_for_again(code):
    assert Browser().post(LINK, code=code).status_code == 200


def test_where_the_role_asks_for_a_passkey_the_link_leads_to_one():
    home = Organisation.objects.get(pk="bayard-imaging")
    home.passkey_roles = ["specialist"]
    home.save()
    register_passkey(person("Marie"))
    browser = arrive(reset())
    browser.sign_in("Marie")
    assert browser.get("/")["Location"] == FACTORS
    assert browser.get(f"{FACTORS}webauthn/add/").status_code == 200


def test_what_was_approved_with_a_lost_passkey_is_void():
    julie, hand = Approver(person("Julie")), SiteHand()
    hand.register()
    control = SiteAction.SYSTEM_CONTROL
    hand.publish(
        rules={control: SiteRule.ASK_SITE}, two_approvers=(control,),
        approvers=(julie.passkey.approver,),
    )  # fmt: skip
    assert julie.approve(requested()) is False
    reset("Julie")
    assert not SessionApproval.objects.exists()
    assert "session:approval:voided" in actions_of()


def test_a_program_that_was_let_in_gets_no_token_any_more():
    started = do_start_authorization("bedside-cli", address="192.0.2.9")
    waiting = pending_authorization(started.user_code)
    do_answer_authorization(waiting, allow=True, acting_user=person("Marie"))
    browser = arrive(reset())
    browser.sign_in("Marie")
    assert make_app(browser).status_code == 302
    assert do_redeem_authorization(started.device_code) is TokenError.EXPIRED


def test_nobody_resets_their_own_and_nothing_that_is_not_open():
    with pytest.raises(ValidationError) as refused:
        reset("Alex")
    assert refused.value.code == "oneself"
    for reason in ("", "  "):
        with pytest.raises(ValidationError) as refused:
            do_reset_factors(person("Marie"), reason=reason, acting_user=person("Alex"))
        assert refused.value.code == "reason"
    do_close_person(person("Sam"), reason="x", acting_user=person("Alex"))
    with pytest.raises(ValidationError) as refused:
        reset("Sam")
    assert refused.value.code == "state"
    do_open_account(person("Sam"), acting_user=person("Alex"))
    reset("Sam")
    assert Authenticator.objects.filter(user=person("Alex")).exists()


def test_an_invitation_after_leaving_needs_no_link():
    reset()
    do_leave(person("Marie"), acting_user=person("Alex"))
    do_invite_again(person("Marie"), acting_user=person("Alex"))
    code = re.search(r"/account/invitation/#(\S+)", letters()[-1].body)[1]
    do_accept_invitation(code, "quite another password here")
    browser = Browser()
    browser.sign_in("Marie", "quite another password here")
    assert browser.get("/")["Location"] == FACTORS
    assert browser.get(FACTORS).status_code == 200


# ---- who does it, and from where ----


def test_the_page_asks_why_and_does_it():
    path = f"/people/{person('Marie').pk}/factors/"
    reader = Reader("Alex")
    assert "lost passkey and telephone" in reader.text(path)
    assert reader.post(path, reason="").status_code == 400
    assert reader.post(path, reason="a\u202eb").status_code == 400
    assert reader.post(path, reason=WHY).status_code == 302
    shown = reader.text(f"/people/{person('Marie').pk}/")
    assert "the letter is on its way" in shown
    assert "Taken away: new ones by the link until" in shown
    assert "Réinitialiser les seconds facteurs" in Reader("Alex", "fr").text(path)
    mine = reader.post(f"/people/{person('Alex').pk}/factors/", reason=WHY)
    assert mine.status_code == 400
    assert "Nobody decides about their own rights" in words(mine)


def test_the_page_is_for_whoever_closes_accounts_and_confirmed_who_they_are():
    path = f"/people/{person('Marie').pk}/factors/"
    assert Reader("Marie").get(f"/people/{person('Sam').pk}/factors/").status_code == 404
    assert Reader("Julie").post(path, reason=WHY).status_code == 404
    stale = Reader("Alex")
    confirm(stale.client, "Alex", at=0)
    answer = stale.post(path, reason=WHY)
    assert answer.status_code == 302
    assert "reauthenticate" in answer["Location"]
    assert person("Marie").factor_link == ""


def test_a_site_manager_resets_a_colleague():
    paul = User.objects.create(
        email="paul@notre-dame.example", name="Paul Roy", role="site_approver", country="CA",
        organisation_id="notre-dame", activated_ms=1, vetted_on="2025-02-03",
    )  # fmt: skip
    Reader("Julie").post(f"/people/{paul.pk}/factors/", reason=WHY)
    assert User.objects.get(pk=paul.pk).factor_link


def test_the_api_asks_for_a_fresh_log_in_or_a_token_that_names_it():
    path = f"/people/{person('Marie').pk}/factors/reset"
    answer = stale("Alex").post(path, {"reason": WHY})
    assert (answer.status_code, answer.json()["code"]) == (403, "confirmation_needed")
    assert empowered("Alex").post(path, {"reason": "a\u202eb"}).status_code == 422
    assert person("Marie").factor_link == ""
    assert empowered("Alex").post(path, {"reason": WHY}).status_code == 204
    assert person("Marie").factor_link
    own = f"/people/{person('Alex').pk}/factors/reset"
    assert empowered("Alex").post(own, {"reason": WHY}).status_code == 422
    assert empowered("Julie").post(path, {"reason": WHY}).status_code == 404


def test_the_command_does_it_on_the_consoles_own_machine(capsys):
    call_command("reset_factors", "marie@bayard.example", reason=WHY)
    assert "marie@bayard.example" in capsys.readouterr().out
    assert arrive(code_of(letters()[-1])).sign_in("Marie").status_code == 302
    assert b'"terminal' in JournalRow.objects.get(action="account:factors:reset").entry
    for email, reason in (("nobody@x.example", WHY), ("marie@bayard.example", " ")):
        with pytest.raises(CommandError):
            call_command("reset_factors", email, reason=reason)

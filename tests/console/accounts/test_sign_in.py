import pytest
from django.core.cache import cache
from django.test import Client

from bedside.console.accounts.actions.people import do_close_account
from bedside.console.accounts.models import User
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from tests.console.browser import Browser, code
from tests.console.world import PASSWORD, Api, actions_of, person, without_second_factor

pytestmark = pytest.mark.usefixtures("world")


def test_password_and_code_sign_in_and_both_ends_are_journalled():
    browser = Browser()
    asked = browser.sign_in("Marie")
    assert (asked.status_code, asked["Location"]) == (302, "/account/second-factor/authenticate/")
    assert browser.get("/activate").status_code == 302
    assert browser.show_code()["Location"] == "/"
    assert browser.get("/activate").status_code == 200
    browser.post("/account/logout/")
    assert browser.get("/activate").status_code == 302
    assert actions_of(actor_id=person("Marie").pk)[-2:] == [
        "account:login:succeeded",
        "account:logout:done",
    ]


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer():
    wrong = Browser().sign_in("Marie", "not the password at all")
    unknown = Browser().post(
        "/account/login/", login="nobody@bayard.example", password="not the password at all"
    )
    assert wrong.status_code == unknown.status_code == 200
    says = "The e-mail address or the password is not right."
    assert says in wrong.content.decode()
    assert says in unknown.content.decode()


def test_what_was_typed_for_an_unknown_account_is_not_kept():
    Browser().post("/account/login/", login="my-secret-password", password="x" * 20)
    Browser().post("/account/login/", login="s3cret@secret.example", password="x" * 20)
    rows = JournalRow.objects.filter(action="account:login:failed")
    assert rows.exists()
    assert all(b"secret" not in bytes(row.entry) for row in rows)


@pytest.mark.parametrize("right", [True, False])
def test_failures_in_a_row_lock_an_account_even_for_the_right_password(settings, right):
    limit = settings.CONFIG.sign_in.failures
    for address in range(limit if right is False else limit - 1):
        client = Client(REMOTE_ADDR=f"192.0.2.{address + 1}")
        client.post("/account/login/", {"login": person("Marie").email, "password": "x" * 20})
    browser = Browser()
    browser.client.defaults["REMOTE_ADDR"] = "198.51.100.1"
    answer = browser.sign_in("Marie")
    assert (answer.status_code == 302) is right
    assert ("account:login:locked" in actions_of()) is not right


def test_a_wrong_code_counts_like_a_wrong_password():
    browser = Browser()
    browser.sign_in("Marie")
    answer = browser.show_code(digits="000000")
    assert answer.status_code == 200
    assert User.objects.get(name="Marie Tremblay").failed_sign_ins == 1
    browser.show_code()
    assert User.objects.get(name="Marie Tremblay").failed_sign_ins == 0


def test_wrong_codes_lock_an_account_even_for_the_right_code(settings):
    browser = Browser()
    browser.sign_in("Marie")
    for _ in range(settings.CONFIG.sign_in.failures):
        browser.show_code(digits="000000")
    assert browser.show_code()["Location"] == "/account/login/"
    assert browser.get("/activate").status_code == 302
    assert person("Marie").locked_until_ms > now_ms()


def test_a_stranger_who_locks_an_account_ends_nothing_that_is_signed_in(settings):
    browser, api = Browser.of("Marie"), Api("Marie", "fr")
    for address in range(settings.CONFIG.sign_in.failures):
        stranger = Browser()
        stranger.client.defaults["REMOTE_ADDR"] = f"192.0.2.{address + 1}"
        stranger.sign_in("Marie", "not the password at all")
    assert person("Marie").locked_until_ms > now_ms()
    assert Browser().sign_in("Marie").status_code == 200
    assert browser.get("/account/").status_code == 200
    assert api.get("/me").status_code == 200


def test_closing_an_account_ends_what_is_signed_in_and_the_token_says_why():
    browser, api = Browser.of("Marie"), Api("Marie", "fr")
    do_close_account(person("Marie"), acting_user=person("Alex"), reason="left")
    assert browser.get("/account/").status_code == 302
    answer = api.get("/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "account_closed")
    assert "est fermé" in answer.json()["title"]


def test_a_lock_ends_by_itself_and_a_lock_is_not_extended_by_more_attempts(settings):
    user = person("Marie")
    User.objects.filter(pk=user.pk).update(locked_until_ms=now_ms() + 60_000)
    assert Browser().sign_in("Marie").status_code == 200
    assert person("Marie").locked_until_ms <= now_ms() + 60_000
    User.objects.filter(pk=user.pk).update(locked_until_ms=now_ms() - 1)
    assert Browser().sign_in("Marie").status_code == 302


def test_without_a_second_factor_nothing_opens_but_the_pages_that_make_one():
    without_second_factor("Marie")
    browser = Browser()
    assert browser.sign_in("Marie")["Location"] == "/"
    assert browser.get("/activate")["Location"] == "/account/second-factor/"
    assert browser.get("/account/second-factor/totp/activate/").status_code == 200
    assert browser.get("/account/second-factor/").status_code == 200


def test_the_right_code_again_is_refused():
    digits = code()
    first, second = Browser(), Browser()
    first.sign_in("Marie")
    assert first.show_code(digits=digits)["Location"] == "/"
    second.sign_in("Marie")
    answer = second.post("/account/second-factor/authenticate/", code=digits)
    assert answer.status_code == 200


def test_nobody_makes_an_account_by_the_web():
    assert Browser().get("/account/signup/").status_code == 404
    for path in ("/account/password/reset/", "/admin/", "/account/email/", "/setup/"):
        assert Browser().get(path).status_code == 404


def test_idle_and_absolute_limits_end_a_sign_in(settings):
    browser = Browser.of("Marie")
    session = browser.client.session
    session["seen_ms"] = now_ms() - settings.CONFIG.sign_in.idle_minutes * 60_000 - 1
    session.save()
    assert browser.get("/activate").status_code == 302

    busy = Browser.of("Marie")
    session = busy.client.session
    session["signed_in_ms"] = now_ms() - settings.CONFIG.sign_in.absolute_hours * 3_600_000 - 1
    session.save()
    assert busy.get("/activate").status_code == 302


def test_the_session_changes_its_name_at_sign_in():
    browser = Browser()
    browser.get("/account/login/")
    browser.sign_in("Marie")
    before = browser.client.cookies["bedside_session"].value
    browser.show_code()
    assert browser.client.cookies["bedside_session"].value != before


def test_a_closed_account_signs_in_no_more():
    User.objects.filter(name="Marie Tremblay").update(is_active=False)
    browser = Browser()
    assert browser.sign_in("Marie", PASSWORD)["Location"] == "/account/inactive/"
    assert browser.get("/activate").status_code == 302


def test_a_redirect_after_sign_in_stays_here():
    browser = Browser()
    browser.client.post(
        "/account/login/?next=https://evil.example/",
        {"login": person("Marie").email, "password": PASSWORD},
    )
    login = Client()
    login.post(
        "/account/login/",
        {"login": person("Marie").email, "password": PASSWORD, "next": "https://evil.example/"},
    )
    cache.clear()
    answer = login.post("/account/second-factor/authenticate/", {"code": code()})
    assert answer["Location"] == "/"

"""Who must sign in with a passkey does so: not with a code, not by adding one beside (R1)."""

from dataclasses import replace

import pytest
from allauth.mfa.models import Authenticator

from bedside.console.accounts.actions import do_save_organisation
from bedside.console.accounts.models import Organisation
from bedside.console.accounts.queries import user_from_cookies
from bedside.console.project.config import SignInLimits
from tests.console.pages.reader import Reader, confirm, words
from tests.console.world import Api, person

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def strict(settings):
    """The installation as it comes: administrators and site approvers need a passkey."""
    sign_in = replace(
        settings.CONFIG.sign_in,
        passkey_roles=SignInLimits.__dataclass_fields__["passkey_roles"].default,
    )
    settings.CONFIG = replace(settings.CONFIG, sign_in=sign_in)


def give_passkey(name: str) -> Authenticator:
    data = {"name": "laptop", "credential": {}}
    return Authenticator.objects.create(
        user=person(name), type=Authenticator.Type.WEBAUTHN, data=data
    )


def test_by_default_administrators_and_site_approvers_need_one():
    assert SignInLimits().passkey_roles == ("administrator", "site_approver")


def test_an_administrator_with_a_code_reaches_only_the_page_that_makes_a_passkey(strict):
    reader = Reader("Alex")
    assert reader.get("/")["Location"] == "/account/second-factor/"
    assert "Your role signs in with a passkey" in words(reader.get("/account/second-factor/"))
    assert reader.get("/account/second-factor/webauthn/add/").status_code in (200, 302)
    assert Reader("Marie").get("/").status_code == 200


def test_having_one_is_not_using_it(strict):
    give_passkey("Alex")
    reader = Reader("Alex")
    confirm(reader.client, "Alex", proof="totp")
    for path in ("/", "/people/invite/", "/account/second-factor/webauthn/add/"):
        location = reader.get(path)["Location"]
        assert location.startswith("/account/second-factor/webauthn/reauthenticate/"), path
    confirm(reader.client, "Alex", proof="webauthn")
    assert reader.get("/").status_code == 200
    assert reader.get("/people/invite/").status_code == 200


def test_a_password_confirms_nothing_for_whoever_needs_a_passkey(strict):
    give_passkey("Alex")
    reader = Reader("Alex")
    confirm(reader.client, "Alex", proof="webauthn", at=0)
    session = reader.client.session
    session["account_authentication_methods"] += [{"method": "password", "at": 9e12}]
    session.save()
    assert reader.get("/").status_code == 200
    assert reader.get("/people/invite/").status_code == 302


def test_tokens_and_streams_are_closed_with_the_pages(strict):
    refused = Api("Alex").get("/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "second_factor")
    assert "asks for a passkey" in refused.json()["title"]
    reader = Reader("Alex")
    cookies = {name: morsel.value for name, morsel in reader.client.cookies.items()}
    assert user_from_cookies(cookies) is None
    give_passkey("Alex")
    assert Api("Alex").get("/me").status_code == 200
    assert user_from_cookies(cookies) is None
    confirm(reader.client, "Alex", proof="webauthn")
    assert user_from_cookies(cookies) is not None


def test_an_organisation_asks_it_of_more_roles_and_of_no_fewer(strict):
    site = Organisation.objects.get(pk="notre-dame")
    assert Reader("Julie").get("/").status_code == 200
    site.passkey_roles = ["site_manager"]
    do_save_organisation(site, acting_user=person("Alex"))
    assert Reader("Julie").get("/")["Location"] == "/account/second-factor/"
    home = Organisation.objects.get(pk="bayard-imaging")
    home.passkey_roles = []
    do_save_organisation(home, acting_user=person("Julie"))
    assert Reader("Alex").get("/")["Location"] == "/account/second-factor/"

"""Single sign-on against a real provider process on this machine, and everything it must not open."""

import re
import subprocess
import sys
import time

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from bedside.console.accounts.actions import do_end_single_sign_on, do_save_single_sign_on
from bedside.console.accounts.models import SingleSignOn, User
from bedside.console.journal.models import JournalRow
from bedside.console.people.actions import do_close_person, do_leave
from bedside.demo.processes import free_port
from tests.console.browser import Browser
from tests.console.pages.reader import Reader, words
from tests.console.world import actions_of, person

SECOND_FACTOR = "/account/second-factor/authenticate/"
JULIE = {"email": "julie@notre-dame.example", "email_verified": True}


@pytest.fixture(scope="module")
def provider():
    """A provider's address; it listens on this machine only."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/.well-known/openid-configuration")
        yield url
    finally:
        process.terminate()
        process.wait(60)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            httpx.get(url).raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def hospital(world, provider):
    """The hospital's provider, as its administrator set it up."""
    row = SingleSignOn(
        organisation_id="notre-dame", domains=["notre-dame.example"], server_url=provider,
        client_id="bedside",
    )  # fmt: skip
    do_save_single_sign_on(row, secret="a secret of the tests", acting_user=person("Alex"))
    return provider


def know(provider: str, subject: str, **claims) -> None:
    """Let the provider know a person by these claims."""
    httpx.put(f"{provider}/users/{subject}", json=claims).raise_for_status()


def sign_in(subject: str, client: Client | None = None):
    """Go to the provider and come back as `subject`; return the browser and the console's answer."""
    client = client or Client()
    away = client.get("/account/oidc/notre-dame/login/")
    assert away.status_code == 302, away.content
    assert "code_challenge" in away["Location"]
    back = httpx.post(away["Location"], data={"sub": subject}).headers["Location"]
    return client, client.get(re.sub(r"^https?://[^/]+", "", back))


def test_an_address_leads_to_its_organisations_provider(hospital):
    shown = Browser().post("/account/single-sign-on/", email="anyone@notre-dame.example")
    assert "/account/oidc/notre-dame/login/" in shown.content.decode()
    unknown = Browser().post("/account/single-sign-on/", email="julie@elsewhere.example")
    assert unknown.status_code == 400
    assert "No organisation here" in words(unknown)


def test_an_active_account_is_opened_after_our_own_second_factor(hospital):
    know(hospital, "j1", **JULIE)
    client, answer = sign_in("j1")
    assert answer["Location"] == SECOND_FACTOR
    assert client.get("/").status_code == 302
    assert SocialAccount.objects.get().user == person("Julie")
    browser = Browser()
    browser.client = client
    assert browser.show_code()["Location"] == "/"
    assert client.get("/").status_code == 200
    assert "account:login:succeeded" in actions_of(actor_id=person("Julie").pk)


def test_from_then_on_it_is_the_subject_that_counts(hospital):
    know(hospital, "j1", **JULIE)
    sign_in("j1")
    know(hospital, "j1", email="julie.gagnon@notre-dame.example", email_verified=True)
    assert sign_in("j1")[1]["Location"] == SECOND_FACTOR
    assert SocialAccount.objects.count() == 1


def foreign(provider):
    know(provider, "x", email="marie@bayard.example", email_verified=True)


def unverified(provider):
    know(provider, "x", **{**JULIE, "email_verified": False})


def verified_in_words(provider):
    know(provider, "x", **{**JULIE, "email_verified": "true"})


def nobody(provider):
    know(provider, "x", email="new@notre-dame.example", email_verified=True)


def no_address(provider):
    know(provider, "x", name="Julie Gagnon")


def closed(provider):
    know(provider, "x", **JULIE)
    do_close_person(person("Julie"), reason="x", acting_user=person("Alex"))


def left(provider):
    know(provider, "x", **JULIE)
    do_leave(person("Julie"), acting_user=person("Alex"))


def not_activated(provider):
    know(provider, "x", **JULIE)
    User.objects.filter(name="Julie Gagnon").update(activated_ms=None)


def moved(provider):
    know(provider, "x", **JULIE)
    sign_in("x")
    User.objects.filter(name="Julie Gagnon").update(organisation_id="st-mary")


REFUSED = [foreign, unverified, verified_in_words, nobody, no_address, closed, left,
           not_activated, moved]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_whom_it_must_not_let_in_it_does_not(hospital, case):
    case(hospital)
    people = User.objects.count()
    client, answer = sign_in("x")
    assert answer["Location"] == "/account/login/"
    assert client.get("/").status_code == 302
    assert client.get(SECOND_FACTOR).status_code == 302
    assert User.objects.count() == people
    assert actions_of()[-1] == "account:login:failed"
    assert "did not open an account here" in words(client.get("/account/login/"))


def test_a_forged_or_repeated_answer_opens_nothing(hospital):
    client = Client()
    forged = client.get("/account/oidc/notre-dame/callback/?code=x&state=y")
    assert forged["Location"] == "/account/login/"
    know(hospital, "j1", **JULIE)
    away = client.get("/account/oidc/notre-dame/login/")["Location"]
    back = httpx.post(away, data={"sub": "j1"}).headers["Location"]
    path = re.sub(r"^https?://[^/]+", "", back)
    other = Client().get(path)
    assert other["Location"] == "/account/login/"


@pytest.mark.parametrize(("amr", "asked"), [(["pwd", "mfa"], False), (["pwd"], True),
                                            ("mfa", True), (None, True)])  # fmt: skip
def test_the_providers_second_factor_counts_where_it_is_trusted_and_asserted(hospital, amr, asked):
    SingleSignOn.objects.update(trusts_second_factor=True)
    claims = {} if amr is None else {"amr": amr}
    know(hospital, "j1", **JULIE, **claims)
    _, answer = sign_in("j1")
    assert (answer["Location"] == SECOND_FACTOR) is asked


def test_it_does_not_count_untrusted_nor_where_the_role_asks_for_a_passkey(hospital):
    know(hospital, "j1", **JULIE, amr=["mfa"])
    assert sign_in("j1")[1]["Location"] == SECOND_FACTOR
    SingleSignOn.objects.update(trusts_second_factor=True)
    person("Julie").organisation.__class__.objects.filter(pk="notre-dame").update(
        passkey_roles=["site_manager"]
    )
    assert sign_in("j1")[1]["Location"] == SECOND_FACTOR


def test_a_provider_that_is_away_is_said_so(hospital):
    SingleSignOn.objects.update(server_url="http://127.0.0.1:1")
    client = Client()
    assert client.get("/account/oidc/notre-dame/login/")["Location"] == "/account/login/"
    assert client.get("/account/oidc/nowhere/login/").status_code == 404


def test_ending_it_forgets_whom_the_provider_named(hospital):
    know(hospital, "j1", **JULIE)
    sign_in("j1")
    do_end_single_sign_on(SingleSignOn.objects.get(), acting_user=person("Alex"))
    assert not SocialAccount.objects.exists()
    assert Client().get("/account/oidc/notre-dame/login/").status_code == 404


STATED = {"domains": "st-mary.example", "server_url": "https://login.st-mary.example",
          "client_id": "bedside", "client_secret": "the secret of the provider"}  # fmt: skip


def test_an_administrator_sets_it_up_and_the_secret_is_kept_sealed(hospital):
    page = "/organisations/st-mary/single-sign-on/"
    assert Reader("Julie").post(page, **STATED).status_code == 404
    assert Reader("Marie").post(page, **STATED).status_code == 403
    reader = Reader("Alex")
    assert reader.post(page, **STATED).status_code == 302
    row = SingleSignOn.objects.get(pk="st-mary")
    assert "secret of" not in row.client_secret
    assert "secret of" not in reader.get(page).content.decode()
    assert not [r for r in JournalRow.objects.all() if b"secret of" in bytes(r.entry)]
    assert actions_of()[-1] == "account:sign_on:changed"
    assert reader.post(page, end="1").status_code == 302
    assert not SingleSignOn.objects.filter(pk="st-mary").exists()


@pytest.mark.parametrize(
    "changed",
    [{"domains": ""}, {"domains": "-x"}, {"domains": "a b"}, {"domains": "notre-dame.example"},
     {"domains": "st-mary.example bayard.example"},
     {"domains": "é.example"}, {"server_url": "http://login.st-mary.example"},
     {"server_url": "javascript:alert(1)"}, {"server_url": "x" * 400}, {"client_id": "a\u202eb"},
     {"client_id": ""}, {"client_secret": ""}, {"client_secret": "x" * 600}],
)  # fmt: skip
def test_a_provider_that_cannot_be_is_refused(hospital, changed):
    answer = Reader("Alex").post("/organisations/st-mary/single-sign-on/", **{**STATED, **changed})
    assert answer.status_code == 400
    assert not SingleSignOn.objects.filter(pk="st-mary").exists()

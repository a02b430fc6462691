"""The pages about people in a real browser: accessible, fitting, and an invitation to its end."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.console.pages.codes import code
from tests.console.pages.running import PHONE, WIDE
from tests.console.world import PASSWORD

PAGES = {
    "Alex": ["/people/", "/people/?q=nobody+at+all", "/locks/", "/people/invite/", "PERSON", "PERSON/edit/",
             "PERSON/train/", "PERSON/close/", "PERSON/factors/", "PERSON/leave/", "NEWCOMER", "/people/training/",
             "/people/review/", "/people/review/?due=on", "/organisations/",
             "/organisations/bayard-imaging/", "/organisations/st-mary/single-sign-on/", "/organisations/new/"],
    "Marie": ["/account/", "/account/tokens/", "/account/tokens/new/", "/account/browsers/"],
    # Whatever of allauth's a person reaches; Sam has every factor, Nora none yet.
    "Sam": ["/account/reauthenticate/", "FACTORS/reauthenticate/", "FACTORS/webauthn/reauthenticate/",
            "FACTORS/", "FACTORS/totp/deactivate/", "FACTORS/recovery-codes/",
            "FACTORS/recovery-codes/generate/", "FACTORS/webauthn/", "FACTORS/webauthn/add/",
            "FACTORS/webauthn/keys/PASSKEY/edit/", "FACTORS/webauthn/keys/PASSKEY/remove/",
            "/account/logout/", "/account/password/"],
    "Nora": ["FACTORS/", "FACTORS/totp/activate/"],
    None: ["/account/inactive/", "/account/invitation/", "/account/new-factors/", "/account/single-sign-on/"],
}  # fmt: skip
VIEWS = {
    "en": [("light", WIDE), ("dark", PHONE)],
    "fr": [("dark", WIDE), ("light", PHONE)],
}


@pytest.fixture(scope="module")
def people(console):
    """Ids by first name, and somebody who was invited without a background check."""
    return json.loads(console.run("tests.console.pages.acts", "people"))


def address(path: str, people: dict[str, str]) -> str:
    path = path.replace("PERSON", f"/people/{people['Marie']}")
    path = path.replace("FACTORS", "/account/second-factor")
    path = path.replace("PASSKEY", str(people["passkey"]))
    path = path.replace("NEWCOMER", f"/people/{people['Zoé']}")
    return path if "?" in path or path.endswith("/") else f"{path}/"


@pytest.mark.parametrize("language", VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_and_fits(visit, people, name, language):
    visitor = visit(name, language=language)
    for path in PAGES[name]:
        page = visitor.open(address(path, people))
        assert page.locator(".skip + *, main").count() > 0
        assert page.locator("html").get_attribute("lang") == language
        for theme, viewport in VIEWS[language]:
            visitor.look(theme, viewport)
            expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
            where = f"{path}, {theme}, {viewport['width']} px"
            assert visitor.faults() == [], where
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], f"{where} scrolls sideways: {width} px"


def test_confirming_speaks_our_own_french(visit, people):
    page = visit("Sam", language="fr").open("/account/reauthenticate/")
    ways = page.locator(".actions a").all_inner_texts()
    assert sorted(ways) == [
        "Utiliser une application ou un code de secours", "Utiliser une clé d’accès",
    ]  # fmt: skip
    assert "'" not in page.locator("main").inner_text()


def test_a_refused_form_is_accessible_too(visit):
    visitor = visit("Alex", language="fr")
    page = visitor.open("/people/invite/")
    page.get_by_label("Nom").first.fill("x" * 120)
    page.get_by_label("Travaille").fill("c1")
    page.get_by_role("button", name="Inviter").click()
    expect(page.locator(".errorlist").first).to_be_visible()
    assert visitor.faults() == []
    visitor.complaints[:] = [text for text in visitor.complaints if "400" not in text]


def test_an_invitation_from_the_link_to_the_first_page(visit, console):
    link = console.run("tests.console.pages.acts", "invite", "lea@bayard.example").strip()
    path = "/account/invitation/#" + link.split("#")[1]
    visitor = visit(language="en")
    page = visitor.open(path)
    # The letter is French, and so is the page, whatever this browser spoke before.
    expect(page.get_by_role("heading", level=1)).to_have_text("Bienvenue, Léa Côté")
    assert link.split("#")[1] not in page.url
    assert visitor.faults() == []
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_label("Le même, encore une fois").fill(PASSWORD)
    page.get_by_role("button", name="Activer mon compte").click()
    expect(page.get_by_text("Votre compte est actif")).to_be_visible()
    page.get_by_label("Courriel").fill("lea@bayard.example")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Continuer").click()
    expect(page.get_by_text("Configurez d’abord")).to_be_visible()
    page.get_by_role("link", name="Configurer").click()
    secret = page.locator("#authenticator_secret").inner_text()
    page.get_by_label("Code").fill(code(secret))
    page.get_by_role("button", name="Activer").click()
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Confirmer").click()
    expect(page.locator("#recovery_codes")).to_be_visible()
    # The link is used up.
    other = visit(language="en")
    gone = other.open(path)
    expect(gone.get_by_role("heading", level=1)).to_have_text("This invitation does not open")
    other.complaints[:] = [text for text in other.complaints if "400" not in text]


def test_a_token_is_made_and_shown_once(visit):
    visitor = visit("Marie", language="en")
    page = visitor.open("/account/tokens/new/")
    page.get_by_label("What it is for").fill("nightly report")
    page.get_by_label("Read devices").check()
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("#token-secret")).to_have_text(re.compile("^bdt_"))
    assert visitor.faults() == []
    page.get_by_role("link", name="Tokens for programs").first.click()
    expect(page.locator(".rows")).to_contain_text("nightly report")
    assert "bdt_" not in page.content()
    assert visitor.faults() == []


def test_somebody_leaves_by_the_page(visit, people):
    visitor = visit("Alex", language="en")
    page = visitor.open(f"/people/{people['Zoé']}/leave/")
    page.get_by_label("Type zoe@bayard.example to confirm").fill("zoe@bayard.example")
    page.get_by_role("button", name="Remove everything").click()
    expect(page.get_by_text("has left: everything is removed")).to_be_visible()
    assert visitor.faults() == []


def test_every_place_is_in_one_row_at_the_head_of_every_page(visit):
    visitor = visit("Alex", language="fr", viewport=WIDE)
    for path in ("/", "/devices/CI-20417/", "/people/"):
        places = visitor.open(path).locator("header .places a")
        assert "Personnes" in places.all_inner_texts()
        tops = {place.bounding_box()["y"] for place in places.all()}
        assert len(tops) == 1, path
        assert visitor.page.locator("header .tools").bounding_box()["y"] <= tops.pop() + 10, path


def test_rules_are_shown_and_made_as_a_browser_sends_them(visit):
    visitor = visit("Alex", language="en")
    page = visitor.open("/policy/")
    show = page.get_by_role("button", name="Show what this does")
    show.click()
    expect(page.locator("#preview-block")).to_contain_text("Nobody loses access")
    was = page.locator("[name=rule-0-join_view]").is_checked()
    for wanted in (not was, was):
        page.locator("[name=rule-0-join_view]").set_checked(wanted)
        show.click()
        expect(page.locator("#preview-block")).to_be_visible()
        page.get_by_role("button", name="Apply these rules").click()
        expect(page.get_by_text("The rules apply from now on.")).to_be_visible()
        expect(page.locator("[name=rule-0-join_view]")).to_be_checked(checked=wanted)
    assert visitor.faults() == []

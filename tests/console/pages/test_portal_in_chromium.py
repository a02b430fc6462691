"""A hospital decides in a real browser, with a real authenticator of Chromium's (N3)."""

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import expect

from bedside.pki.signing import SITE_POLICY, KeySigner, public_key_pem, sign_envelope
from bedside.protocol.codec import Fields
from bedside.protocol.site import Approver, SitePolicy
from bedside.vocabulary import SiteAction, SiteRule
from tests.console.pages.running import PHONE, WIDE, Visitor, running_browser, running_console
from tests.console.world import DEVICE, PASSWORD

PAGES = ["/sites/notre-dame/", "/sites/notre-dame/windows/", "/sites/notre-dame/policy/",
         "/sites/notre-dame/contacts/",
         f"/devices/{DEVICE}/break-glass/", "APPROVE", "WATCH"]  # fmt: skip
VIEWS = [("en", "light", WIDE), ("fr", "dark", PHONE)]


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with running_console(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with running_browser() as running:
        yield running


class Hospital:
    """Julie at her browser, with a passkey, and the site's key in a drawer of her own."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page = visitor.page
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.serial = 0
        self.authenticator = visitor.give_authenticator()

    def add_passkey(self) -> Approver:
        self.visitor.open("/account/second-factor/webauthn/add/")
        if "reauthenticate" in self.page.url:
            self.page.get_by_label("Password").fill(PASSWORD)
            self.page.get_by_role("button", name="Confirm").click()
        self.page.get_by_role("button", name="Add a passkey").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(
            re.compile("asskeys|Recovery")
        )
        self.visitor.open("/sites/notre-dame/")
        with self.page.expect_download() as downloading:
            self.page.get_by_role("link", name="approver.json").click()
        told = json.loads(Path(downloading.value.path()).read_text())
        (mine,) = told["approvers"]
        del mine["passkey"]
        return Approver.from_fields(Fields(mine))

    def register_key(self) -> None:
        self.visitor.open("/sites/notre-dame/policy/")
        self.page.get_by_text("Register a key").click()
        self.page.get_by_label("Public key of the site").fill(public_key_pem(self.key.public_key()))
        self.page.get_by_role("button", name="Register").click()
        expect(self.page.get_by_text("This console can check with it")).to_be_visible()

    def publish(self, *approvers: Approver) -> None:
        self.serial += 1
        policy = SitePolicy(
            site="notre-dame", serial=self.serial, issued_ms=1_795_435_200_000,
            timezone="America/Toronto",
            rules={**dict.fromkeys(SiteAction, SiteRule.ASK_DEVICE),
                   SiteAction.SYSTEM_CONTROL: SiteRule.ASK_SITE},
            ticket=(), two_approvers=(), window=(), weekly=(), single=(), approvers=approvers,
        )  # fmt: skip
        signed = sign_envelope(policy.to_bytes(), SITE_POLICY, KeySigner(self.key))
        self.visitor.open("/sites/notre-dame/policy/")
        file = {"name": "policy.signed", "mimeType": "application/json", "buffer": signed}
        self.page.get_by_label("Signed policy").set_input_files(file)
        self.page.get_by_role("button", name="Publish").click()
        expect(self.page.get_by_text(f"Policy {self.serial}", exact=True)).to_be_visible()


@pytest.fixture(scope="module")
def hospital(browser, console):
    visitor = Visitor(browser, console).sign_in("Julie")
    hospital = Hospital(visitor)
    hospital.register_key()
    hospital.publish(hospital.add_passkey())
    yield hospital
    complaints = [text for text in visitor.complaints if "(Not Found)" not in text]
    visitor.close()
    assert complaints == []


def asked(console) -> str:
    return console.run("tests.console.pages.asking", "system", "control").split()[-1]


def live_session(console) -> str:
    return console.run("tests.console.pages.acts", "live").strip()


def test_a_request_is_approved_with_a_passkey(hospital, console):
    session = asked(console)
    page = hospital.visitor.open("/sites/notre-dame/")
    page.locator(f"#ask-{session}").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Marie Tremblay asks for")
    page.get_by_role("button", name="Approve with a passkey").click()
    expect(page.get_by_text("the device verifies it before it asks anybody")).to_be_visible()
    expect(page.get_by_text("On its way to the device").first).to_be_visible()


def test_a_request_is_refused_with_a_reason(hospital, console):
    session = asked(console)
    page = hospital.visitor.open(f"/sessions/{session}/approve/")
    page.get_by_label("Reason").fill("Not before noon")
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_text("The request is refused. Nothing was opened.")).to_be_visible()


def test_a_passkey_that_does_not_know_its_person_approves_nothing(hospital, console):
    session = asked(console)
    hospital.authenticator.recognises(yes=False)
    page = hospital.visitor.open(f"/sessions/{session}/approve/")
    page.get_by_role("button", name="Approve with a passkey").click()
    expect(page.get_by_text("Nothing was approved")).to_be_visible()
    hospital.authenticator.recognises(yes=True)
    hospital.visitor.open(f"/sessions/{session}/")
    expect(page.get_by_text("Waiting for the site's approval").first).to_be_visible()


@pytest.mark.parametrize(("language", "theme", "viewport"), VIEWS)
def test_every_page_of_the_portal_is_accessible_and_fits(
    hospital, console, browser, language, theme, viewport
):
    session, live = asked(console), live_session(console)
    visitor = Visitor(browser, console, language=language, theme=theme, viewport=viewport)
    visitor.sign_in("Julie")
    for path in PAGES:
        places = {"APPROVE": f"/sessions/{session}/approve/", "WATCH": f"/sessions/{live}/watch/"}
        page = visitor.open(places.get(path, path))
        assert visitor.faults() == [], path
        assert visitor.stuck() == [], path
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], f"{path} scrolls sideways: {width} px"
    visitor.close()
    assert visitor.complaints == []


def test_the_hospital_watches_each_act_before_its_eyes_and_ends_the_session(console, browser):
    session = live_session(console)
    visitor = Visitor(browser, console, viewport=PHONE).sign_in("Julie")
    page = visitor.open("/sites/notre-dame/")
    page.locator(f"#watch-{session}").click()
    expect(page.locator("#following")).to_have_text("Live")
    expect(page.locator(".acts li").first).to_contain_text("Channel refused")
    for words in ("systemctl status injector", "reboot"):
        console.run("tests.console.pages.acts", "command", session, words)
        expect(page.locator(".acts li").first).to_contain_text(words)
        expect(page.locator("#watch-said")).to_contain_text(words)  # what a screen reader says
    assert "systemctl" not in page.locator("#watch-said").inner_text()  # each act once
    page.mouse.wheel(0, 4000)
    expect(page.locator("#end")).to_be_in_viewport()
    page.locator("#end").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Reason").fill("An exam begins")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ended by the site.").first).to_be_visible()
    expect(page.locator(".line li.now")).to_contain_text("An exam begins")
    visitor.close()
    assert visitor.complaints == []

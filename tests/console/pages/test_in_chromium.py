"""The pages in a real browser before a real console: sign-in, every page judged, what is live.

Whatever a page's content policy refuses, and whatever a script throws, fails the test.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.console.pages.codes import code
from tests.console.pages.running import PHONE, WIDE, Visitor
from tests.console.pages.seed import CASE
from tests.console.world import DEVICE, PASSWORD, TOTP

REQUEST = f"/devices/{DEVICE}/request/?access=system&mode=control&case=C-88213&reason=E12"
SIMULATED = (
    f"/policy/simulator/?device={DEVICE}&access=system&mode=control&minutes=30&level=3&country=CA"
)
# What a person meets, by who may see it.
PAGES = {
    "Marie": ["/", "/?q=nothing+like+this", f"/devices/{DEVICE}/", "/devices/CI-20502/", REQUEST,
              "/devices/CI-20418/request/", "/sessions/", "SESSION", "REFUSED", "SESSION/end/",
              "/journal/", "ENTRY", "/account/", "/account/second-factor/", "/account/password/",
              "/activate", "/no/such/page"],
    "Alex": ["/devices/CI-20418/", "/devices/CI-20418/unlock/", f"/devices/{DEVICE}/lock/",
             f"/devices/{DEVICE}/revoke/", f"/devices/{DEVICE}/enrol/", "/journal/", "/policy/", "/policy/contracts/",
             SIMULATED, "/policy/simulator/", "/cases/", f"/cases/{CASE}/", "/alarms/", "/relays/", "/relays/a/retire/", "/notices/", "/sites/", "/sites/st-mary/"],
    None: ["/account/login/"],
}  # fmt: skip
VIEWS = {
    "en": [("light", WIDE), ("dark", PHONE)],
    "fr": [("dark", WIDE), ("light", PHONE)],
}


def address(visitor: Visitor, path: str) -> str:
    """Return a page's address; some are known only once the list is seen."""
    if path.startswith(("SESSION", "REFUSED")):
        rows = visitor.open("/sessions/").locator(".rows td.main a")
        found = rows.nth(-1 if path == "REFUSED" else rows.count() - 3).get_attribute("href")
        return f"{found}{path.removeprefix('SESSION').removeprefix('REFUSED').lstrip('/')}"
    if path == "ENTRY":
        rows = visitor.open("/journal/?action=session:request:allowed").locator(".rows td.main a")
        return rows.first.get_attribute("href")
    return path


@pytest.mark.parametrize("language", VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_and_fits(visit, name, language):
    visitor = visit(name, language=language)
    for path in PAGES[name]:
        page = visitor.open(address(visitor, path))
        assert page.locator("html").get_attribute("lang") == language
        for theme, viewport in VIEWS[language]:
            visitor.look(theme, viewport)
            where = f"{path}, {theme}, {viewport['width']} px"
            expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
            assert visitor.faults() == [], where
            assert visitor.stuck() == [], where
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], f"{where} scrolls sideways: {width} px"


def test_axe_would_find_a_fault(visit):
    visitor = visit()
    page = visitor.open("/account/login/")
    page.evaluate("() => { document.querySelector('label').remove() }")
    assert any("label" in fault for fault in visitor.faults())


def test_an_inline_script_would_be_refused_and_heard(visit):
    visitor = visit()
    page = visitor.open("/account/login/")
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.broken = 1';"
        " document.body.append(s) }"
    )
    assert page.evaluate("window.broken") is None
    assert any("Content Security Policy" in text for text in visitor.complaints)
    visitor.complaints.clear()


REACH = """() => {
  const all = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const shown = (e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled
    && !(e.type === 'radio' && !e.checked);
  window.key = (e) => [e.tagName, e.id, e.name, e.value, e.href, e.textContent.trim()].join('|');
  return Array.from(document.querySelectorAll(all)).filter(shown).map(window.key);
}"""
FOCUSED = """() => {
  const e = document.activeElement;
  const ring = e.closest('.choice') ?? e;
  return [window.key(e), getComputedStyle(ring).outlineStyle !== 'none'];
}"""


@pytest.mark.parametrize(
    "path", ["/", f"/devices/{DEVICE}/", REQUEST, "/sessions/", "SESSION", "/journal/", "ENTRY"]
)
def test_everything_is_reached_by_the_keyboard_and_seen_to_be(visit, path):
    visitor = visit("Marie")
    page = visitor.open(address(visitor, path))
    wanted = set(page.evaluate(REACH))
    for _ in range(2 * len(wanted) + 10):
        page.keyboard.press("Tab")
        reached, seen = page.evaluate(FOCUSED)
        assert seen or reached not in wanted, f"no focus is seen on {reached}"
        wanted.discard(reached)
    assert wanted == set()


def test_a_person_signs_in_with_password_and_code(visit):
    visitor = visit(language="fr")
    page = visitor.open("/")
    page.get_by_label("Courriel").fill("sam@bayard.example")
    page.get_by_label("Mot de passe").fill("not the password at all")
    page.get_by_role("button", name="Continuer").click()
    expect(page.get_by_role("alert").first).to_contain_text("inexact")
    page.get_by_label("Courriel").fill("sam@bayard.example")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Continuer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second facteur")
    assert visitor.faults() == []
    page.get_by_label("Code", exact=True).fill(code(TOTP))
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Parc")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Se connecter")


def confirm(page) -> None:
    """Give the password once more where the page asks whether it is still the same person."""
    page.wait_for_load_state("load")
    if "reauthenticate" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()


def test_a_newcomer_sets_up_a_second_factor_then_a_passkey_and_signs_in_with_it(visit):
    visitor = visit()
    page = visitor.open("/")
    visitor.give_authenticator()
    page.get_by_label("Email").fill("nora@bayard.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Set up a second factor first")).to_be_visible()
    visitor.open("/journal/")
    expect(page.get_by_text("Set up a second factor first")).to_be_visible()
    page.get_by_role("link", name="Set up").click()
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    assert visitor.faults() == []
    page.get_by_label("Authenticator code").fill(
        code(page.locator("#authenticator_secret").inner_text())
    )
    page.get_by_role("button", name="Activate").click()
    confirm(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    assert page.locator("#recovery_codes li").count() == 10
    assert visitor.faults() == []
    page.get_by_label("I have kept my recovery codes").check()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label(re.compile("without a password")).check()
    assert visitor.faults() == []
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("passkeys|Passkeys"))
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fleet")


def test_no_passkey_is_said_on_the_page(visit):
    visitor = visit()
    page = visitor.open("/account/login/")
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new Error('no')) }")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("#passkey-error")).to_be_visible()
    assert visitor.faults() == []


def test_a_program_is_let_in(visit, console):
    typed = console.run("tests.console.pages.acts", "begin", "bedside on laptop").strip()
    visitor = visit("Marie")
    page = visitor.open("/activate")
    page.get_by_label("Code").fill(typed.lower())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("bedside on laptop")).to_be_visible()
    assert visitor.faults() == []
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The program is signed in")


def test_the_request_page_answers_as_it_is_typed(visit):
    page = visit("Marie").open(f"/devices/{DEVICE}/request/")
    expect(page.locator("#answer")).to_contain_text("Not complete yet")
    page.get_by_label("Case").fill("C-88213")
    page.get_by_label("Reason").fill("It's E12")
    page.get_by_role("radio", name=re.compile("Control")).check()
    expect(page.locator("#answer")).to_contain_text("Would be allowed")
    command = page.locator("#ask-command")
    expect(command).to_contain_text("--mode control")
    expect(command).to_contain_text("""--reason 'It'"'"'s E12'""")
    files = page.get_by_role("checkbox", name=re.compile("Files from the device"))
    files.focus()
    page.keyboard.press("Space")
    expect(command).to_contain_text("--files out")
    expect(page.locator("#answer")).to_contain_text("What goes with it: Files from the device.")


def test_a_session_moves_before_ones_eyes_and_ends(visit, console):
    session = console.run("tests.console.pages.acts", "ask", "Marie", "CI-20431").strip()
    page = visit("Marie").open(f"/sessions/{session}/")
    expect(page.locator("#following")).to_have_text("Live")
    expect(page.locator(".line li")).to_have_count(2)
    console.run("tests.console.pages.acts", "answer", session)
    expect(page.locator(".line li")).to_have_count(4)
    expect(page.locator(".line li.now")).to_contain_text("Nadia Roy")
    page.get_by_role("link", name="End").click()
    page.get_by_role("button", name="End the session").click()
    expect(page.get_by_text("Ended by the specialist.").first).to_be_visible()


def test_presence_changes_without_a_reload(visit, console):
    page = visit("Marie").open("/")
    row = page.locator("#device-CI-20390")
    expect(page.locator("#following")).to_have_text("Live")
    expect(row).to_contain_text("Online")
    console.run("tests.console.pages.acts", "leave", "CI-20390")
    expect(row).to_contain_text("Offline")


def test_a_lost_stream_is_said_and_the_page_asks_by_itself(visit, console):
    visitor = visit("Marie")
    visitor.page.route("**/live/**", lambda route: route.abort())
    session = console.run("tests.console.pages.acts", "ask", "Marie", "CI-20431").strip()
    page = visitor.open(f"/sessions/{session}/")
    expect(page.locator("#following")).to_contain_text("The live stream is lost")
    console.run("tests.console.pages.acts", "answer", session)
    expect(page.locator(".line li")).to_have_count(4, timeout=15_000)
    visitor.complaints[:] = [text for text in visitor.complaints if "ERR_FAILED" not in text]


def test_the_browser_verifies_the_journal_by_itself(visit):
    visitor = visit("Alex")
    page = visitor.open("/journal/?device=CI-20431")
    page.get_by_role("button", name="Verify this page").click()
    report = page.locator("#verification")
    expect(report).to_have_attribute("data-result", "good")
    expect(report).to_contain_text("The checkpoint is signed by the key of the journal.")
    assert page.locator("[data-verdict=good]").count() > 3
    assert visitor.faults() == []


def test_a_changed_entry_is_found_by_the_browser(visit):
    visitor = visit("Alex")

    def forge(route):
        answer = route.fetch()
        told = answer.json()
        # One letter of one line, as a console that lies would send it.
        told["entries"][0]["line"] = "eyJh" + told["entries"][0]["line"][4:-4] + "fX0="
        route.fulfill(response=answer, json=told)

    visitor.page.route("**/journal/proofs/**", forge)
    page = visitor.open("/journal/?device=CI-20431")
    page.get_by_role("button", name="Verify this page").click()
    expect(page.locator("#verification")).to_have_attribute("data-result", "bad")
    assert page.locator("[data-verdict=bad]").count() == 1


def test_the_theme_is_chosen_and_kept(visit):
    page = visit(theme="light").open("/account/login/")
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_language_is_chosen_and_kept(visit):
    page = visit(language="en").open("/account/login/")
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Se connecter")


def test_a_session_that_is_joined_says_so_before_ones_eyes(visit, console):
    host = console.run("tests.console.pages.acts", "go-abroad").strip()
    sam = visit("Sam", viewport=PHONE)
    page = sam.open(f"/sessions/{host}/")
    expect(page.get_by_role("heading", name="Join to watch")).to_be_visible()
    assert sam.faults() == []
    join = console.run("tests.console.pages.acts", "join", host).strip()
    for language in ("fr", "en"):
        visitor = visit("Marie", language=language, viewport=PHONE)
        page = visitor.open(f"/sessions/{host}/")
        expect(page.locator("[aria-labelledby=joined]")).to_contain_text("Sam Okafor")
        assert visitor.faults() == []
        visitor.open(f"/sessions/{join}/")
        assert visitor.faults() == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

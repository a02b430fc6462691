"""A hospital around a world: its mail, its people at real browsers, its own key in a drawer."""

import json
import mailbox
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Locator, Page, expect

from bedside.demo.check import Journey
from bedside.demo.people import DEVICE, JULIE, Person
from bedside.demo.processes import free_port, wait_for
from bedside.demo.world import World
from bedside.pki.fingerprints import fingerprint_words
from bedside.protocol.site import SitePolicy
from bedside.protocol.windows import SingleWindow
from bedside.site.draft import parse_draft
from bedside.site.keys import load_signing_key, load_site_key
from bedside.site.signing import sign_policy
from bedside.vocabulary import SiteAction
from tests.console.pages.running import Visitor

__all__ = [
    "FRENCH_DESK",
    "NIGHT_DESK",
    "SITE",
    "Desk",
    "Desks",
    "Hospital",
    "Mailroom",
    "administer",
]

SITE = "notre-dame"
FRENCH_DESK = "informatique@notre-dame.example"
NIGHT_DESK = "night-desk@notre-dame.example"
_PAGE = {
    "fr": {"email": "Courriel", "password": "Mot de passe", "next": "Continuer",
           "code": "Code", "in": "Se connecter", "confirm": "Confirmer"},
    "en": {"email": "Email", "password": "Password", "next": "Continue",
           "code": "Code", "in": "Sign in", "confirm": "Confirm"},
}  # fmt: skip


def administer(world: World, **tables: dict[str, Any]) -> None:
    """Change values of the console's configuration, as its administrator does with an editor."""
    told: dict[str, Any] = tomllib.loads(world.console_config.read_text("utf-8"))
    for name, values in tables.items():
        told.setdefault(name, {}).update(values)
    lines = [
        f"{name} = {json.dumps(value)}"
        for name, value in told.items()
        if not isinstance(value, dict)
    ]
    for name, values in told.items():
        if isinstance(values, dict):
            lines += [
                f"[{name}]",
                *(f"{key} = {json.dumps(value)}" for key, value in values.items()),
            ]
    world.console_config.write_text("\n".join([*lines, ""]), encoding="utf-8")


class Mailroom:
    """A real SMTP server, in a process of its own, that keeps what arrives."""

    def __init__(self, world: World) -> None:
        self._folder = world.folder / "mail"
        self.port = free_port()
        words = ["-n", "-l", f"127.0.0.1:{self.port}", "-c", "aiosmtpd.handlers.Mailbox"]
        world.processes.start("mail", [sys.executable, "-m", "aiosmtpd", *words, str(self._folder)])

    def letters(self, to: str = "") -> list[EmailMessage]:
        """Return what has arrived for an address, or for all, oldest first."""
        if not self._folder.exists():
            return []
        kept = mailbox.Maildir(self._folder, create=False)
        raw = sorted((message.get_date(), bytes(message)) for message in kept)
        found = [message_from_bytes(data, policy=default) for _, data in raw]
        return [letter for letter in found if to in str(letter["To"])]

    def subjects(self, to: str) -> list[str]:
        """Return the subjects of what has arrived for an address."""
        return [str(letter["Subject"]) for letter in self.letters(to)]

    def brings(self, to: str, subject: str, about: str = "") -> str:
        """Wait for a letter with this subject that speaks of `about`; return its words."""

        def found() -> list[str]:
            told = [
                str(each.get_content()) for each in self.letters(to) if each["Subject"] == subject
            ]
            return [words for words in told if about in words]

        wait_for(f"{subject!r} to {to}", lambda: bool(found()))
        return found()[-1]


class _Console:
    """Where the browser finds the console; nobody is signed in there before they sign in."""

    def __init__(self, world: World) -> None:
        self.url = world.console_url

    def cookie(self, name: str) -> dict[str, str]:
        raise LookupError(name)


class Desk:
    """Somebody at a browser of their own, in their own language."""

    def __init__(self, browser: Browser, world: World, person: Person) -> None:
        self.world = world
        self.person = person
        self.visitor = Visitor(browser, _Console(world), language=person.language)
        self.page: Page = self.visitor.page
        self._say = _PAGE[person.language]

    def sign_in(self) -> "Desk":
        """Sign in with password and code, as the pages ask."""
        known, say, page = self.world.credentials[self.person.key], self._say, self.page
        page.goto("/account/login/")
        page.get_by_label(say["email"]).fill(self.person.email)
        page.get_by_label(say["password"]).fill(known.password)
        page.get_by_role("button", name=say["next"]).click()
        page.wait_for_url("**/authenticate/**")
        while "/authenticate/" in page.url:
            code = known.code()
            page.get_by_label(say["code"], exact=True).fill(code)
            page.get_by_role("button", name=say["in"]).click()
            page.wait_for_load_state("load")
            if "/authenticate/" in page.url:
                # A code counts once: this one was used elsewhere a moment ago.
                wait_for("another code", lambda code=code: known.code() != code)
        return self

    def logs_in(self) -> None:
        """Log the command line in, by the page that is signed in already."""
        words = ["login", self.world.console_url, "--no-browser"]
        with subprocess.Popen(
            [sys.executable, "-m", "bedside", *words],
            env=dict(self.world.specialist_environment(self.person)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as login:
            assert login.stdout is not None
            said = "".join(login.stdout.readline() for _ in range(3))
            code = re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", said)
            assert code is not None, said
            page = self.opens(f"/activate?user_code={code[0]}")
            page.locator("input[name=code]").first.fill(code[0])
            page.locator("main form button").first.click()
            page.locator("button[value=allow]").click()
            rest = login.stdout.read()
        assert login.returncode == 0, rest

    def opens(self, path: str) -> Page:
        """Open a page, giving the password once more where it is asked for."""
        self.visitor.open(path)
        asks = self.page.locator("main a[href*='reauthenticate']")
        if "reauthenticate" not in self.page.url and asks.count():
            asks.first.click()
            self.page.wait_for_load_state("load")
        if "reauthenticate" in self.page.url:
            known = self.world.credentials[self.person.key]
            self.page.get_by_label(self._say["password"]).fill(known.password)
            self.page.get_by_role("button", name=self._say["confirm"]).click()
            self.page.wait_for_load_state("load")
        return self.page

    def presses(self, name: str) -> None:
        """Press the button or follow the link with this name."""
        page = self.page
        exactly = {"name": name, "exact": True}
        page.get_by_role("button", **exactly).or_(page.get_by_role("link", **exactly)).first.click()

    def reads(self, text: str) -> None:
        """See this on the page, now or soon."""
        expect(self.page.get_by_text(text).first).to_be_visible()


class Desks:
    """Everybody at a browser: one browser for all, and a window of one's own for each."""

    def __init__(self, browser: Browser, world: World) -> None:
        self._browser, self._world = browser, world
        self._taken: list[Desk] = []

    def sit(self, person: Person) -> Desk:
        """Let somebody sit down, and sign in."""
        self._taken.append(Desk(self._browser, self._world, person))
        return self._taken[-1].sign_in()

    def rest(self) -> None:
        """Nobody looks at a page for now."""
        for desk in self._taken:
            desk.page.goto("about:blank")

    def leave(self) -> list[str]:
        """Close every window; return what the pages complained of."""
        for desk in self._taken:
            desk.visitor.close()
        told = [text for desk in self._taken for text in desk.visitor.complaints]
        return [text for text in told if "(Not Found)" not in text]


class Hospital:
    """Julie at the portal, and the IT desk with the site's key: what only a hospital can say."""

    def __init__(self, journey: Journey, julie: Desk, mailroom: Mailroom) -> None:
        self.journey, self.world = journey, journey.world
        self.julie, self.mailroom = julie, mailroom
        self.folder = self.world.folder / "hospital"
        self.folder.mkdir(exist_ok=True)
        self.serial = 0
        self.secret = ""
        """Signs what the site's program is told."""

    # ---- the IT desk, by the commands that it types ----

    def it(self, *words: str) -> str:
        """Run `bedside site WORDS...`, as the hospital's IT does; return what it said."""
        done = self.world.specialist(JULIE, "site", *words, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def settle(self, export: Path) -> None:
        """Make the site's key, its first policy with its approver, and have the device trust it."""
        key, policy = self.folder / "site.key", self.folder / "policy.toml"
        self.it("key", "new", str(key))
        self.it("policy", "new", str(policy), "--site", SITE, "--timezone", "America/Toronto")
        self.it("approver", "add", str(policy), str(export), "--yes")
        text = policy.read_text("utf-8")
        asked = text.replace('system_control  = "ask_device"', 'system_control  = "ask_site"')
        assert asked != text
        policy.write_text(asked, encoding="utf-8")
        signed = self.folder / "policy.signed"
        self.it("policy", "sign", str(policy), "--key", str(key), "-o", str(signed), "--yes")
        words = fingerprint_words(load_site_key(self.public))
        self.world.agent(
            "site", "trust", str(self.public), "--fingerprint", words, "--name", "Ann Roy"
        )

    @property
    def public(self) -> Path:
        """The site's public key."""
        return self.folder / "site.key.pub"

    def signs(self, **changes: Any) -> bytes:
        """Sign the next policy, with these changes to the one that the IT desk wrote."""
        draft = parse_draft((self.folder / "policy.toml").read_bytes())
        policy: SitePolicy = replace(draft.numbered(self.serial + 1, _now_ms()), **changes)
        signer, _ = load_signing_key(self.folder / "site.key", lambda: "")
        return sign_policy(policy, signer).envelope

    # ---- Julie, at the portal in French ----

    def exports(self) -> Path:
        """Julie adds a passkey and hands over what the IT desk enrols her by."""
        self.julie.visitor.give_authenticator()
        self.julie.opens("/account/second-factor/webauthn/add/")
        self.julie.presses("Ajouter une clé d’accès")
        expect(self.julie.page.get_by_role("heading", level=1)).not_to_have_text(
            "Ajouter une clé d’accès"
        )
        page = self.julie.opens(f"/sites/{SITE}/")
        with page.expect_download() as downloading:
            self.julie.presses("approver.json")
        export = self.folder / "approver.json"
        downloading.value.save_as(export)
        return export

    def registers(self) -> None:
        """Julie shows the console the site's public key."""
        page = self.julie.opens(f"/sites/{SITE}/policy/")
        page.get_by_text("Inscrire une clé").click()
        page.get_by_label("Clé publique de l’établissement").fill(self.public.read_text())
        self.julie.presses("Inscrire")
        expect(page.get_by_text("Aucune n’est inscrite")).to_have_count(0)

    def publishes(self, envelope: bytes) -> None:
        """Julie publishes a signed policy; it applies once the device has verified it."""
        page = self.julie.opens(f"/sites/{SITE}/policy/")
        file = {"name": "policy.signed", "mimeType": "application/json", "buffer": envelope}
        page.get_by_label("Politique signée").set_input_files(file)
        self.julie.presses("Publier")
        self.julie.reads("La politique est en route vers chaque appareil")
        self.serial += 1
        self.journey.operator.wait_for(
            f"policy {self.serial}", lambda status: status.site.policy == self.serial
        )

    def names_contact(self, name: str, address: str, language: str) -> None:
        """Julie names somebody who is told by mail."""
        page = self.julie.opens(f"/sites/{SITE}/contacts/")
        form = page.locator("form[aria-labelledby=add]")
        form.get_by_label("Nom").fill(name)
        form.get_by_label("Courriel").fill(address)
        form.get_by_label("Langue").select_option(language)
        form.get_by_role("button", name="Ajouter").click()
        expect(page.get_by_text(address)).to_be_visible()

    def names_program(self, url: str) -> str:
        """Julie names a program that is told; returns the secret that signs what it gets."""
        page = self.julie.opens(f"/sites/{SITE}/contacts/")
        form = page.locator("form[aria-labelledby=addhook]")
        form.get_by_label("Adresse (https)").fill(url)
        form.get_by_role("button", name="Ajouter").click()
        shown = page.get_by_text(re.compile("^whsec_"))
        expect(shown).to_be_visible()
        return shown.inner_text()

    def arranges(self, kind: str) -> None:
        """Julie says when the site is served at all."""
        page = self.julie.opens(f"/sites/{SITE}/windows/")
        page.get_by_label("Accès").select_option(kind)
        self.julie.presses("Appliquer")
        expect(page.locator("section[aria-labelledby=when] strong")).to_have_text(kind)

    def plans_window(self, ticket: str) -> None:
        """Julie plans a window that is open now, and names the change ticket."""
        page = self.julie.opens(f"/sites/{SITE}/windows/")
        now = datetime.now(ZoneInfo("America/Toronto"))  # noqa: TID251 - a reading of the site's clock
        for label, away in (("Du", -1), ("Au", 90)):
            at = now + timedelta(minutes=away)
            page.get_by_label(label, exact=True).fill(f"{at:%Y-%m-%dT%H:%M}")
        page.get_by_label("Demande de changement").fill(ticket)
        self.julie.presses("Prévoir")
        self.julie.reads("La plage est prévue.")

    def breaks_glass(self, reason: str) -> None:
        """Julie opens the device herself, for a quarter of an hour."""
        page = self.julie.opens(f"/devices/{DEVICE}/break-glass/")
        page.get_by_label("Motif").fill(reason)
        page.get_by_label("Durée").select_option("15 min")
        self.julie.presses("Ouvrir pour mon établissement")
        self.julie.reads("L’accès d’urgence est ouvert.")

    def asked(self) -> Locator:
        """Return the one request that the open portal shows as waiting, once it shows it."""
        self.julie.opens(f"/sites/{SITE}/")
        row = self.julie.page.locator("[id^=ask-]")
        expect(row).to_have_count(1)
        return row

    def approves(self) -> str:
        """Julie approves what waits, with her passkey; returns the session."""
        session = self._opens_what_waits()
        self.julie.presses("Approuver avec une clé d’accès")
        self.julie.reads("Votre approbation est en route")
        return session

    def refuses(self, reason: str) -> str:
        """Julie refuses what waits, saying why; returns the session."""
        session = self._opens_what_waits()
        self.julie.page.get_by_label("Motif").fill(reason)
        self.julie.presses("Refuser")
        self.julie.reads("La demande est refusée. Rien n’a été ouvert.")
        return session

    def _opens_what_waits(self) -> str:
        row = self.asked()
        session = (row.get_attribute("id") or "").removeprefix("ask-")
        row.click()
        self.julie.page.wait_for_url("**/approve/")
        return session

    def windowed(self, *, closes_in_ms: int) -> bytes:
        """Sign a policy that lets the service application be worked in for so long only."""
        closes_ms = _now_ms() + closes_in_ms
        window = SingleWindow(start_ms=closes_ms - 3_600_000, end_ms=closes_ms)
        return self.signs(window=(SiteAction.SERVICE_CONTROL,), single=(window,))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

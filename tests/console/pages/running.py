"""A real console on this machine: `web` and `live` as processes, and a browser before it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Page,
    expect,
    sync_playwright,
)

from bedside.demo.processes import free_port
from tests.console import migrated
from tests.console.standing import Standing

TREE = Path(__file__).parents[3]
AXE = TREE / "node_modules/axe-core/axe.min.js"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--lang=en-US",
]  # fmt: skip
# A page has long to become what it should be: the machine may be busy.
expect.set_options(timeout=30_000)
WIDE = {"width": 1200, "height": 860}
PHONE = {"width": 360, "height": 740}


class Place(Protocol):
    """Where a console is, and who is signed in there already."""

    @property
    def url(self) -> str: ...

    def cookie(self, name: str) -> dict[str, str]: ...


@dataclass
class Console:
    """A console's address, folder and processes."""

    folder: Path
    port: int
    live_port: int
    started: list[subprocess.Popen] = field(default_factory=list)
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._standing = Standing(self.config, timeout_s=110)

    @property
    def config(self) -> Path:
        return self.folder / "console.toml"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def run(self, module: str, *words: object) -> str:
        """Let the `main` of a module act over this console; return what it printed."""
        return self._standing.script(
            f"from {module} import main\nraise SystemExit(main(*{words!r}))"
        )

    def cookie(self, name: str) -> dict[str, str]:
        """Return the cookie of somebody who is signed in; one sign-in serves all their browsers."""
        if name not in self.cookies:
            self.cookies[name] = json.loads(self.run("tests.console.pages.sign_in", name))
        return self.cookies[name]

    def start(self, word: str) -> None:
        with (self.folder / f"{word}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bedside", "console", "--config", str(self.config), word],
                stdout=log, stderr=log, start_new_session=True, cwd=TREE,
            )  # fmt: skip
        self.started.append(process)

    def stop(self) -> None:
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.started:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._standing.end()


@contextlib.contextmanager
def running_console(folder: Path, *, live: bool = True) -> Iterator[Console]:
    """A console with the tests' fleet, until the block ends."""
    console = Console(folder, free_port(), free_port())
    console.config.write_text(
        f"""
public_url = "{console.url}"
data_dir = "{folder}/data"
{migrated.line(folder / "data")}
listen = "127.0.0.1:{console.port}"
live_listen = "127.0.0.1:{console.live_port}"
live_url = "http://localhost:{console.live_port}"
relay_listen = "127.0.0.1:{free_port()}"
manufacturer = "Bayard Imaging"
[sign_in]
passkey_roles = []
confirm_minutes = 120
""",
        encoding="utf-8",
    )
    try:
        console.run("bedside.console.cli", ["init"])
        console.run("tests.console.pages.seed")
        console.start("web")
        if live:
            console.start("live")
        wait_for(console)
        yield console
    finally:
        console.stop()


def wait_for(console: Console) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{console.url}/account/login/", timeout=5).read()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise AssertionError((console.folder / "web.log").read_text()) from None
            time.sleep(0.1)


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


# What is unfolded, or read out only, has no place to be measured.
STUCK = """() => [...document.querySelectorAll(".block")].flatMap((block) => {
  const box = block.getBoundingClientRect(), found = [];
  const texts = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode, range = document.createRange();
    if (!text.data.trim() || text.parentElement.closest(
        ".visually-hidden, thead, dialog, details:not([open])")) continue;
    range.selectNodeContents(text);
    const place = range.getBoundingClientRect();
    if (place.width && (place.left - box.left < 8 || box.bottom - place.bottom < 4))
      found.push(text.data.trim());
  }
  return found;
})"""


class Visitor:
    """A person at a real browser: what the page's console complains of is kept, to be none."""

    def __init__(
        self, browser: Browser, console: Place, *, language: str = "en", theme: str = "light",
        viewport: dict[str, int] = WIDE,
    ) -> None:  # fmt: skip
        self.console = console
        self.context: BrowserContext = browser.new_context(
            base_url=console.url,
            color_scheme=theme,
            viewport=viewport,
            locale="fr-CA" if language == "fr" else "en-CA",
            reduced_motion="reduce",
        )
        self.context.add_cookies(
            [{"name": "bedside_language", "value": language, "url": console.url}]
        )
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def sign_in(self, name: str) -> "Visitor":
        """Be signed in already, as if by the pages (tests of sign-in use the pages)."""
        self.context.add_cookies([{**self.console.cookie(name), "url": self.console.url}])
        return self

    def open(self, path: str) -> Page:
        answer = self.page.goto(path)
        assert answer is not None
        self.page.wait_for_load_state("load")
        return self.page

    def look(self, theme: str, viewport: dict[str, int]) -> None:
        """Let the open page be seen in another theme of the system, on another screen."""
        self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        self.page.set_viewport_size(viewport)

    def faults(self) -> list[str]:
        """Return what axe-core finds wrong with the page as it stands, and where."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(f"() => {{ {AXE.read_text()} }}")
        # What passes is neither described nor sent: that is most of the time of a long page.
        found = self.page.evaluate(
            "() => axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa',"
            " 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then((all) => all.violations)"
        )
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found
            for node in violation["nodes"]
        ]

    def stuck(self) -> list[str]:
        """Return the texts that touch the edge of their block."""
        found: list[str] = self.page.evaluate(STUCK)
        return found

    def give_authenticator(self) -> "Authenticator":
        """Let this browser have passkeys, by a virtual authenticator of Chromium's."""
        return Authenticator(self.context.new_cdp_session(self.page))

    def close(self) -> None:
        self.context.close()


class Authenticator:
    """Chromium's virtual authenticator; it knows its person unless told otherwise."""

    def __init__(self, devtools: CDPSession) -> None:
        self._devtools = devtools
        devtools.send("WebAuthn.enable")
        added = devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
                         "hasUserVerification": True, "isUserVerified": True}},
        )  # fmt: skip
        self._id = added["authenticatorId"]

    def recognises(self, *, yes: bool) -> None:
        """Recognise the person from now on, or not."""
        self._devtools.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": yes}
        )

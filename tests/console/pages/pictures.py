"""`make pictures`: the pages as docs/tutorial/pages.md shows them, from a real console."""

import base64
import sys
import tempfile
from pathlib import Path

from tests.console.pages.running import PHONE, TREE, Visitor, running_browser, running_console

FOLDER = TREE / "docs/images"
WINDOW = {"width": 1120, "height": 760}
DEVICE = "CI-20417"
REQUEST = "?access=system&mode=control&case=C-88213&reason=Pressure+fault+E12+after+power+cut"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_console(Path(folder)) as console,
        running_browser() as browser,
    ):
        for language in ("en", "fr"):
            take(Visitor(browser, console, language=language, viewport=WINDOW), language)
        dark = Visitor(browser, console, language="fr", theme="dark", viewport=WINDOW)
        shoot(dark.sign_in("Marie"), "/?site=notre-dame", "fleet-dark")
        phone = Visitor(browser, console, language="fr", viewport=PHONE).sign_in("Marie")
        shoot(phone, first(phone, "/sessions/"), "session-phone")


def take(visitor: Visitor, language: str) -> None:
    shoot(visitor, "/account/login/", f"sign-in-{language}")
    visitor.sign_in("Marie")
    shoot(visitor, "/?site=notre-dame", f"fleet-{language}")
    shoot(visitor, f"/devices/{DEVICE}/", f"device-{language}")
    shoot(visitor, f"/devices/{DEVICE}/request/{REQUEST}", f"request-{language}")
    shoot(visitor, first(visitor, "/sessions/"), f"session-{language}")
    shoot(visitor, first(visitor, "/sessions/", last=True), f"refused-{language}")
    visitor.open("/journal/")
    visitor.page.locator("[data-proofs]").click()
    visitor.page.locator("#verification[data-result=good]").wait_for()
    picture(visitor, f"journal-{language}")
    entry = first(visitor, "/journal/?action=session:request:allowed")
    shoot(visitor, entry, f"entry-{language}")


def first(visitor: Visitor, path: str, *, last: bool = False) -> str:
    links = visitor.open(path).locator(".rows td.main a")
    return str((links.last if last else links.first).get_attribute("href"))


def shoot(visitor: Visitor, path: str, name: str) -> None:
    visitor.open(path)
    visitor.page.wait_for_timeout(600)  # the stream has opened, and said so
    picture(visitor, name)


def picture(visitor: Visitor, name: str) -> None:
    # Playwright writes no WebP, which takes a third of the room; Chromium does.
    devtools = visitor.context.new_cdp_session(visitor.page)
    taken = devtools.send("Page.captureScreenshot", {"format": "webp", "quality": 85})
    (FOLDER / f"{name}.webp").write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    sys.exit(main())

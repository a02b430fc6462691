"""A person in front of the console's pages, without a screen: follows forms and keeps cookies.

It signs in as people do, with a password and a code; there is no other way in for a test either.
"""

import re
import time
from collections.abc import Callable
from html import unescape
from typing import Self

import httpx

__all__ = ["Browser", "PageError", "text_of"]

_NEXT_CODE_S = 31
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class PageError(AssertionError):
    """The page is not the one a person would expect here; shows its text."""


class Browser:
    """One browser window at `console`, such as `http://localhost:8000`."""

    def __init__(self, console: str, *, language: str = "en") -> None:
        self._http = httpx.Client(
            base_url=console,
            follow_redirects=True,
            timeout=30,
            headers={"Accept-Language": language},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the window."""
        self._http.close()

    def get(self, path: str) -> httpx.Response:
        """Open a page."""
        return self._http.get(path)

    def submit(self, path: str, **fields: str) -> httpx.Response:
        """Open a page, fill in its form and send it."""
        page = self._http.get(path)
        return self.answer(page, **fields)

    def answer(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the form of a page that is already open, to the page's own address."""
        token = _TOKEN.search(page.text)
        if token is None:
            raise PageError(f"no form on {page.url}: {text_of(page)[:500]}")
        return self._http.post(
            str(page.url),
            data={"csrfmiddlewaretoken": token[1], **fields},
            headers={"Referer": str(page.url)},
        )

    def sign_in(self, email: str, password: str, code: Callable[[], str]) -> Self:
        """Sign in with a password and a code from the code generator.

        A code is good once: whoever signs in again soon waits for the generator's next.
        """
        page = self.submit("/account/login/", login=email, password=password)
        if "/authenticate/" not in page.url.path:
            raise PageError(f"the password was not taken: {page.url}: {text_of(page)[:500]}")
        form, shown = page, code()
        page = self.answer(form, code=shown)
        if page.url.path.startswith("/account/") and _changes(code, shown):
            page = self.answer(form, code=code())
        if page.url.path.startswith("/account/"):
            raise PageError(f"the code was not taken: {page.url}: {text_of(page)[:500]}")
        return self

    def allow_program(self, user_code: str) -> None:
        """Let a program sign in that shows `user_code` (RFC 8628, 3.3)."""
        page = self.submit("/activate", code=user_code)
        page = self.answer(page, code=user_code, answer="allow")
        if page.status_code != httpx.codes.OK:
            raise PageError(f"the program was not allowed: {text_of(page)[:500]}")


def _changes(code: Callable[[], str], shown: str) -> bool:
    """Wait for a generator's next code; return whether there was one."""
    until = time.monotonic() + _NEXT_CODE_S
    while code() == shown:
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def text_of(page: httpx.Response) -> str:
    """Return the words of a page without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())

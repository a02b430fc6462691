"""A person at a browser, as far as Django's test client is one."""

import re
import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client

from tests.console.world import PASSWORD, TOTP, person


def code(secret: str = TOTP) -> str:
    """Return what the app on the phone shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


class Browser:
    """Cookies are kept, CSRF is checked, redirects are followed by hand."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def get(self, path: str, **headers):
        return self.client.get(path, headers=headers)

    def post(self, path: str, page: str | None = None, **fields):
        """Fill in the form of `page` (the same address unless given) and send it to `path`."""
        shown = self.client.get(page or path).content.decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown)
        if found:
            fields["csrfmiddlewaretoken"] = found[1]
        return self.client.post(path, fields)

    def sign_in(self, name: str, password: str = PASSWORD):
        """Give e-mail address and password; return the answer."""
        return self.post("/account/login/", login=person(name).email, password=password)

    def show_code(self, secret: str = TOTP, digits: str | None = None):
        # Each code works once; the tests have no time to wait for the next.
        cache.clear()
        return self.post("/account/second-factor/authenticate/", code=digits or code(secret))

    @classmethod
    def of(cls, name: str) -> "Browser":
        """Return the browser of somebody who has signed in."""
        browser = cls()
        browser.sign_in(name)
        browser.show_code()
        return browser

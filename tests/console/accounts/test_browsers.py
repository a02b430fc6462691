"""Where one is signed in is seen, and ended from afar."""

import pytest

from bedside.console.accounts.models import BrowserSession
from tests.console.browser import Browser
from tests.console.world import actions_of

pytestmark = pytest.mark.usefixtures("world")


def test_another_browser_is_signed_out_at_once():
    here, lost = Browser.of("Marie"), Browser.of("Marie")
    assert lost.get("/").status_code == 200
    assert BrowserSession.objects.count() == 2
    here.post("/account/browsers/end/", page="/account/browsers/")
    assert lost.get("/").status_code == 302
    assert here.get("/").status_code == 200
    assert actions_of()[-1] == "account:session:ended"


def test_nobody_ends_somebody_elses_browser():
    here, other = Browser.of("Marie"), Browser.of("Sam")
    theirs = BrowserSession.objects.get(person__name="Sam Okafor")
    here.post("/account/browsers/end/", page="/account/browsers/", browser=theirs.pk)
    assert other.get("/").status_code == 200


def test_signing_out_forgets_the_browser():
    browser = Browser.of("Marie")
    browser.post("/account/logout/")
    assert not BrowserSession.objects.exists()


def test_what_the_browser_calls_itself_is_shown_as_text():
    browser = Browser()
    browser.client.defaults["HTTP_USER_AGENT"] = "<script>\u202e" + "x" * 400
    browser.sign_in("Marie")
    browser.show_code()
    shown = browser.get("/account/browsers/").content.decode()
    assert "<script>\u202e" not in shown
    assert "&lt;script&gt;" in shown

"""The request page: what files it asks for, what the site says of them, and what only they cost."""

import re
from html import unescape

import pytest

from bedside.console.relays.models import Relay
from bedside.console.service_sessions.models import ServiceSession
from bedside.vocabulary import SiteAction, SiteRule
from tests.console.pages.reader import Reader, words
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, Api

pytestmark = pytest.mark.usefixtures("fleet")

WHOLE = {"access": "system", "mode": "control", "minutes": "30", "case": "C-1", "reason": "Fault"}
IN, OUT = SiteAction.FILES_IN, SiteAction.FILES_OUT


def publish(**changes):
    hand = SiteHand()
    hand.register()
    hand.publish(**changes)


def page(language="en", **changed):
    answer = Reader("Marie", language).get(f"/devices/{DEVICE}/request/", **WHOLE, **changed)
    assert answer.status_code == 200
    return answer


def text(answer) -> str:
    return unescape(words(answer))


def test_nothing_chosen_is_what_the_site_leaves_to_the_device():
    publish(rules={IN: SiteRule.ASK_SITE})
    answer = page()
    assert answer.context["decision"].allowed
    assert "--files" not in answer.context["command"]
    assert "approves it with a passkey" not in text(answer)
    said = text(answer)
    assert "Files to the device Site's policy: Ask the site's approvers" in said
    assert "Files from the device Site's policy: Ask at the device" in said
    assert "What goes with it: Files from the device" in said


@pytest.mark.parametrize(
    ("chosen", "typed", "approvers"),
    [(["files_out"], "--files out", False), (["files_in", "files_out"], "--files in --files out", True)],
)  # fmt: skip
def test_what_is_chosen_is_decided_at_once_and_typed(chosen, typed, approvers):
    publish(rules={IN: SiteRule.ASK_SITE})
    answer = page(also=chosen)
    assert answer.context["decision"].allowed
    assert answer.context["command"].endswith(typed)
    assert ("One of the site's approvers" in text(answer)) is approvers
    ticked = re.findall(r'name="also" value="(\w+)" checked', answer.content.decode())
    assert ticked == chosen


def test_denied_files_are_said_to_be_the_only_part_that_is_denied():
    publish(rules={IN: SiteRule.DENY})
    said = text(page(also=["files_in"]))
    assert "Would be refused" in said
    assert "Only this part is denied: Files to the device. Ask without it." in said
    assert "Would be allowed" in text(page(also=["files_out"]))
    french = text(page("fr", also=["files_in", "files_out"]))
    assert "Seule cette partie est refusée : Fichiers vers l’appareil." in french


def test_a_denied_session_is_not_called_denied_files():
    publish(rules={SiteAction.SYSTEM_CONTROL: SiteRule.DENY, IN: SiteRule.DENY})
    said = text(page(also=["files_in"]))
    assert "Only this part" not in said
    assert "The site's policy does not allow this." in said


def test_what_else_the_site_asks_of_files_stands_beside_them():
    publish(rules={IN: SiteRule.ASK_SITE}, two_approvers=(IN,), ticket=(OUT,), window=(OUT,))
    said = text(page())
    assert "Ask the site's approvers, two approvers" in said
    assert "Ask at the device, change ticket, in a window only" in said


def test_files_that_do_not_exist_are_named_and_nothing_is_decided():
    answer = page(also=["job"])
    assert answer.context["decision"] is None
    assert "A value of the form cannot be used." in text(answer)


def test_page_preview_and_request_agree_on_the_files():
    publish(rules={IN: SiteRule.DENY})
    asked = {"access": "system", "mode": "control", "case": "C-1", "reason": "Fault"}
    for files, allowed in ((None, True), ([], True), (["files_in"], False), (["files_out"], True)):
        body = asked if files is None else {**asked, "files": files}
        needs = Api("Marie").post(f"/devices/{DEVICE}/needs", body).json()
        assert needs["allowed"] is allowed, files
        denied = next(each for each in needs["gates"] if each["gate"] == "site_policy")
        assert denied["facts"]["denied"] == ("" if allowed else "files_in")
    assert not ServiceSession.objects.exists()


@pytest.mark.parametrize(
    ("language", "head", "cure", "offline"),
    [
        ("en", "The relay of this device is not heard", "Call the site before you ask", "not online"),
        ("fr", "Aucune nouvelle du relais de cet appareil", "Appelez l’établissement avant", "en ligne"),
    ],
)  # fmt: skip
def test_a_relay_that_is_not_heard_is_said_before_anything_is_asked(language, head, cure, offline):
    heard = text(page(language))
    assert head not in heard
    Relay.objects.filter(pk="a").update(seen_ms=1)
    said = text(page(language))
    assert head in said
    assert cure in said
    # Nobody knows whether it is online: the page does not say that it is not.
    assert offline not in said

"""Somebody of the hospital joins a session of their own site, to watch it (R18)."""

import pytest

from bedside.console.access.actions import LockTarget
from bedside.console.accounts.models import User
from bedside.console.journal.actions import now_ms
from bedside.console.notices.models import Notice
from bedside.console.service_sessions.actions import do_end_session, do_set_lock
from bedside.console.service_sessions.actions.orders import draft_of
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.models import SiteContact
from bedside.policy.facts import LockScope
from bedside.vocabulary import SiteAction, SiteRule
from tests.console.pages.reader import Reader
from tests.console.service_sessions.news import (
    ending,
    gates,
    go_abroad,
    joining,
    live,
    made,
    requested,
)
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, Api, asking, person

pytestmark = pytest.mark.usefixtures("fleet")


@pytest.fixture
def host(fleet):
    return live(requested())


def watching(host: ServiceSession, name: str = "Julie", **changed):
    told = {"joins": host.pk, "access": host.access, "mode": "view", **changed}
    return Api(name).post("/sessions", asking(**told))


def let_in(host: ServiceSession) -> ServiceSession:
    return made(watching(host))


def test_they_ask_by_the_site_s_own_right_and_the_order_says_who(host):
    User.objects.filter(name="Julie Gagnon").update(level=3, country="", vetted_on=None)
    watch = let_in(host)
    order = draft_of(watch, issued_ms=now_ms())
    assert order.of_site
    assert (order.person.name, order.person.employer) == ("Julie Gagnon", "Hôpital Notre-Dame")
    assert (order.person.country, order.joins, order.mode) == ("CA", host.pk, "view")
    assert order.actions == ()
    assert order == type(order).from_bytes(order.to_bytes())


def test_they_connect_to_their_own_and_to_no_other(host):
    watch = let_in(host)
    path = f"/sessions/{watch.pk}/connection"
    assert Api("Julie").post(path, {}).status_code == 200
    assert Api("Marie").post(path, {}).status_code in (403, 404, 409)
    assert Api("Julie").post(f"/sessions/{host.pk}/connection", {}).status_code in (403, 404, 409)


def test_starting_and_controlling_are_refused_by_their_role(host):
    assert "role" in gates(Api("Julie").post("/sessions", asking()))
    assert "role" in gates(watching(host, mode="control"))
    watch = live(let_in(host))
    assert "role" in gates(watching(watch, mode="control", public_key=watch.public_key))


def test_only_what_is_live_is_watched_and_by_one_of_the_site_at_a_time():
    waiting = requested()
    assert gates(watching(waiting)) == ["join"]
    host = live(waiting)
    let_in(host)
    assert gates(watching(host)) == ["join"]


def test_neither_keeps_the_other_out(host):
    go_abroad()
    watch = let_in(host)
    answer = joining(host)
    assert answer.status_code == 201, answer.content
    said = Reader("Julie").text(f"/sessions/{host.pk}/watch/")
    assert "Julie Gagnon · Hôpital Notre-Dame · Canada" in said
    assert "Sam Okafor · Bayard Imaging · level 3 · Canada" in said
    do_end_session(host, acting_user=person("Marie"))
    assert ending(watch) == "by_specialist"


def test_the_site_s_policy_and_locks_hold_for_its_own_people(host):
    hand = SiteHand()
    hand.register()
    action = SiteAction(f"{host.access}_view")
    hand.publish(rules={action: SiteRule.DENY})
    assert gates(watching(host)) == ["site_policy"]
    hand.publish(rules={action: SiteRule.ASK_DEVICE})
    lock = LockTarget(LockScope.PERSON, person("Julie").pk)
    watch = let_in(host)
    do_set_lock(lock, reason="on leave", acting_user=person("Alex"))
    assert (ending(watch), ending(host)) == ("revoked", "")
    assert gates(watching(host)) == ["lock"]


def test_an_account_that_is_closed_or_of_another_site_watches_nothing(host):
    foreign = User.objects.filter(organisation__key="st-mary").first()
    assert foreign is None or watching(host, foreign.name.split()[0]).status_code == 404
    api = Api("Julie")
    User.objects.filter(name="Julie Gagnon").update(is_active=False)
    told = asking(joins=host.pk, access=host.access, mode="view")
    assert api.post("/sessions", told).status_code == 401


def test_contacts_are_told_and_the_pages_have_the_command(host):
    site = host.device.site
    SiteContact.objects.create(site=site, name="IT", email="it@nd.example", before=True)
    watch = let_in(host)
    notice = Notice.objects.filter(key__contains=watch.pk).first()
    assert notice is not None
    command = f"bedside watch {host.pk}"
    for path in (f"/sessions/{host.pk}/", f"/sessions/{host.pk}/watch/"):
        assert command in Reader("Julie").text(path)
        assert command not in Reader("Marie").text(path)
    assert "Julie Gagnon" in Reader("Marie").text(f"/sessions/{host.pk}/")
    assert DEVICE in Reader("Julie").text(f"/sessions/{watch.pk}/")
    live(watch)
    own = Reader("Julie").text(f"/sessions/{watch.pk}/")
    assert "your site&#x27;s credential" in own or "your site's credential" in own
    assert "bedside control" not in own

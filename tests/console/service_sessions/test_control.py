"""Control of a session by somebody who has joined it: asked for, ordered, passed, over (R10)."""

import pytest

from bedside.console.access.actions import LockTarget, do_save_start_rules
from bedside.console.accounts.models import Organisation
from bedside.console.journal.actions import now_ms
from bedside.console.notices.models import Notice
from bedside.console.relays.models import DeviceMessage, Tunnel
from bedside.console.service_sessions import actions
from bedside.console.service_sessions.actions import do_end_session, do_set_lock
from bedside.console.service_sessions.actions.orders import draft_of
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import who_is_in
from bedside.console.sites.models import SiteContact
from bedside.policy.facts import DEFAULT_START_RULES, LockScope, StartRule
from bedside.vocabulary import Gate, JournalAction, Level, Mode, SiteAction, SiteRule
from tests.console.pages.reader import Reader
from tests.console.passkeys import register_passkey
from tests.console.service_sessions.news import (
    ASKED,
    ENDED,
    GIVEN,
    LIVE,
    go_abroad,
    joining,
    live,
    requested,
    tell,
)
from tests.console.service_sessions.test_joins import ending, gates, joined
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, Api, actions_of, asking, person, public_key

PASSED = JournalAction.SESSION_CONTROL_PASSED
TAKEN = JournalAction.SESSION_CONTROL_TAKEN
pytestmark = pytest.mark.usefixtures("fleet")


@pytest.fixture(autouse=True)
def canadian(fleet):
    go_abroad()


def watched() -> tuple[ServiceSession, ServiceSession]:
    """Marie's live session in control, and Sam who has joined it."""
    host = live(requested())
    return host, live(joined(host))


def wants(join: ServiceSession, who: str = "Sam", **changed):
    """Ask for control; return the console's answer."""
    told = {
        "joins": join.pk,
        "access": join.access,
        "mode": "control",
        "public_key": join.public_key,
        **changed,
    }
    return Api(who).post("/sessions", asking(**told))


def wanted(join: ServiceSession, **changed) -> ServiceSession:
    answer = wants(join, **changed)
    assert answer.status_code == 201, answer.content
    return ServiceSession.objects.get(pk=answer.json()["id"])


def passed(host: ServiceSession, control: ServiceSession) -> None:
    """The device says that the operator allowed it, and that it was taken."""
    for session, action in ((control, ASKED), (control, GIVEN), (host, PASSED), (control, LIVE)):
        assert tell(session.pk, action, person="Sam Okafor"), action
        session.refresh_from_db()


def who(host: ServiceSession) -> list[tuple[str, bool]]:
    host.refresh_from_db()
    return [(each.session.person_name, each.controls) for each in who_is_in(host)]


def test_whoever_has_joined_asks_and_the_order_is_for_control_of_their_join():
    host, join = watched()
    control = wanted(join)
    assert (control.state, control.joins_id, control.mode) == ("routed", join.pk, "control")
    assert (control.host.pk, join.host.pk, host.host) == (host.pk, host.pk, None)
    order = draft_of(control, issued_ms=now_ms())
    assert order.hands_over
    assert order.specialist_key == draft_of(join, issued_ms=now_ms()).specialist_key
    assert DeviceMessage.objects.filter(kind="order", session=control.pk).count() == 1
    # They are in already: no tunnel, and nothing to connect with.
    assert not Tunnel.objects.filter(pk=control.pk).exists()
    assert Api("Sam").post(f"/sessions/{control.pk}/connection", {}).status_code == 409
    assert actions_of(session=control.pk) == ["session:request:allowed", "session:request:routed"]


def test_nobody_else_asks_nor_by_another_key_nor_twice():
    host, join = watched()
    own = {"person": "Marie", "joins": host.pk}
    assert gates(wants(join, "Marie")) == ["join"]
    assert gates(wants(join, "Marie", joins=own["joins"])) == ["join"]
    assert gates(wants(join, joins=host.pk)) == ["join"]
    assert gates(wants(join, public_key=public_key())) == ["join"]
    other = "system" if host.access == "service" else "service"
    assert "join" in gates(wants(join, access=other))
    wanted(join)
    assert gates(wants(join)) == ["join"]


def test_whoever_is_not_in_yet_or_watches_a_session_without_control_is_refused():
    host = live(requested())
    join = joined(host)
    assert gates(wants(join)) == ["join"]
    do_end_session(host, acting_user=person("Marie"))
    host = live(requested(mode="view"))
    assert gates(wants(live(joined(host)))) == ["join"]


def test_the_rules_for_joining_say_whether_they_may_control():
    _, join = watched()
    view, both = frozenset({Mode.VIEW}), frozenset(Mode)
    rules = [
        StartRule(level=Level.TWO, country="US", start=both, join=both),
        StartRule(level=Level.THREE, country="CA", start=frozenset(), join=view),
    ]
    do_save_start_rules(rules, acting_user=person("Alex"))
    assert gates(wants(join)) == ["level", "country"]
    assert ending(join) == ""
    do_save_start_rules(DEFAULT_START_RULES, acting_user=person("Alex"))
    assert wanted(join).state == "routed"


def test_whoever_may_not_control_any_more_is_out_of_control():
    host, join = watched()
    control = wanted(join)
    passed(host, control)
    view, both = frozenset({Mode.VIEW}), frozenset(Mode)
    rules = [
        *(StartRule(level=level, country="US", start=both, join=both) for level in Level),
        StartRule(level=Level.THREE, country="CA", start=frozenset(), join=view),
    ]
    do_save_start_rules(rules, acting_user=person("Alex"))
    assert (ending(control), ending(join), ending(host)) == ("revoked", "", "")


def test_one_controls_and_the_page_says_who():
    host, join = watched()
    assert who(host) == [("Marie Tremblay", True), ("Sam Okafor", False)]
    path = f"/sessions/{host.pk}/"
    assert f"bedside control ask {DEVICE}" in Reader("Sam").text(f"/sessions/{join.pk}/")
    control = wanted(join)
    for action in (ASKED, GIVEN):
        assert tell(control.pk, action)
    assert f"bedside control hand {DEVICE} &#x27;Sam Okafor&#x27;" in Reader("Marie").text(path)
    assert "bedside control" not in Reader("Julie").text(path)
    assert tell(host.pk, PASSED, person="Sam Okafor")
    assert tell(control.pk, LIVE)
    assert who(host) == [("Marie Tremblay", False), ("Sam Okafor", True)]
    said = Reader("Julie").text(path)
    assert "Marie Tremblay does not control: control was handed over" in said
    assert "Sam Okafor · Canada · Bayard Imaging · controls" in said
    assert f"bedside control take {DEVICE}" in Reader("Marie").text(path)
    shown = Api("Marie").get(f"/sessions/{control.pk}").json()
    assert "authenticating" not in [step["state"] for step in shown["timeline"]]
    # However theirs ends, nobody controls before Marie takes it.
    assert tell(control.pk, ENDED, ending="partner_lost")
    assert who(host) == [("Marie Tremblay", False), ("Sam Okafor", False)]
    assert "Nobody controls at this moment." in Reader("Julie").text(path)
    assert tell(host.pk, TAKEN)
    assert who(host) == [("Marie Tremblay", True), ("Sam Okafor", False)]
    assert (ending(control), ending(join), ending(host)) == ("partner_lost", "", "")
    states = [row.state for row in host.timeline.all()]
    assert states[-3:] == ["live_control", "live_view", "live_control"]


def test_refused_everything_stays_as_it_was():
    host, join = watched()
    control = wanted(join)
    tell(control.pk, ASKED)
    assert tell(control.pk, ENDED, gate=Gate.CONSENT, ending="refused")
    assert (ending(control), ending(join), ending(host)) == ("refused", "", "")
    assert who(host) == [("Marie Tremblay", True), ("Sam Okafor", False)]
    assert wanted(join).state == "routed"


@pytest.mark.parametrize("whose", ["control", "join", "host"])
def test_control_ends_with_the_join_and_both_with_the_session(whose):
    host, join = watched()
    control = wanted(join)
    passed(host, control)
    ended = {"control": control, "join": join, "host": host}[whose]
    do_end_session(ended, acting_user=person(ended.person.name))
    over = {"control": [control], "join": [control, join], "host": [control, join, host]}[whose]
    for session in (control, join, host):
        assert ending(session) == ("by_specialist" if session in over else "")
        count = actions_of(session=session.pk).count("session:life:ended")
        assert count == (session in over)
    withdrawn = DeviceMessage.objects.filter(kind="withdrawal")
    assert {row.session for row in withdrawn} == {session.pk for session in over}


def test_a_lock_of_whoever_controls_leaves_the_session():
    host, join = watched()
    control = wanted(join)
    passed(host, control)
    lock = LockTarget(LockScope.PERSON, person("Sam").pk)
    do_set_lock(lock, reason="left the company", acting_user=person("Alex"))
    assert (ending(control), ending(join), ending(host)) == ("revoked", "revoked", "")
    assert who(host)[0] == ("Marie Tremblay", False)


def test_a_site_that_has_its_approvers_decide_on_control_is_asked_about_that():
    julie, hand = person("Julie"), SiteHand()
    approver = register_passkey(julie).approver
    host, join = watched()
    hand.register()
    hand.publish(rules={SiteAction.SYSTEM_CONTROL: SiteRule.ASK_SITE}, approvers=(approver,))
    control = wanted(join)
    assert control.state == "awaiting_site"
    subject = actions.question_of(control, julie).subject
    assert (subject["joins"], subject["mode"]) == (join.pk, "control")
    said = Reader("Julie").text(f"/sessions/{control.pk}/approve/")
    assert "watches the session of Marie Tremblay and asks to be handed control of it." in said
    actions.do_refuse(control, reason="", acting_user=julie)
    assert (ending(control), ending(join), ending(host)) == ("refused", "", "")
    hand.publish(rules={SiteAction.SYSTEM_CONTROL: SiteRule.DENY}, approvers=(approver,))
    assert gates(wants(join)) == ["site_policy"]


def test_the_site_is_told_country_first_then_who_controls_and_when_it_is_over():
    site = Organisation.objects.get(pk="notre-dame")
    SiteContact.objects.create(site=site, name="Julie", email="julie@nd.example", language="en")
    host, join = watched()
    control = wanted(join)
    passed(host, control)
    tell(control.pk, ENDED, ending="by_specialist")
    told = dict(
        Notice.objects.filter(event__startswith="session.control").values_list("event", "subject")
    )
    assert told == {
        "session.control.asked": f"CANADA: Sam Okafor asks to be handed control of {DEVICE}",
        "session.control.passed": f"CANADA: Sam Okafor controls {DEVICE} now",
        "session.control.over": f"Sam Okafor does not control {DEVICE} any more",
    }
    body = Notice.objects.get(event="session.control.asked").body
    assert (
        "It is the session of Marie Tremblay, who hands control over and can take it back." in body
    )
    assert control.reason not in body


def test_a_device_that_says_otherwise_makes_no_control_of_observation():
    host = live(requested(mode="view"))
    assert not tell(host.pk, TAKEN)
    host.refresh_from_db()
    assert host.state == "live_view"
    assert joining(host).status_code == 201

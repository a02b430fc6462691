"""A level 3 in Canada joins a live session: asked, told country first, and out with it (S37, S36)."""

import pytest

from bedside.console.access.actions import LockTarget
from bedside.console.accounts.models import Organisation
from bedside.console.journal.actions import now_ms
from bedside.console.notices.models import Notice
from bedside.console.relays.models import DeviceMessage
from bedside.console.service_sessions import actions
from bedside.console.service_sessions.actions import (
    do_end_due_sessions,
    do_end_session,
    do_set_lock,
)
from bedside.console.service_sessions.actions.orders import draft_of
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.models import SiteContact
from bedside.policy.facts import LockScope
from bedside.vocabulary import Gate, SiteAction, SiteRule
from tests.console.pages.reader import Reader
from tests.console.passkeys import register_passkey
from tests.console.service_sessions.news import (
    ASKED,
    ENDED,
    ending,
    gates,
    go_abroad,
    joining,
    live,
    made,
    requested,
    tell,
)
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, asking, person

pytestmark = pytest.mark.usefixtures("fleet")


@pytest.fixture(autouse=True)
def canadian(fleet):
    go_abroad()


def joined(host: ServiceSession) -> ServiceSession:
    return made(joining(host))


def test_who_may_not_start_may_join_and_the_order_says_which():
    assert "country" in gates(Api("Sam").post("/sessions", asking()))
    host = live(requested())
    join = joined(host)
    assert (join.state, join.joins_id) == ("routed", host.pk)
    assert join.actions == []
    assert DeviceMessage.objects.filter(kind="order", session=join.pk).count() == 1
    order = draft_of(join, issued_ms=now_ms())
    assert order.joins == host.pk
    assert order.subject["joins"] == host.pk
    assert bytes(join.device_proof_seed) != bytes(host.device_proof_seed)
    assert actions_of(session=join.pk) == ["session:request:allowed", "session:request:routed"]
    shown = Api("Marie").get(f"/sessions/{join.pk}").json()
    assert shown["joins"] == host.pk
    assert Api("Marie").get(f"/sessions/{host.pk}").json()["joins"] is None


def test_only_a_live_session_of_somebody_else_on_this_device_is_joined():
    host = requested()
    assert gates(joining(host)) == ["join"]
    live(host)
    other = "system" if host.access == "service" else "service"
    assert gates(joining(host, access=other)) == ["join"]
    mine = asking(joins=host.pk, access=host.access, mode="view")
    assert gates(Api("Marie").post("/sessions", mine)) == ["join"]
    join = joined(host)
    assert gates(joining(host)) == ["join"]
    assert gates(joining(live(join))) == ["join"]
    do_end_session(host, acting_user=person("Marie"))
    assert gates(joining(host)) == ["join"]
    assert "join" in gates(Api("Sam").post("/sessions", {**mine, "joins": "0" * 26}))
    assert "join" in gates(joining(host, device=FOREIGN))


def test_a_join_names_a_session_and_gives_no_control_of_it():
    host = live(requested())
    assert joining(host, joins="no id").status_code == 422
    assert gates(joining(host, mode="control")) == ["join"]


def test_refused_or_over_the_session_goes_on():
    host = live(requested())
    for word, gate in (("refused", Gate.CONSENT), ("unanswered", Gate.CONSENT_SILENCE)):
        join = joined(host)
        tell(join.pk, ASKED)
        assert tell(join.pk, ENDED, gate=gate, ending=word)
        assert ending(join) == word
    assert ending(host) == ""
    join = live(joined(host))
    assert join.state == "live_view"
    do_end_session(join, acting_user=person("Sam"))
    assert ending(host) == ""


def test_whoever_joined_is_out_with_the_session():
    host = live(requested())
    join = live(joined(host))
    do_end_session(host, acting_user=person("Julie"))
    assert (ending(host), ending(join)) == ("site_terminated", "site_terminated")
    withdrawn = DeviceMessage.objects.filter(kind="withdrawal")
    assert {row.session for row in withdrawn} == {host.pk, join.pk}
    assert actions_of(session=join.pk).count("session:life:ended") == 1


def test_a_word_that_a_join_cannot_end_with_is_revoked():
    host = live(requested())
    join = joined(host)
    tell(host.pk, ENDED, ending="idle")
    assert (ending(host), ending(join)) == ("idle", "revoked")
    # Nobody had told the device: its order is taken back.
    assert DeviceMessage.objects.filter(kind="withdrawal", session=join.pk).exists()


def test_a_lock_ends_both_once():
    host = live(requested())
    join = live(joined(host))
    lock = LockTarget(LockScope.DEVICE, DEVICE)
    do_set_lock(lock, reason="recall", acting_user=person("Alex"))
    assert (ending(host), ending(join)) == ("revoked", "revoked")
    for session in (host, join):
        assert actions_of(session=session.pk).count("session:life:ended") == 1


def test_both_past_their_end_are_ended_once():
    host = live(requested())
    join = live(joined(host))
    do_end_due_sessions(now=now_ms() + 5 * 3_600_000)
    for session in (host, join):
        assert ending(session) == "expired"
        assert actions_of(session=session.pk).count("session:life:ended") == 1


def test_a_site_that_asks_its_approvers_is_asked_and_refuses_the_join_alone():
    julie, hand = person("Julie"), SiteHand()
    approver = register_passkey(julie).approver
    host = live(requested())
    hand.register()
    hand.publish(rules={SiteAction.SYSTEM_VIEW: SiteRule.ASK_SITE}, approvers=(approver,))
    join = joined(host)
    assert join.state == "awaiting_site"
    assert actions.question_of(join, julie).subject["joins"] == host.pk
    said = Reader("Julie").text(f"/sessions/{join.pk}/approve/")
    assert "Canada : asks to join the session of Marie Tremblay, to watch it." in said
    actions.do_refuse(join, reason="", acting_user=julie)
    assert (ending(join), ending(host)) == ("refused", "")
    again = joined(host)
    do_end_session(host, acting_user=person("Marie"))
    assert ending(again) == "by_specialist"
    assert not DeviceMessage.objects.filter(kind="withdrawal", session=again.pk).exists()


def test_the_site_reads_the_country_first_in_its_language():
    site = Organisation.objects.get(pk="notre-dame")
    SiteContact.objects.create(site=site, name="Julie", email="julie@nd.example", language="fr")
    SiteContact.objects.create(
        site=site, name="Desk", email="desk@nd.example", language="en", before=False, after=False
    )
    host = live(requested())
    join = joined(host)
    told = Notice.objects.filter(event="session.joining")
    subjects = {row.address: row.subject for row in told}
    assert subjects == {
        "julie@nd.example": f"CANADA : Sam Okafor demande à rejoindre la séance sur {DEVICE}",
        "desk@nd.example": f"CANADA: Sam Okafor asks to join the session on {DEVICE}",
    }
    body = told.get(address="desk@nd.example").body
    assert "It joins the session of Marie Tremblay" in body
    assert join.reason not in body

"""The site's yes or no: fixed when asked, signed by a passkey, checked, and a no in silence (N3, R19)."""

from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError

from bedside.audit.entry import Actor, ActorKind
from bedside.console.access.models import Entitlement
from bedside.console.accounts.models import User
from bedside.console.journal.actions import now_ms
from bedside.console.relays.models import DeviceMessage
from bedside.console.service_sessions import actions
from bedside.console.service_sessions.actions.orders import draft_of
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.actions import Window, do_arrange, do_break_glass, do_open_window
from bedside.console.sites.models import BreakGlass, SiteArrangement, SiteWindow
from bedside.protocol.orders import SessionOrder
from bedside.vocabulary import JournalAction, SiteAction, SiteRule
from tests.console.pages.reader import Reader
from tests.console.passkeys import register_passkey
from tests.console.service_sessions.news import live, requested, tell
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, Api, actions_of, asking, person

pytestmark = pytest.mark.usefixtures("fleet")

CONTROL = SiteAction.SYSTEM_CONTROL
HOUR = 3_600_000


class Approver:
    """One of the hospital's people with a passkey that the site enrolled."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.passkey = register_passkey(user)

    def sign(self, session, **options):
        question = actions.question_of(session, self.user)
        return self.passkey.approve(question.digest, **options)

    def approve(self, session, approval=None):
        return actions.do_approve(session, approval or self.sign(session), acting_user=self.user)


@pytest.fixture
def site(fleet):
    hand = SiteHand()
    hand.register()
    return hand


@pytest.fixture
def julie(fleet):
    return Approver(person("Julie"))


@pytest.fixture
def paul(fleet):
    julie = person("Julie")
    return Approver(
        User.objects.create(
            email="paul@notre-dame.example", name="Paul Roy", organisation=julie.organisation,
            role="site_approver", country="CA",
        )
    )  # fmt: skip


@pytest.fixture
def asked(site, julie, paul):
    """A request that one of two approvers must allow."""
    approvers = (julie.passkey.approver, paul.passkey.approver)
    site.publish(rules={CONTROL: SiteRule.ASK_SITE}, approvers=approvers)
    session = requested()
    assert session.state == "awaiting_site"
    return session


def refused(call, *args):
    with pytest.raises(ValidationError) as error:
        call(*args)
    return error.value.code


def test_an_approved_request_is_ordered_with_the_approval_in_it(asked, julie):
    assert not DeviceMessage.objects.filter(kind="order").exists()
    assert julie.approve(asked)
    asked.refresh_from_db()
    assert asked.state == "routed"
    assert DeviceMessage.objects.filter(kind="order", session=asked.pk).count() == 1
    order = draft_of(asked, issued_ms=now_ms())
    assert SessionOrder.from_bytes(order.to_bytes()).approvals[0].approver == julie.user.pk
    assert actions_of(session=asked.pk) == [
        "session:request:allowed",
        "session:approval:asked",
        "session:approval:given",
        "session:request:routed",
    ]


def test_what_the_passkey_signed_is_what_the_device_gets(asked, julie):
    """The digest of the question is that of the order as it is sent, minutes later."""
    digest = actions.question_of(asked, julie.user).digest
    julie.approve(asked)
    asked.refresh_from_db()
    assert draft_of(asked, issued_ms=now_ms() + 60_000).approval_digest == digest


def test_a_no_ends_the_request_with_its_reason(asked, julie):
    actions.do_refuse(asked, reason="Not before noon", acting_user=julie.user)
    asked.refresh_from_db()
    assert (asked.state, asked.ending, asked.gate) == ("ended", "refused", "site_approval")
    assert not DeviceMessage.objects.filter(
        device=DEVICE, kind__in=["order", "withdrawal"]
    ).exists()
    with pytest.raises(actions.NotAskedError):
        julie.approve(asked, julie.passkey.approve(bytes(32)))


def test_silence_is_a_no(asked):
    assert actions.do_end_due_sessions(now=asked.answer_by_ms - 1) == 0
    assert actions.do_end_due_sessions(now=asked.answer_by_ms) == 1
    asked.refresh_from_db()
    assert (asked.state, asked.ending, asked.gate) == ("ended", "unanswered", "site_silence")


def test_a_yes_after_the_time_is_none(asked, julie):
    approval = julie.sign(asked)
    ServiceSession.objects.filter(pk=asked.pk).update(answer_by_ms=now_ms())
    with pytest.raises(actions.NotAskedError):
        julie.approve(asked, approval)
    assert not asked.approvals.exists()


def test_it_is_an_approval_once_the_device_has_verified_it(asked, julie, paul):
    julie.approve(asked)
    shown = Api("Marie").get(f"/sessions/{asked.pk}").json()["approvals"]
    assert [(each["name"], each["verified_ms"]) for each in shown] == [("Julie Gagnon", None)]
    reader = Reader("Julie")
    assert "has not verified it yet" in reader.text(f"/sessions/{asked.pk}/")
    assert "Approved by" not in reader.text(f"/sessions/{asked.pk}/")
    for who, moved in ((paul, False), (julie, True), (julie, False)):
        actor = Actor(ActorKind.PERSON, who.user.pk, who.user.name)
        verified = JournalAction.SESSION_APPROVAL_VERIFIED
        assert tell(asked.pk, verified, actor=actor) is moved
    assert "Approved by" in reader.text(f"/sessions/{asked.pk}/")
    assert Api("Marie").get(f"/sessions/{asked.pk}").json()["approvals"][0]["verified_ms"]


def test_another_s_or_another_request_s_assertion_is_refused(asked, julie, paul):
    other = requested()
    assert refused(julie.approve, asked, julie.sign(other)) == "challenge"
    stolen = replace(julie.sign(asked), approver=paul.user.pk)
    assert refused(paul.approve, asked, stolen) == "passkey"
    assert refused(julie.approve, asked, julie.sign(asked, flags=1)) == "not_verified"
    stranger = register_passkey(julie.user)
    unknown = stranger.approve(actions.question_of(asked, julie.user).digest)
    assert refused(julie.approve, asked, unknown) == "passkey"
    asked.refresh_from_db()
    assert asked.state == "awaiting_site"
    assert not asked.approvals.exists()


def test_two_where_the_site_says_two(site, julie, paul):
    site.publish(
        rules={CONTROL: SiteRule.ASK_SITE},
        two_approvers=(CONTROL,),
        approvers=(julie.passkey.approver, paul.passkey.approver),
    )
    session = requested()
    assert not julie.approve(session)
    assert refused(julie.approve, session, julie.sign(session)) == "answered"
    session.refresh_from_db()
    assert session.state == "awaiting_site"
    assert paul.approve(session)
    session.refresh_from_db()
    assert session.state == "routed"
    assert len(draft_of(session, issued_ms=now_ms()).approvals) == 2


def test_what_closed_while_the_site_thought_is_refused_all_the_same(asked, julie):
    Entitlement.objects.all().delete()
    assert not julie.approve(asked)
    asked.refresh_from_db()
    assert (asked.ending, asked.gate) == ("refused", "entitlement")


def test_files_are_in_the_grant_only_where_the_site_leaves_them_to_the_device(site):
    site.publish(rules={SiteAction.FILES_OUT: SiteRule.DENY})
    session = requested()
    assert session.actions == ["files_in"]
    site.publish(rules={SiteAction.FILES_OUT: SiteRule.ASK_SITE})
    assert requested().actions == ["files_in"]


def test_files_that_the_site_decides_about_are_asked_for_by_name(site, julie):
    rules = {SiteAction.FILES_OUT: SiteRule.ASK_SITE, SiteAction.FILES_IN: SiteRule.DENY}
    site.publish(rules=rules, approvers=(julie.passkey.approver,))
    waits = requested(files=["files_out"])
    assert (waits.state, waits.actions) == ("awaiting_site", ["files_out"])
    assert julie.approve(waits)
    waits.refresh_from_db()
    assert waits.state == "routed"
    denied = Api("Marie").post("/sessions", {**asking(), "files": ["files_in"]})
    assert denied.status_code == 403
    assert [each["gate"] for each in denied.json()["reasons"]] == ["site_policy"]
    wrong = Api("Marie").post("/sessions", {**asking(), "files": ["everything"]})
    assert wrong.status_code == 422


def test_without_the_ticket_that_the_site_asks_for_a_request_is_refused(site):
    site.publish(ticket=(CONTROL,))
    answer = Api("Marie").post("/sessions", asking())
    assert answer.status_code == 403
    assert [each["gate"] for each in answer.json()["reasons"]] == ["change_ticket"]
    assert requested(ticket="CHG-4471").state == "routed"


def test_the_open_window_names_the_ticket_and_ends_the_session_with_itself(site):
    julie, now = person("Julie"), now_ms()
    site.publish(ticket=(CONTROL,))
    do_arrange(site.site, SiteArrangement.Kind.SCHEDULED, acting_user=julie)
    window = Window(start_ms=now - 1000, end_ms=now + 600_000, ticket="CHG-4471")
    do_open_window(site.site, window, acting_user=julie)
    session = requested(duration_minutes=120)
    assert (session.state, session.ticket) == ("routed", "CHG-4471")
    assert 590 <= session.duration_s <= 600


def test_a_window_that_is_closed_ends_what_ran_in_it(site):
    julie, now = person("Julie"), now_ms()
    do_arrange(site.site, SiteArrangement.Kind.SCHEDULED, acting_user=julie)
    do_open_window(site.site, Window(start_ms=now - 1000, end_ms=now + HOUR), acting_user=julie)
    session = live(requested())
    assert actions.do_close_window(SiteWindow.objects.get(), acting_user=julie)
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("site_terminated", "site_window")
    assert DeviceMessage.objects.filter(kind="withdrawal", session=session.pk).exists()


def test_a_window_that_closes_within_a_minute_opens_nothing(site):
    julie, now = person("Julie"), now_ms()
    do_arrange(site.site, SiteArrangement.Kind.SCHEDULED, acting_user=julie)
    do_open_window(site.site, Window(start_ms=now - 1000, end_ms=now + 59_000), acting_user=julie)
    answer = Api("Marie").post("/sessions", asking())
    assert [each["gate"] for each in answer.json()["reasons"]] == ["site_window"]
    do_open_window(site.site, Window(start_ms=now - 1000, end_ms=now + 90_000), acting_user=julie)
    assert requested().state == "routed"


def test_what_was_allowed_late_ends_with_its_window_all_the_same(site):
    julie, now = person("Julie"), now_ms()
    do_arrange(site.site, SiteArrangement.Kind.SCHEDULED, acting_user=julie)
    do_open_window(site.site, Window(start_ms=now - 1000, end_ms=now + 600_000), acting_user=julie)
    session = live(requested())
    assert session.expires_ms <= now + 600_000
    assert actions.do_end_due_sessions(now=now + 599_999) == 0
    assert actions.do_end_due_sessions(now=now + 600_000) == 1
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("site_terminated", "site_window")
    assert DeviceMessage.objects.filter(kind="withdrawal", session=session.pk).exists()


def test_broken_glass_opens_without_a_contract_and_ends_with_it(site):
    Entitlement.objects.all().delete()
    do_break_glass(
        ServiceSession(device_id=DEVICE).device,
        reason="Stuck",
        minutes=30,
        acting_user=person("Julie"),
    )
    session = live(requested())
    assert session.break_glass
    assert session.duration_s <= 1800
    assert actions.do_end_glass(BreakGlass.objects.get(), acting_user=person("Julie"))
    session.refresh_from_db()
    assert session.ending == "site_terminated"

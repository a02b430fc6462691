"""A site's contacts are told before, at and after, each in their language, and nothing they typed."""

import json

import pytest

from bedside.console.accounts.models import Organisation
from bedside.console.journal.actions import now_ms
from bedside.console.notices.actions import do_send_due
from bedside.console.notices.models import Notice
from bedside.console.notices.sealing import seal_secret
from bedside.console.service_sessions.actions import (
    do_break_glass,
    do_end_due_glass,
    do_end_glass,
    do_end_session,
)
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.models import BreakGlass, SiteContact, SiteHook
from tests.console.service_sessions.news import ENDED, go_abroad, joining, live, requested, tell
from tests.console.world import DEVICE, Api, actions_of, asking, person

pytestmark = pytest.mark.usefixtures("fleet")


@pytest.fixture(autouse=True)
def contacts(fleet):
    site = Organisation.objects.get(pk="notre-dame")
    SiteContact.objects.create(site=site, name="Julie", email="julie@nd.example", language="fr")
    SiteContact.objects.create(
        site=site, name="Desk", email="desk@nd.example", before=False, after=False
    )
    SiteHook.objects.create(
        site=site,
        url="https://siem.nd.example/",
        secret=seal_secret("whsec_x"),
        created_by=person("Julie"),
    )


def told(address):
    return [
        (row.event, row.subject) for row in Notice.objects.filter(address=address).order_by("id")
    ]


def test_an_ending_does_not_wait_for_a_secret_that_cannot_be_opened():
    SiteHook.objects.update(secret="sealed by another installation")
    session = live(requested())
    do_end_session(session, acting_user=person("Marie"))
    session.refresh_from_db()
    assert session.ending == "by_specialist"
    do_send_due(now=now_ms())
    dead = Notice.objects.filter(address="https://siem.nd.example/", state=Notice.State.DEAD)
    assert dead.exists()


def test_before_at_and_after_in_the_reader_s_language():
    session = live(requested())
    tell(session.pk, ENDED, ending="by_operator")
    assert told("julie@nd.example") == [
        ("session.asked", "Marie Tremblay demande l’accès à CI-20417"),
        ("session.live", "Marie Tremblay est en séance sur CI-20417"),
        ("session.ended", "La séance de Marie Tremblay sur CI-20417 est terminée"),
    ]
    assert told("desk@nd.example") == [("session.live", "Marie Tremblay is connected to CI-20417")]
    assert [event for event, _ in told("https://siem.nd.example/")] == [
        "session.asked",
        "session.live",
        "session.ended",
    ]


def only_before():
    site = Organisation.objects.get(pk="notre-dame")
    SiteContact.objects.create(
        site=site, name="Ward", email="ward@nd.example", during=False, after=False
    )


ENDINGS = {
    "refused": lambda session: tell(session.pk, ENDED, ending="refused"),
    "unanswered": lambda session: tell(session.pk, ENDED, ending="unanswered"),
    "by_specialist": lambda session: do_end_session(session, acting_user=person("Marie")),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_whoever_was_told_of_an_asking_is_told_what_came_of_it(ending):
    only_before()
    session = requested()
    ENDINGS[ending](session)
    session.refresh_from_db()
    assert session.ending == ending
    assert told("ward@nd.example") == [
        ("session.asked", "Marie Tremblay asks for access to CI-20417"),
        ("session.ended", "The request of Marie Tremblay for CI-20417 has ended"),
    ]
    assert [event for event, _ in told("https://siem.nd.example/")] == [
        "session.asked",
        "session.ended",
    ]
    assert told("desk@nd.example") == []


def test_whoever_chose_before_only_is_not_told_after_what_took_place():
    only_before()
    do_end_session(live(requested()), acting_user=person("Marie"))
    assert [event for event, _ in told("ward@nd.example")] == ["session.asked"]


def test_whoever_was_told_that_somebody_asks_to_join_is_told_what_came_of_it():
    only_before()
    session = live(requested())
    go_abroad()
    join = ServiceSession.objects.get(pk=joining(session).json()["id"])
    tell(join.pk, ENDED, ending="refused")
    assert [event for event, _ in told("ward@nd.example")] == [
        "session.asked",
        "session.joining",
        "session.ended",
    ]
    assert told("desk@nd.example")[-1][0] == "session.ended"


def test_what_people_typed_stays_at_home():
    session = live(requested(reason="For patient Jean Untel", case="C-PAT-1", ticket="CHG-7"))
    do_end_session(session, acting_user=person("Marie"))
    everything = json.dumps(list(Notice.objects.values_list("subject", "body", "address")))
    for word in ("Untel", "C-PAT-1", "CHG-7", "whsec_x"):
        assert word not in everything
    assert session.pk in everything


def test_a_request_that_was_refused_at_once_is_told_to_nobody():
    assert Api("Marie").post("/sessions", asking(case="")).status_code == 403
    assert not Notice.objects.exists()


def test_the_same_news_twice_is_told_once():
    session = live(requested())
    count = Notice.objects.count()
    live_again = ServiceSession.objects.get(pk=session.pk)
    from bedside.console.service_sessions.telling import tell_live

    tell_live(live_again)
    assert Notice.objects.count() == count


def test_the_end_of_broken_glass_is_told_when_the_site_ends_it():
    device = ServiceSession(device_id=DEVICE).device
    julie = person("Julie")
    glass = do_break_glass(device, reason="Patient waits", minutes=30, acting_user=julie)
    assert do_end_glass(glass, acting_user=julie)
    assert do_end_due_glass(now=glass.end_ms) == 0
    assert [event for event, _ in told("desk@nd.example")] == ["glass.broken", "glass.ended"]


def test_broken_glass_is_told_to_everybody_whatever_they_chose():
    device = ServiceSession(device_id=DEVICE).device
    do_break_glass(device, reason="Patient waits", minutes=30, acting_user=person("Julie"))
    assert told("julie@nd.example") == [
        ("glass.broken", "ACCÈS D’URGENCE à CI-20417, ouvert par Julie Gagnon")
    ]
    assert [event for event, _ in told("desk@nd.example")] == ["glass.broken"]
    glass = BreakGlass.objects.get()
    assert do_end_due_glass(now=glass.end_ms - 1) == 0
    assert do_end_due_glass(now=glass.end_ms) == 1
    assert do_end_due_glass(now=glass.end_ms + 1000) == 0
    assert told("julie@nd.example")[1:] == [
        ("glass.ended", "L’accès d’urgence à CI-20417, ouvert par Julie Gagnon, est terminé")
    ]
    assert [event for event, _ in told("desk@nd.example")] == ["glass.broken", "glass.ended"]
    assert [row.event for row in Notice.objects.filter(channel="webhook")].count("glass.ended") == 1
    assert actions_of(action="site:glass:ended") == ["site:glass:ended"]
    assert "Patient waits" not in json.dumps(list(Notice.objects.values_list("body")))

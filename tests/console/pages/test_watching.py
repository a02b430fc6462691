"""Watching a live session from the hospital: each act as the device tells it, newest first (R18)."""

import json

import pytest

from bedside.audit.entry import Actor, ActorKind
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.service_sessions.models import ServiceSession
from bedside.vocabulary import Gate, JournalAction, Mode, Outcome
from tests.console.pages.reader import Reader, ask
from tests.console.pages.seed import Chain, files, live
from tests.console.service_sessions.news import go_abroad, joining
from tests.console.world import DEVICE, FOREIGN, Api

pytestmark = pytest.mark.usefixtures("fleet")


@pytest.fixture
def chain():
    return Chain(DEVICE)


@pytest.fixture
def session(chain):
    session = ask()
    live(chain, session.pk, Mode.CONTROL, now_ms())
    files(chain, session.pk, now_ms())
    chain.report(now_ms())
    return session


@pytest.mark.parametrize(
    ("language", "acts", "left"),
    [
        ("en", ["Channel refused", "File sent", "Channel opened"], "ends by itself in"),
        ("fr", ["Canal refusé", "Fichier envoyé", "Canal ouvert"], "se termine d’elle-même dans"),
    ],
)
def test_each_act_stands_with_what_it_was_newest_first(session, language, acts, left):
    said = Reader("Julie", language).text(f"/sessions/{session.pk}/watch/")
    places = [said.index(act) for act in acts]
    assert places == sorted(places)
    assert "event-log" in said
    assert "10.0.4.17" in said
    assert left in said
    for raw in ("bytes_", "_ms", "data_item"):
        assert raw not in said, raw


def test_the_portal_leads_to_it_and_end_is_in_reach(session):
    julie = Reader("Julie")
    portal = julie.get("/sites/notre-dame/").content.decode()
    assert f'href="/sessions/{session.pk}/watch/"' in portal
    page = julie.get(f"/sessions/{session.pk}/watch/").content.decode()
    assert f'href="/sessions/{session.pk}/end/"' in page
    assert f"/live/sessions/{session.pk}/events" in page
    assert 'aria-live="polite"' in page
    assert '<ol class="acts">' in page  # the list itself is read when one goes there


def test_what_whoever_joined_does_is_told_with_it(session, chain):
    go_abroad()
    join = joining(ServiceSession.objects.get(pk=session.pk)).json()["id"]
    sam = Actor(ActorKind.PERSON, "sam", "Sam Okafor")
    chain.write(
        JournalAction.SESSION_CHANNEL_REFUSED, now_ms(), join, sam,
        outcome=Outcome.REFUSED, gate=Gate.VIEW_ONLY, channel="exec", command="reboot now",
    )  # fmt: skip
    chain.report(now_ms())
    said = Reader("Julie").text(f"/sessions/{session.pk}/watch/")
    assert said.index("reboot now") < said.index("10.0.4.17")
    assert "Sam Okafor · Bayard Imaging · level 3 · Canada" in said


def test_a_long_session_shows_its_newest_acts(session, chain):
    marie = Actor(ActorKind.PERSON, "marie", "Marie Tremblay")
    for number in range(120):
        opened = JournalAction.SESSION_CHANNEL_OPENED
        chain.write(opened, now_ms(), session.pk, marie, channel="exec", command=f"step {number}.")
    chain.report(now_ms())
    said = Reader("Julie").text(f"/sessions/{session.pk}/watch/")
    assert "step 119." in said
    assert "step 20." in said
    assert "step 19." not in said
    assert "Older acts" in said


def test_another_site_s_session_is_as_unknown():
    session = ask(device=FOREIGN)
    assert Reader("Julie").get(f"/sessions/{session.pk}/watch/").status_code == 404
    assert Reader("Marie").get(f"/sessions/{session.pk}/watch/").status_code == 200


def test_why_it_was_ended_is_on_its_time_line_and_in_the_journal(session):
    path = f"/sessions/{session.pk}/end/"
    assert Reader("Julie").post(path, reason="x" * 201).status_code == 400
    Reader("Julie").post(path, reason="An exam begins")
    session.refresh_from_db()
    assert session.ending == "site_terminated"
    assert "An exam begins" in Reader("Marie").text(f"/sessions/{session.pk}/")
    row = JournalRow.objects.get(session=session.pk, action="session:life:ended")
    assert json.loads(bytes(row.entry))["detail"]["reason"] == "An exam begins"
    said = Reader("Julie").text(f"/sessions/{session.pk}/watch/")
    assert "ends by itself in" not in said
    assert "10.0.4.17" in said


def test_the_api_takes_the_reason_and_needs_none(session):
    other = ask()
    Api("Julie").post(f"/sessions/{session.pk}/end", {"reason": "An exam begins"})
    Api("Marie").post(f"/sessions/{other.pk}/end", {})
    rows = JournalRow.objects.filter(action="session:life:ended").order_by("id")
    details = [json.loads(bytes(row.entry))["detail"] for row in rows]
    assert [detail.get("reason") for detail in details] == ["An exam begins", None]


def test_a_program_reads_the_same_page_by_page(session):
    julie = Api("Julie")
    first = julie.get(f"/sessions/{session.pk}/acts", limit=2).json()
    assert [each["view"]["action"] for each in first["items"]] == [
        "session:channel:refused",
        "session:file:sent",
    ]
    rest = julie.get(f"/sessions/{session.pk}/acts", cursor=first["next"]).json()
    assert rest["items"][0]["view"]["action"] == "session:channel:opened"
    assert rest["next"] is None
    foreign = ask(device=FOREIGN)
    assert julie.get(f"/sessions/{foreign.pk}/acts").status_code == 404

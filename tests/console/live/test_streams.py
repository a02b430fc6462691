import time

import pytest

from tests.console.live.processes import Console
from tests.console.world import DEVICE, PROFILES, WORLD

SETUP = """
from pathlib import Path
from bedside.audit.entry import SYSTEM
from bedside.console.devices.actions import do_import_profile
from bedside.console.project.world import apply_world
for profile in sorted(Path("{profiles}").glob("*.toml")):
    do_import_profile(profile.read_bytes(), acting_user=SYSTEM)
apply_world(Path("{world}").read_bytes(), acting_user=SYSTEM)
from tests.console.world import enrol, token, Api, asking
from django.db import transaction
with transaction.atomic():
    enrol("{device}", Path("{folder}"))
for name in ("Marie", "Sam", "Julie", "Alex"):
    token(name)
from bedside.console.accounts.models import User
User.objects.filter(name__startswith="Sam").update(is_active=False)
import json
from django.conf import settings
settings.ALLOWED_HOSTS.append("testserver")
answer = Api("Marie").post("/sessions", asking())
print(json.loads(answer.content)["id"])
"""
DELIVER = """
from bedside.console.service_sessions.actions import do_note_delivered
from bedside.console.journal.actions import now_ms
from django.db import transaction
from bedside.console.journal.actions import record, relay_actor
from bedside.audit.entry import Thing
from bedside.vocabulary import JournalAction
with transaction.atomic():
    do_note_delivered("{session}", at_ms=now_ms(), relay="a")
    record(JournalAction.SESSION_CONSENT_ASKED, actor=relay_actor("a"),
           thing=Thing("session", "{session}"), device="{device}", session="{session}")
print(now_ms())
"""
WORK = """
from bedside.console.journal.actions import now_ms
from bedside.vocabulary import JournalAction
from tests.console.pages.seed import Chain
chain = Chain.resume("{device}")
chain.write(JournalAction.SESSION_CHANNEL_OPENED, now_ms(), "{session}", channel="exec")
chain.report(now_ms())
"""
END = """
from bedside.console.accounts.models import User
from bedside.console.service_sessions.actions import do_end_session
from bedside.console.service_sessions.models import ServiceSession
marie = User.objects.get(name__startswith="Marie")
do_end_session(ServiceSession.objects.get(pk="{session}"), acting_user=marie)
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    console = Console.make(folder / "console")
    (folder / "world.toml").write_text(WORLD)
    console.session = console.script(
        SETUP.format(profiles=PROFILES, world=folder / "world.toml", device=DEVICE, folder=folder)
    ).split()[-1]
    yield console
    console.end()


@pytest.fixture(scope="module")
def live(console):
    return console.live()


def bearer(name: str) -> str:
    return f"Bearer bdt_test-{name}"


@pytest.fixture
def watched(live, console):
    stream = live.stream(f"/live/sessions/{console.session}/events", Authorization=bearer("Marie"))
    yield stream
    stream.close()


def test_a_session_is_followed_to_its_end(live, console, watched):
    session = console.session
    assert watched.status == 200
    assert watched.headers["content-type"] == "text/event-stream"
    assert watched.event("session")["state"] == "routed"
    written_ms = int(console.script(DELIVER.format(session=session, device=DEVICE)).strip())
    told = watched.event("session")
    late_ms = time.time_ns() // 1_000_000 - written_ms
    assert told["state"] == "awaiting_operator"
    assert late_ms < 12_000  # the script's own end included
    console.script(WORK.format(session=session, device=DEVICE))
    assert (
        watched.event("session")["state"] == "awaiting_operator"
    )  # an act is news by itself (R18)
    console.script(END.format(session=session))
    assert watched.event("session")["ending"] == "by_specialist"
    assert watched.over()
    again = live.stream(
        f"/api/v1/sessions/{session}/events",
        Authorization=bearer("Marie"),
        Last_Event_ID="ended",
    )
    assert again.status == 204
    again.close()


def test_the_words_are_in_the_readers_language(watched):
    assert watched.event("session")["state_words"] != ""


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/live/fleet/events", {}, 401),
        ("/live/fleet/events", {"Authorization": "Bearer nonsense"}, 401),
        ("/live/fleet/events", {"Authorization": bearer("Sam")}, 401),
        ("/live/fleet/events", {"Cookie": "bedside_session=nonsense"}, 401),
        ("/live/other", {"Authorization": bearer("Alex")}, 404),
        ("/live/sessions/UNKNOWN/events", {"Authorization": bearer("Alex")}, 404),
        (
            "/live/fleet/events",
            {"Authorization": bearer("Alex"), "Origin": "https://evil.example"},
            403,
        ),
    ],
)
def test_who_may_not_listen(live, path, headers, status):
    stream = live.stream(path, **headers)
    assert stream.status == status
    assert "access-control-allow-origin" not in stream.headers
    stream.close()


def test_our_own_origin_may_read_with_its_cookie(live):
    stream = live.stream(
        "/live/fleet/events", Authorization=bearer("Alex"), Origin="http://localhost"
    )
    assert stream.status == 200
    assert stream.headers["access-control-allow-origin"] == "http://localhost"
    assert stream.headers["access-control-allow-credentials"] == "true"
    stream.close()


def test_the_fleet_tells_where_a_device_is(live):
    stream = live.stream("/live/fleet/events", Authorization=bearer("Alex"))
    stream.comment("listening")
    event = {
        "kind": "presence",
        "device": DEVICE,
        "instance": "b" * 32,
        "at_ms": time.time_ns() // 1_000_000,
        "mode": "held",
        "activity": "asked",
        "version": "0.1.0",
        "configuration": 1,
        "journal": {"size": 0, "head": "0" * 64},
        "address": "192.0.2.7",
    }
    batch = {"v": 1, "relay": "b", "boot": "2" * 32, "sequence": 1, "events": [event]}
    assert live.ask("POST", "/relay/batch", relay="b", body=batch)[0] == 200
    told = stream.event("device")
    assert (told["device"], told["relay"], told["activity"]) == (DEVICE, "b", "asked")
    stream.close()


def test_one_person_has_a_few_streams_at_most(live):
    streams = [live.stream("/live/fleet/events", Authorization=bearer("Julie")) for _ in range(9)]
    for stream in streams[:8]:
        assert stream.status == 200
    assert streams[8].status == 429
    for stream in streams:
        stream.close()

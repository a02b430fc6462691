"""`bedside console status` where the database itself is what needs a person."""

import io
import json

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder

from bedside.console.health.beat import Beat
from bedside.console.health.management.commands.status import _lost
from bedside.console.health.queries import PROCESSES
from bedside.console.health.words import say
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.live.certificate import live_certificate
from bedside.console.relays.models import Relay

AWAY = OperationalError("connection refused\nDETAIL: of somebody@example.com")


@pytest.mark.django_db
def test_a_database_that_is_away_is_said_by_its_first_words():
    finding = _lost(AWAY)
    assert (finding.area, finding.good) == ("database", False)
    assert say(finding) == "It does not answer: connection refused"


@pytest.mark.django_db
def test_one_that_is_behind_is_told_from_one_that_is_away():
    MigrationRecorder.Migration.objects.filter(app="health").delete()
    finding = _lost(AWAY)
    assert finding.area == "migrations"
    assert say(finding) == "Not at this version: 2 to apply. Run: bedside console migrate"


def run(*words):
    said = io.StringIO()
    try:
        call_command("status", *words, stdout=said)
    except SystemExit as end:
        return end.code, said.getvalue()
    return 0, said.getvalue()


def make_well():
    now = now_ms()
    for kind in PROCESSES:
        Beat(kind)._say(now)
    Relay.objects.update(seen_ms=now)
    JournalRow.objects.update(at_ms=now)
    live_certificate(now=now)


def test_it_exits_with_0_where_all_is_well_and_with_1_where_one_thing_is_not(fleet):
    make_well()
    code, said = run()
    assert code == 0, said
    assert said.endswith("All is well.\n")
    assert "✖" not in said
    Relay.objects.filter(name="a").update(seen_ms=None)
    code, said = run()
    assert code == 1
    assert [line for line in said.splitlines() if line.startswith("✖")] == [
        "✖ relays        a has never asked: start it.",
        "✖               Relay lost, so that nobody knows whether they poll: 1.",
    ]
    code, said = run("--json")
    told = json.loads(said)
    assert (code, told["good"]) == (1, False)
    assert {each["area"] for each in told["findings"] if not each["good"]} == {"devices", "relays"}

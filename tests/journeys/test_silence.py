"""A real agent falls silent: pages say so, an alarm is told once, and is over when it is back (S61)."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.demo.people import ALEX, DEVICE
from bedside.demo.processes import wait_for
from bedside.demo.world import World

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]

PERIOD_MS = 2_000
RULE = f"""
from bedside.console.accounts.models import User
from bedside.console.monitoring.actions import do_set_rule
from bedside.vocabulary import AlarmScope
alex = User.objects.get(email="{ALEX.email}")
do_set_rule(AlarmScope.DEVICE, "{DEVICE}", minutes=15, acting_user=alex)
"""
# A quarter of an hour passes.
LATER = f"""
from django.db.models import F
from bedside.console.relays.models import DevicePresence
rows = DevicePresence.objects.filter(pk="{DEVICE}")
rows.update(polled_ms=F("polled_ms") - 15 * 60_000)
"""
CONTACT = f"""
from bedside.console.relays.queries import presence
print(presence("{DEVICE}").contact)
"""
ALARMS = f"""
from bedside.console.monitoring.models import Alarm
print([bool(row.cleared_ms) for row in Alarm.objects.filter(target="{DEVICE}")])
"""


@pytest.fixture
def world(world_folder: Path) -> Iterator[World]:
    """A world whose relays dictate a period of two seconds."""
    for config in sorted(world_folder.glob("**/relay.toml")):
        text = config.read_text()
        assert text.count("[limits]") == 1
        config.write_text(text.replace("[limits]", f"[limits]\nhold_ms = {PERIOD_MS}"))
    with World(world_folder) as world:
        yield world


def _says(world: World, code: str) -> str:
    return world.console("manage", "shell", "--no-imports", "--command", code).strip()


def test_an_agent_that_stops_is_an_alarm_until_it_goes_on(world: World) -> None:
    _says(world, RULE)
    wait_for("the device online", lambda: _says(world, CONTACT) == "online")
    agent = os.getpgid(world.processes.pid("agent"))
    os.killpg(agent, signal.SIGSTOP)
    try:
        wait_for("the device offline", lambda: _says(world, CONTACT) == "offline")
        assert _says(world, ALARMS) == "[]"
        _says(world, LATER)
        wait_for("an alarm", lambda: _says(world, ALARMS) == "[False]", within_s=60)
    finally:
        os.killpg(agent, signal.SIGCONT)
    wait_for("the alarm over", lambda: _says(world, ALARMS) == "[True]", within_s=60)
    assert _says(world, CONTACT) == "online"

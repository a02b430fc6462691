"""A real agent falls silent: pages say so, an alarm is told once, and is over when it is back (S61)."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.demo.people import ALEX, DEVICE
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from tests.console.standing import Standing
from tests.journeys.tables import rows

pytestmark = pytest.mark.journey

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
# It looks again and again by itself.
CONTACT = """
import time
from bedside.console.relays.queries import presence
until = time.monotonic() + 60
while (contact := presence("{device}").contact) != "{wanted}" and time.monotonic() < until:
    time.sleep(0.1)
print(contact)
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


@pytest.fixture
def standing(world: World) -> Iterator[Standing]:
    standing = Standing(world.console_config, timeout_s=90)
    yield standing
    standing.end()


def _contact(standing: Standing, wanted: str) -> str:
    """Return the device's contact: the one that is waited for, or what it still was after a minute."""
    return standing.script(CONTACT.format(device=DEVICE, wanted=wanted)).strip()


def _alarms(world: World) -> list[bool]:
    """Return of each of the device's alarms whether it is over."""
    query = "SELECT cleared_ms FROM monitoring_alarm WHERE target = ?"
    return [bool(cleared) for (cleared,) in rows(world, query, DEVICE)]


def test_an_agent_that_stops_is_an_alarm_until_it_goes_on(world: World, standing: Standing) -> None:
    standing.script(RULE)
    assert _contact(standing, "online") == "online"
    agent = os.getpgid(world.processes.pid("agent"))
    os.killpg(agent, signal.SIGSTOP)
    try:
        assert _contact(standing, "offline") == "offline"
        assert _alarms(world) == []
        standing.script(LATER)
        wait_for("an alarm", lambda: _alarms(world) == [False], within_s=60)
    finally:
        os.killpg(agent, signal.SIGCONT)
    wait_for("the alarm over", lambda: _alarms(world) == [True], within_s=60)
    assert _contact(standing, "online") == "online"

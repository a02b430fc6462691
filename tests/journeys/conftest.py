"""A whole world for the journeys of one file: console, two relays, a device, its people."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.demo.check import Journey
from bedside.demo.people import MARIE
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from tests.journeys.attacker import Attacker
from tests.journeys.play import Specialist


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("w")
    with World(folder, answer_s=60) as world:
        yield world


@pytest.fixture(scope="module")
def journey(world: World) -> Iterator[Journey]:
    journey = Journey(world)
    journey.log_in(MARIE)
    yield journey
    journey.close()


@pytest.fixture(scope="module")
def attacker(journey: Journey) -> Iterator[Attacker]:
    """The attacker sits where relay a was, and relay b is gone: everything goes through it."""
    world = journey.world
    for name in ("relay-a", "relay-b"):
        world.processes.kill(name)
    with Attacker(world.relay_folder("a") / "relay.toml") as attacker:
        wait_for("the device at the attacker's", lambda: attacker.polls > 1)
        yield attacker


@pytest.fixture(scope="module")
def marie(journey: Journey) -> Iterator[Specialist]:
    with Specialist(journey.world, MARIE) as marie:
        yield marie

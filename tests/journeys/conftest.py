"""A whole world for the journeys of one file: console, two relays, a device, its people."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.demo.check import Journey
from bedside.demo.people import MARIE
from bedside.demo.world import World


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

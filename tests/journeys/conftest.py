"""A whole world for the journeys of one file: console, two relays, a device, its people.

What every journey needs first (keys, database, rights, an enrolled device, people who have logged
in) is made once in a process, by the commands of the demonstration; each file gets a copy of it.
"""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bedside.demo.check import Journey
from bedside.demo.people import ALEX, MARIE
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from tests.console import migrated
from tests.console.databases import on_postgresql, place
from tests.journeys.attacker import Attacker
from tests.journeys.play import ANSWER_S, LIMITS, Specialist
from tests.journeys.refusals import Scene


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `kept`, a world at rest; it works at the path `world` beside it only."""
    # A short path: a Unix socket has room for 108 bytes.
    folder = tmp_path_factory.mktemp("w")
    database = ""
    if on_postgresql():
        database = place().create(_database("world"), like=migrated.template())
    else:
        migrated.fill_sqlite(folder / "world" / "console" / "console.sqlite3")
    with World(folder / "world", answer_s=ANSWER_S, limits=LIMITS, database=database) as world:
        journey = Journey(world)
        # Both at once: a program that waits to be let in asks every five seconds only.
        with ThreadPoolExecutor() as pool:
            list(pool.map(journey.log_in, (MARIE, ALEX)))
        journey.close()
    # Its log-ins are older than five minutes when the later files come to their risky acts.
    config = folder / "world" / world.console_config.name
    config.write_text(
        config.read_text().replace("[sign_in]\n", "[sign_in]\nconfirm_minutes = 600\n")
    )
    (folder / "world").rename(folder / "kept")
    if on_postgresql():
        place().rename(_database("world"), _database("kept"))
    return folder


@pytest.fixture(scope="module")
def world_folder(prepared: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The folder of this file's own world, at rest; afterwards it is left under the file's name."""
    folder = prepared / "world"
    subprocess.run(["cp", "-a", prepared / "kept", folder], check=True)
    if on_postgresql():
        place().create(_database("world"), like=_database("kept"))
    yield folder
    folder.rename(prepared / request.node.path.stem)
    if on_postgresql():
        place().drop(_database("world"))


def _database(word: str) -> str:
    # Processes that share the server, pytest-xdist's among them, have one each.
    return f"{word}_{os.getpid()}"


@pytest.fixture(scope="module")
def world(world_folder: Path) -> Iterator[World]:
    with World(world_folder) as world:
        yield world


@pytest.fixture(scope="module")
def journey(world: World) -> Iterator[Journey]:
    journey = Journey(world)
    yield journey
    journey.close()


@pytest.fixture(scope="module")
def scene(world: World, journey: Journey) -> Iterator[Scene]:
    scene = Scene(world, journey)
    yield scene
    scene.close()


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

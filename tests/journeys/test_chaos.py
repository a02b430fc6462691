"""Everything fails once while somebody is inside, on PostgreSQL: boring, and nothing lost or doubled.

One session lives through all of it. Each fault lasts `CHAOS_S` seconds: 1 here, 60 by `make chaos`.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest

from bedside.demo.check import Journey, journals_agree
from bedside.demo.people import MARIE
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from bedside.vocabulary import Ending
from tests.journeys.play import (
    ANSWER_S,
    CONSOLE,
    LIMITS,
    Running,
    console_ending,
    device_ending,
    last_session,
    power_cut,
)
from tests.journeys.records import device_records, reported_records
from tests.postgresql import Cluster

FAULT_S = float(os.environ.get("CHAOS_S", "1"))  # noqa: TID251 - chosen by whoever runs it

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300 + 20 * FAULT_S)]


@dataclass
class Storm:
    """A world on a server of its own, and somebody inside."""

    cluster: Cluster
    journey: Journey
    running: Running
    session: str

    @property
    def world(self) -> World:
        return self.journey.world

    @property
    def relay(self) -> str:
        """The relay that the session goes through."""
        assert self.journey.operator.status is not None
        assert self.journey.operator.status.connection.relay is not None
        return self.journey.operator.status.connection.relay

    @property
    def other(self) -> str:
        return "b" if self.relay == "a" else "a"

    def works(self) -> bool:
        """Whether a specialist's command is answered by the console."""
        return self.world.specialist(MARIE, "sessions", check=False).returncode == 0


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    cluster = Cluster()
    try:
        folder = tmp_path_factory.mktemp("c")
        database = cluster.place.create("world")
        with World(folder / "w", answer_s=ANSWER_S, limits=LIMITS, database=database) as world:
            journey = Journey(world)
            journey.log_in(MARIE)
            ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
            with Running(ssh) as running:
                running.flows()
                yield Storm(cluster, journey, running, last_session(world))
            journey.close()
    finally:
        cluster.stop()


@contextmanager
def paused(world: World, *names: str) -> Iterator[None]:
    """Stop these programs where they are; they go on when the block is left."""
    for name in names:
        os.killpg(world.processes.pid(name), signal.SIGSTOP)
    try:
        yield
    finally:
        for name in names:
            os.killpg(world.processes.pid(name), signal.SIGCONT)


@contextmanager
def without_database(storm: Storm) -> Iterator[None]:
    """The server is killed, and comes back as after a power cut."""
    storm.cluster.halt(signal.SIGQUIT)
    try:
        yield
    finally:
        storm.cluster.start()


@contextmanager
def upgraded(storm: Storm) -> Iterator[None]:
    """Each program of the console and the other relay is replaced, one after another."""
    for name in CONSOLE:
        storm.world.processes.stop(name)
        if name == "web":
            storm.world.start_web()
        else:
            storm.world.processes.bedside(name, "console", name)
        storm.running.flows(1)
    storm.world.processes.stop(f"relay-{storm.other}")
    storm.world.start_relay(storm.other)
    yield


FAULTS: dict[str, Callable[[Storm], AbstractContextManager[None]]] = {
    **{f"pause {name}": lambda storm, name=name: paused(storm.world, name) for name in CONSOLE},
    "pause the console": lambda storm: paused(storm.world, *CONSOLE),
    "pause the other relay": lambda storm: paused(storm.world, f"relay-{storm.other}"),
    "kill the console": lambda storm: power_cut(storm.world, *CONSOLE),
    "kill the other relay": lambda storm: power_cut(storm.world, f"relay-{storm.other}"),
    "kill the database": without_database,
    "upgrade": upgraded,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_beside_it_the_session_goes_on(storm: Storm, fault: str) -> None:
    with FAULTS[fault](storm):
        until = time.monotonic() + FAULT_S
        while time.monotonic() < until:
            storm.running.flows()
    storm.running.flows()
    wait_for("the console to answer", storm.works)


def test_a_pause_of_its_own_relay_is_a_pause(storm: Storm) -> None:
    with paused(storm.world, f"relay-{storm.relay}"):
        time.sleep(FAULT_S)
    storm.running.flows()


def _has_arrived(world: World) -> bool:
    """Whether the console holds each of the device's entries once, in its order.

    That the device has the console's receipt is an entry too, and comes with the next report.
    """
    told, own = reported_records(world), device_records(world)
    rest = {record.action for record in own[len(told) :]}
    return told == own[: len(told)] and rest <= {"journal:witness:recorded"}


def test_afterwards_it_ends_and_nothing_is_lost_or_doubled(storm: Storm) -> None:
    assert storm.world.specialist(MARIE, "end", "CI-20417").returncode == 0
    assert device_ending(storm.world, storm.session) == Ending.BY_SPECIALIST
    assert console_ending(storm.world, storm.session) == Ending.BY_SPECIALIST
    assert storm.running.ends() != 0
    storm.journey.idle()
    storm.journey.operator.verify()
    wait_for("all of the device's journal at the console", lambda: _has_arrived(storm.world))
    journals_agree(storm.journey)
    again = storm.journey.let_in(MARIE, "--access", "system", "--mode", "control")
    assert again.run("ssh", "ci-20417", "echo again").stdout == b"again\n"

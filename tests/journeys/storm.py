"""A world with somebody inside, and what can befall it: faults that last as long as a block."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bedside.console.monitoring.plan import RELAY_ALARM_MS
from bedside.demo.check import HOST, Journey
from bedside.demo.people import DEVICE, MARIE
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from bedside.testing.openssh import OpenSsh
from bedside.vocabulary import Ending
from tests.journeys.chaos_world import ChaosWorld
from tests.journeys.fleet import Fleet
from tests.journeys.play import Running, console_ending, device_ending, last_session
from tests.journeys.tables import rows
from tests.postgresql import Cluster

__all__ = ["Storm", "cut_off", "full_disk", "paused", "without_database"]

_ALARM_LOOK_S = 40
"""How soon an alarm is surely raised once it is due."""
_CONTROL = ("--access", "system", "--mode", "control", "--minutes", "120")


@dataclass
class Storm:
    """A world on a server of its own, a fleet that polls, and somebody inside."""

    cluster: Cluster
    world: ChaosWorld
    journey: Journey
    fleets: tuple[Fleet, ...]
    ssh: OpenSsh = field(init=False)
    running: Running = field(init=False)
    session: str = field(init=False)
    relay: str = field(init=False)
    """The relay that the session goes through."""

    @property
    def other(self) -> str:
        """The other relay."""
        return "b" if self.relay == "a" else "a"

    @property
    def missed(self) -> Counter[str]:
        """Polls of the fleet that came to nothing, by relay and cause."""
        return sum((fleet.missed for fleet in self.fleets), Counter())

    def polls(self) -> None:
        """Wait until every device is served, and was answered anew."""
        before = [(fleet, fleet.asked()) for fleet in self.fleets]
        wait_for(
            "the fleet to be served",
            lambda: all(fleet.has_polled(since) for fleet, since in before),
            within_s=120,
        )

    def polls_at(self, name: str, *, within_s: float = 60) -> None:
        """Wait until the device polls a relay."""
        self.journey.operator.wait_for(
            f"a poll at {name}", lambda s: s.connection.relay == name, within_s=within_s
        )

    def begin(self) -> None:
        """Let Marie in, and have something run that says so all the time."""
        self.ssh = self.journey.let_in(MARIE, *_CONTROL)
        self.running = Running(self.ssh)
        self.running.flows()
        status = self.journey.operator.status
        assert status is not None
        assert status.connection.relay is not None
        self.session, self.relay = last_session(self.world), status.connection.relay

    def end(self) -> None:
        """Marie ends the session, which ends once and for the same reason at both ends."""
        assert self.world.specialist(MARIE, "end", DEVICE).returncode == 0
        assert device_ending(self.world, self.session) == Ending.BY_SPECIALIST
        assert console_ending(self.world, self.session) == Ending.BY_SPECIALIST
        assert self.running.ends() != 0
        self.running.close()
        self.journey.idle()
        self.journey.operator.verify()

    def types(self) -> None:
        """Type one more command, which the device enters into its journal."""
        said = self.ssh.run("ssh", HOST, "echo inside")
        assert said.stdout == b"inside\n", said


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
def full_disk(storm: Storm) -> Iterator[None]:
    """There is no room on the disk of the session's relay."""
    world, name = storm.world, storm.relay
    failed, writable = (len(world.said(name, each)) for each in ("spool_failed", "spool_writable"))
    disk, pid = world.disks[name], world.processes.pid(f"relay-{name}")

    def fails() -> bool:
        # The rest of a page is room, and so is what the relay deletes: it is filled until it is full.
        # A limit is one for the relay's log as well, which has no room to say so.
        disk.fill(pid)
        storm.types()
        return not disk.is_mounted or len(world.said(name, "spool_failed")) > failed

    try:
        wait_for(f"relay {name} to find its disk full", fails)
        yield
    finally:
        disk.grow(pid)
    world.says(name, "spool_writable", writable)


@contextmanager
def cut_off(storm: Storm) -> Iterator[None]:
    """The session's relay and the console do not reach each other; a long cut is an alarm until it is over."""
    began = time.monotonic()
    with storm.world.cables[storm.relay].cut():
        yield
        is_long = time.monotonic() - began > RELAY_ALARM_MS / 1000 + _ALARM_LOOK_S
        assert not is_long or alarms(storm.world, storm.relay) == [False]
    if is_long:
        wait_for("the alarm to be over", lambda: alarms(storm.world, storm.relay) == [True])


def alarms(world: World, relay: str) -> list[bool]:
    """Return for each alarm about a relay whether it is over."""
    query = "SELECT cleared_ms FROM monitoring_alarm WHERE scope = 'relay' AND target = ?"
    return [cleared is not None for (cleared,) in rows(world, query, relay)]

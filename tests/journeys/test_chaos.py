"""Everything fails once while somebody is inside, on PostgreSQL: boring, and nothing lost or doubled.

One session lives through all that may not end it, and a fleet polls all the while. Each fault lasts
`CHAOS_S` seconds, 60 by `make chaos`; without it some faults are played, for a second each. What is
promised in each: docs/topics/faults.md.
"""

import os
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from bedside.demo.check import HOST, Journey, journals_agree
from bedside.demo.people import MARIE
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from bedside.vocabulary import Ending, PollMode
from tests.journeys.chaos_world import ChaosWorld
from tests.journeys.fleet import Fleet
from tests.journeys.play import (
    ANSWER_S,
    CONSOLE,
    LIMITS,
    console_ending,
    device_ending,
    power_cut,
)
from tests.journeys.records import device_records, reported_records
from tests.journeys.storm import (
    Storm,
    cut_off,
    full_disk,
    paused,
    without_database,
)
from tests.journeys.tables import rows
from tests.postgresql import Cluster

ALL = "CHAOS_S" in os.environ  # noqa: TID251 - chosen by whoever runs it
FAULT_S = float(os.environ.get("CHAOS_S", "1"))  # noqa: TID251 - the same
LONG = FAULT_S >= 10
"""Whether there is time for an auditor after each fault."""
SPANS = {"cut the relay off": 10, "kill the database": 0.5}
"""What lasts longer or shorter than the others."""
SHORT_S = 5
"""A relay that does not answer for longer may be given up by the session."""
AHEAD_S = 310
"""Five minutes, and some seconds: `status` says whole minutes."""
QUICK = {
    **LIMITS,
    "hold_ms": 2_000,
    "interval_ms": 2_000,
    "drain_ms": int(120_000 + 1_000 * FAULT_S),
    "home_ms": int(60_000 + 1_000 * FAULT_S),
    "home_spread_ms": 1_000,
    "stop_ms": 60_000,
}
"""Devices poll often, and are not home again before a fault is over."""

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300 + 20 * FAULT_S)]


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    cluster = Cluster()
    try:
        folder = tmp_path_factory.mktemp("c")
        database = cluster.place.create("world")
        with ChaosWorld(folder / "w", answer_s=ANSWER_S, limits=QUICK, database=database) as world:
            journey = Journey(world)
            journey.log_in(MARIE)
            held = Fleet(world, PollMode.HELD, folder / "held")
            interval = Fleet(world, PollMode.INTERVAL, folder / "interval")
            storm = Storm(cluster, world, journey, (held, interval))
            storm.begin()
            with held, interval:
                storm.polls()
                yield storm
            storm.running.close()
            journey.close()
    finally:
        cluster.stop()


@contextmanager
def upgraded(storm: Storm) -> Iterator[None]:
    """Schema, each program of the console, then the other relay, as docs/howto/upgrade.md says."""
    world = storm.world
    world.console("migrate")
    for name in ("worker", "live", "web"):
        world.processes.stop(name)
        if name == "web":
            world.start_web()
        else:
            world.processes.bedside(name, "console", name)
        storm.running.flows(1)
    tell_to_stop(storm, storm.other)
    has_ended(storm, storm.other)
    world.start_relay(storm.other)
    yield


def tell_to_stop(storm: Storm, name: str) -> None:
    """SIGTERM, as the service manager sends it."""
    os.killpg(storm.world.processes.pid(f"relay-{name}"), signal.SIGTERM)


def has_ended(storm: Storm, name: str) -> None:
    """See a relay end by itself, with nothing owed to the console."""
    wait_for(
        "the relay to end", lambda: storm.world.processes.ended().get(f"relay-{name}") is not None
    )
    assert storm.world.processes.ended()[f"relay-{name}"] == 0
    storm.world.processes.kill(f"relay-{name}")
    said = storm.world.said(name, "stopped")[-1]
    assert (said["flushed"], said["owed"]) == (True, 0)


@contextmanager
def set_clock(storm: Storm, ahead_s: int) -> Iterator[None]:
    """The clock of the session's relay is set wrong while it runs, and right again afterwards."""
    storm.world.set_clock(storm.relay, ahead_s)
    try:
        yield
    finally:
        storm.world.set_clock(storm.relay, 0)


@contextmanager
def wrong_clock(storm: Storm) -> Iterator[None]:
    """The other relay starts with a clock that is wrong, and starts anew once it is right."""
    world, name = storm.world, storm.other
    world.processes.kill(f"relay-{name}")
    world.set_clock(name, AHEAD_S)
    world.start_relay(name)
    try:
        wait_for("the console to know", lambda: abs(offset_s(world, name) - AHEAD_S) < 5)
        assert world.console_says(
            f"{name}: its clock is {AHEAD_S // 60} min ahead of the console's"
        )
        yield
    finally:
        world.processes.kill(f"relay-{name}")
        world.set_clock(name, 0)
        world.start_relay(name)
    wait_for("the console to know", lambda: abs(offset_s(world, name)) < 5)


def offset_s(world: World, name: str) -> int:
    """Return how far ahead the console knows a relay's clock to be."""
    return int(rows(world, "SELECT offset_ms FROM relays_relay WHERE name = ?", name)[0][0]) // 1000


Fault = Callable[[Storm], AbstractContextManager[None]]
FAULTS: dict[str, Fault] = {
    "pause the console": lambda storm: paused(storm.world, *CONSOLE),
    "kill the console": lambda storm: power_cut(storm.world, *CONSOLE),
    "kill the database": without_database,
    "fill the relay's disk": full_disk,
    "set the relay's clock back": lambda storm: set_clock(storm, -AHEAD_S),
    "upgrade": upgraded,
}
"""What costs nobody a poll."""
OTHER: dict[str, Fault] = {
    "kill the other relay": lambda storm: power_cut(storm.world, f"relay-{storm.other}"),
}
"""What costs the other relay's devices the poll that they had there: they ask the next relay."""
if ALL:
    FAULTS |= {
        **{f"pause {name}": lambda storm, name=name: paused(storm.world, name) for name in CONSOLE},
        "cut the relay off": cut_off,
        "set the relay's clock ahead": lambda storm: set_clock(storm, AHEAD_S),
    }
    OTHER |= {
        "pause the other relay": lambda storm: paused(storm.world, f"relay-{storm.other}"),
        "start the other relay with a wrong clock": wrong_clock,
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_the_session_goes_on_and_no_poll_is_lost(storm: Storm, fault: str) -> None:
    missed = storm.missed
    endure(storm, FAULTS[fault], for_s=FAULT_S * SPANS.get(fault, 1))
    assert storm.missed == missed


@pytest.mark.parametrize("fault", OTHER)
def test_without_the_other_relay_the_session_goes_on_and_its_devices_poll_here(
    storm: Storm, fault: str
) -> None:
    endure(storm, OTHER[fault])


def endure(storm: Storm, fault: Fault, *, for_s: float = FAULT_S) -> None:
    """Let a fault last so long, with everybody at work; then nothing is lost or doubled."""
    with fault(storm):
        lasts(storm, for_s)
    storm.running.flows()
    storm.polls()
    reconciled(storm)


def lasts(storm: Storm, for_s: float = FAULT_S) -> None:
    """A fault lasts so long, and everybody is at work."""
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        storm.running.flows()
    storm.types()
    storm.polls()


def reconciled(storm: Storm) -> None:
    """The console works, and has all that the device wrote, once and in its order."""
    wait_for("the console to answer", lambda: works(storm))
    wait_for("all of the device's journal at the console", lambda: has_arrived(storm.world))
    if LONG:
        journals_agree(storm.journey)


def works(storm: Storm) -> bool:
    """Whether a specialist's command is answered by the console."""
    return storm.world.specialist(MARIE, "sessions", check=False).returncode == 0


def has_arrived(world: World) -> bool:
    """Whether the console holds each of the device's entries once, in its order.

    That the device has the console's receipt is an entry too, and comes with the next report.
    """
    told, own = reported_records(world), device_records(world)
    rest = {record.action for record in own[len(told) :]}
    return told == own[: len(told)] and rest <= {"journal:witness:recorded"}


def test_a_short_pause_of_its_own_relay_is_a_pause(storm: Storm) -> None:
    with paused(storm.world, f"relay-{storm.relay}"):
        time.sleep(min(FAULT_S, SHORT_S))
    storm.types()
    storm.running.flows()
    storm.polls()
    reconciled(storm)


def drains(storm: Storm) -> None:
    """The session's relay is told to stop: devices leave, the session goes on to its end."""
    storm.polls_at(storm.relay, within_s=60 + QUICK["home_ms"] / 1000)
    storm.polls()
    missed = storm.missed
    tell_to_stop(storm, storm.relay)
    storm.polls_at(storm.other)
    lasts(storm)
    assert storm.missed == missed
    storm.end()
    has_ended(storm, storm.relay)
    storm.world.start_relay(storm.relay)
    storm.polls()
    reconciled(storm)
    storm.begin()


def runs_out(storm: Storm) -> None:
    """The certificate of the session's relay runs out: devices leave, whoever is inside stays."""
    world, name, missed = storm.world, storm.relay, storm.missed
    said = len(world.said(name, "certificate_runs_out"))
    world.renew(name, ends_in_s=8)
    world.says(name, "certificate_runs_out", said)
    storm.polls_at(storm.other)
    wait_for("status to say so", lambda: world.console_says(f"relay {name}: it has run out"))
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        world.dial(name)
    lasts(storm)
    assert storm.missed == missed
    world.renew(name)
    world.dial(name)
    storm.running.flows()
    further = storm.ssh.run("ssh", "-S", "none", HOST, "echo further")
    assert further.stdout == b"further\n", further
    wait_for("status to say so", lambda: world.console_says(f"relay {name}: days left: 89"))
    reconciled(storm)


def is_killed(storm: Storm) -> None:
    """The session's relay is killed: the session ends as that at both ends, devices poll elsewhere."""
    with power_cut(storm.world, f"relay-{storm.relay}"):
        assert storm.running.ends() != 0
        storm.running.close()
        storm.polls_at(storm.other)
        until = time.monotonic() + FAULT_S
        while time.monotonic() < until:
            storm.polls()
        assert device_ending(storm.world, storm.session) == Ending.RELAY_LOST
        assert console_ending(storm.world, storm.session) == Ending.RELAY_LOST
        storm.journey.idle()
    storm.polls()
    reconciled(storm)
    storm.begin()


LAST: dict[str, Callable[[Storm], None]] = {"drain": drains}
if ALL:
    LAST |= {"certificate": runs_out, "kill": is_killed}


@pytest.mark.parametrize("fault", LAST)
def test_devices_leave_a_relay_that_will_not_serve_them(storm: Storm, fault: str) -> None:
    LAST[fault](storm)


def test_afterwards_it_ends_and_nothing_is_lost_or_doubled(storm: Storm) -> None:
    storm.end()
    reconciled(storm)
    journals_agree(storm.journey)
    again = storm.journey.let_in(MARIE, "--access", "system", "--mode", "control")
    assert again.run("ssh", "ci-20417", "echo again").stdout == b"again\n"

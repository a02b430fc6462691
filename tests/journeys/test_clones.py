"""Two devices with one identity: the used code, the moved disk, and two copies that both live."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bedside.demo.device import InjectorDevice
from bedside.demo.people import DEVICE, MARIE
from bedside.demo.world import World
from bedside.testing.operator import Operator
from bedside.testing.sockets import answers, descendants
from bedside.vocabulary import Gate
from tests.journeys.records import console_records, device_records, gates, read_journal
from tests.journeys.refusals import Scene, agent_command, in_time

pytestmark = pytest.mark.journey


def _copy(scene: Scene, name: str, machine: str) -> InjectorDevice:
    """Copy the device's disk, as it is now, into a machine of its own."""
    original, folder = scene.world.device, scene.world.folder / name
    # A file that is being replaced stands beside its old one for a moment.
    not_disk = shutil.ignore_patterns("*.sock", "run", ".*.????????")
    with _still(scene.world):
        shutil.copytree(original.folder, folder, symlinks=True, ignore=not_disk)
    copy = InjectorDevice(folder, diagnostics_port=scene.world.ports.diagnostics)
    (folder / "machine-id").write_text(machine)
    return copy


def _clones_on_record(world: World) -> list[str | None]:
    return [r.gate for r in console_records(world) if r.action == "device:clone:detected"]


@contextmanager
def _still(world: World) -> Iterator[None]:
    """Keep the agent, if it runs, from writing while the block lasts."""
    running = "agent" in world.processes.names()
    pids = descendants(world.processes.pid("agent")) if running else set()
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _agent(device: InjectorDevice, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        agent_command(device, *words), capture_output=True, text=True, check=False
    )


def test_the_code_that_was_used_enrols_nobody_else(scene: Scene) -> None:
    world, folder = scene.world, scene.world.folder / "second"
    second = InjectorDevice(folder, diagnostics_port=world.ports.diagnostics)
    second.prepare(world.folder / "contrast-injector.toml")
    shutil.copy(world.device.manufacturer, second.manufacturer)
    words = ["--bundle", str(world.folder / "bundle.json"), "--code"]

    refused = _agent(second, "enrol", *words, (world.folder / "code").read_text())

    assert refused.returncode != 0
    assert "code" in refused.stderr
    assert "device:enrolment:completed" in {r.action for r in device_records(world)}
    here = [r for r in read_journal(second.journal) if r.action == "device:enrolment:refused"]
    there = [r for r in console_records(world) if r.action == "device:enrolment:refused"]
    assert [r.gate for r in here] == [Gate.ENROLMENT_CODE]
    assert [(r.gate, r.detail["reason_code"]) for r in there] == [
        (Gate.ENROLMENT_CODE, "used_code")
    ]
    assert not (second.agent_state / "identity" / "current").exists()
    scene.is_let_ask()


def test_the_disk_in_another_machine_opens_no_session(scene: Scene) -> None:
    world = scene.world
    scene.is_let_ask()
    world.processes.stop("agent")
    scene.journey.close()
    moved = _copy(scene, "moved", "another machine\n")

    world.processes.start("moved", agent_command(moved))
    in_time("its panel", lambda: answers(moved.panel_socket))
    with Operator(moved.panel_socket) as there:
        there.wait_for("the fault", lambda status: status.fault is Gate.INSTANCE)
        there.wait_for("a relay", lambda status: status.connection.relay is not None)
        refused = scene.ask()
        assert not [status for status in there.seen if status.request is not None]
    world.processes.stop("moved")

    assert refused.code == 6
    assert "instance" in refused.said
    records = read_journal(moved.journal)
    assert "device:clone:detected" in {r.action for r in records}
    assert Gate.INSTANCE in gates(records, refused.session)
    assert Gate.INSTANCE in gates(console_records(world), refused.session)
    # The disk goes home: what it lived through elsewhere stays in its journal.
    (moved.folder / "machine-id").write_text(f"{world.device.folder}\n")
    shutil.rmtree(world.device.agent_state)
    shutil.copytree(moved.agent_state, world.device.agent_state, symlinks=True)
    world.start_agent()
    scene.meet_the_operator()
    scene.is_let_ask()


def test_two_copies_that_live_are_both_refused(scene: Scene) -> None:
    world = scene.world
    scene.is_let_ask()
    twin = _copy(scene, "twin", (world.device.folder / "machine-id").read_text())

    world.processes.start("twin", agent_command(twin))
    in_time("its panel", lambda: answers(twin.panel_socket))
    with Operator(twin.panel_socket) as there:
        for copy in (scene.operator, there):
            copy.wait_for("refused", lambda status: status.fault is Gate.DEVICE_CLONED, within_s=60)

    for device in (world.device, twin):
        in_time(
            f"the refusal in the journal of {device.folder.name}",
            lambda device=device: Gate.DEVICE_CLONED in gates(read_journal(device.journal)),
        )
    in_time("the relay's report", lambda: scene.relay_told(Gate.DEVICE_CLONED))
    in_time("the clone on record", lambda: _clones_on_record(world) == [Gate.DEVICE_CLONED])
    assert scene.console(MARIE).get(f"/devices/{DEVICE}")["state"] == "cloned"
    scene.was_refused_at_the_console(scene.ask(), Gate.DEVICE_STATE)
    assert Path(twin.panel_socket).exists()

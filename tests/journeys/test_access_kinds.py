"""Consent to one access kind and mode opens that one and no other (S58, R11)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bedside.demo.check import HOST, Journey
from bedside.demo.injector.physics import SENSOR_DRIFT
from bedside.demo.people import DEVICE, MARIE
from bedside.testing.openssh import OpenSsh
from tests.journeys.records import device_records


@contextmanager
def session(journey: Journey, access: str, mode: str) -> Iterator[OpenSsh]:
    ssh = journey.let_in(MARIE, "--access", access, "--mode", mode)
    try:
        yield ssh
    finally:
        journey.world.specialist(MARIE, "end", DEVICE)
        journey.idle()
        if mode == "control":
            journey.operator.verify()


def refused(journey: Journey, channel: str) -> list[str | None]:
    return [
        record.gate
        for record in device_records(journey.world)
        if record.action == "session:channel:refused" and record.detail.get("channel") == channel
    ]


def test_observing_the_service_application_changes_nothing(
    journey: Journey, tmp_path: Path
) -> None:
    journey.world.device.break_down()
    (tmp_path / "fix").write_text("x")
    with session(journey, "service", "view") as ssh:
        menu = ssh.run("ssh", "-tt", HOST, send=b"4\n5\n6\n0\n")
        item = ssh.run("scp", f"{HOST}:/items/trace.csv", str(tmp_path / "trace.csv"))
        put = ssh.run("scp", str(tmp_path / "fix"), f"{HOST}:/inbox/fix")
        command = ssh.run("ssh", HOST, "id")

    said = menu.stdout.decode()
    assert "OBSERVATION SEULEMENT" in said
    assert said.count("Refusé : observation seulement") == 2
    assert journey.world.device.store.load().sensor_offset == SENSOR_DRIFT
    assert item.returncode == 0
    assert put.returncode != 0
    assert command.returncode != 0
    assert not (journey.world.device.inbox / "fix").exists()
    assert journey.operator.status is not None
    assert journey.operator.status.verification is None


def test_observing_the_system_runs_what_the_profile_calls_read_only(journey: Journey) -> None:
    with session(journey, "system", "view") as ssh:
        uptime = ssh.run("ssh", HOST, "uptime")
        sneaked = ssh.run("ssh", HOST, "uptime; id")
        shell = ssh.run("ssh", "-tt", HOST, send=b"id\n")
        forward = ssh.run("ssh", "-S", "none", "-W",
                          f"diagnostics:{journey.world.ports.diagnostics}", HOST)  # fmt: skip

    assert b"load average" in uptime.stdout
    assert sneaked.returncode != 0
    assert b"uid=" not in sneaked.stdout + shell.stdout
    assert shell.returncode != 0
    assert forward.returncode != 0
    assert set(refused(journey, "exec")) >= {"view_only"}
    assert set(refused(journey, "shell")) >= {"view_only"}
    assert set(refused(journey, "direct-tcpip")) >= {"view_only"}


def test_control_of_the_service_application_is_no_way_into_the_system(journey: Journey) -> None:
    with session(journey, "service", "control") as ssh:
        menu = ssh.run("ssh", "-tt", HOST, send=b"5\n6\n0\n")
        command = ssh.run("ssh", HOST, "id")
        other_name = ssh.run("ssh", "-S", "none", "-l", "system", HOST, "id")

    assert "Capteur de pression mis à zéro." in menu.stdout.decode()
    assert command.returncode != 0
    assert b"uid=" not in command.stdout + other_name.stdout
    assert other_name.returncode == 255


def test_the_panel_shows_observation_and_control_apart(journey: Journey) -> None:
    for mode, expected in (("view", "viewing"), ("control", "controlling")):
        with session(journey, "service", mode) as ssh, ssh.start("ssh", "-tt", HOST) as menu:
            status = journey.operator.wait_for(expected, lambda s, e=expected: s.activity == e)
            assert status.session is not None
            assert status.session.person.name == "Marie Tremblay"
            menu.kill()

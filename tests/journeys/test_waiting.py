"""Whoever connects before the operator has answered is told what is waited for, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.demo.check import HOST, Journey
from bedside.demo.people import DEVICE, MARIE
from bedside.testing.openssh import OpenSsh
from tests.journeys.play import Running

pytestmark = pytest.mark.journey

CONTROL = ("--access", "system", "--mode", "control")
# The command speaks the terminal's language, the ProxyCommand the one of whoever asked.
WAITS = re.compile("Waiting for the operator at the device|En attente de l’opérateur à l’appareil")
OVER = re.compile("This session is over|Cette seance est terminee")
STOPPED = re.compile(r"Terminée par l’opérateur\. C’était le \d{4}-")
LAST = re.compile("Your last session there is over: |Votre dernière séance sur cet appareil est ")
OURS = [sys.executable, "-m", "bedside", "ssh", DEVICE, "echo hi"]


def _asks(journey: Journey) -> None:
    asking = journey.request(MARIE, *CONTROL, "--no-wait")
    said, _ = asking.communicate(timeout=60)
    assert asking.returncode == 0, said


def _comes_in(journey: Journey, ssh: OpenSsh, command: list[str]) -> tuple[bytes, list[str]]:
    """Start `command`, let it in once it says that it waits; return both its outputs."""
    with ssh.start_program(command) as running:
        assert running.stderr is not None
        heard = []
        while not WAITS.search(line := running.stderr.readline().decode()):
            assert line, heard
            heard.append(line)
        code = journey.operator.accept()
        ssh.answers(credential=journey.world.support_credential, code=code)
        out, rest = running.communicate(timeout=60)
    assert running.returncode == 0, rest
    return out, [*heard, line, *rest.decode().splitlines()]


@pytest.mark.parametrize("ours", [True, False])
def test_before_consent_it_says_what_is_waited_for_on_standard_error(
    journey: Journey, ours: bool
) -> None:
    _asks(journey)
    ssh = journey.openssh(MARIE)
    plain = ssh.command("ssh", "-S", "none", HOST, "echo hi")

    out, told = _comes_in(journey, ssh, OURS if ours else plain)

    assert out == b"hi\n"
    assert len([line for line in told if WAITS.search(line)]) == 1
    assert any("It asks for its support credential" in line for line in told) or not ours
    again = ssh.run_program(OURS if ours else plain)
    assert again.stdout == b"hi\n"
    assert not WAITS.search(again.stderr.decode())
    assert journey.world.specialist(MARIE, "end", DEVICE).returncode == 0
    journey.idle()
    journey.operator.verify()


def test_somebody_who_is_refused_while_waiting_is_told_so(journey: Journey) -> None:
    _asks(journey)
    ssh = journey.openssh(MARIE)
    with ssh.start_program(OURS) as running:
        journey.operator.refuse()
        out, told = running.communicate(timeout=60)
    assert (running.returncode, out) == (6, b"")
    assert "consent" in told.decode()
    refused = subprocess.run(
        OURS, env=dict(ssh.environment), capture_output=True, check=False, timeout=60
    )
    assert refused.returncode == 1
    journey.idle()


def test_after_the_end_plain_programs_say_so_without_a_terminal(
    journey: Journey, tmp_path: Path
) -> None:
    ssh = journey.let_in(MARIE, *CONTROL)
    with Running(ssh) as running:
        running.flows()
        journey.operator.stop()
        assert running.ends() != 0
    # At the terminal that somebody works at, over a connection that is shared.
    assert STOPPED.search(running.said.decode()), running.said
    journey.idle()
    rsync = ["rsync", "-e", f"ssh -F {ssh.config}", f"{HOST}:x", str(tmp_path)]
    for command in (ssh.command("ssh", HOST, "id"), rsync):
        with ssh.start_program(command) as running:
            out, told = running.communicate(timeout=60)
        assert (running.returncode, out) == (255, b"")
        assert OVER.search(told.decode()), told
    # Ours asks the console, and forgets it.
    assert (ended := ssh.run_program(OURS)).returncode == 6, ended.stderr
    assert f"Host {HOST}" not in ssh.config.read_text("utf-8")
    again = ssh.run_program(OURS)
    assert again.returncode == 1
    assert LAST.search(again.stderr.decode()), again.stderr
    journey.operator.verify()

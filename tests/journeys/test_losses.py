"""Programs that die while somebody is inside: the console, the relay, every server at once.

Issue 2, point 6, and R13: what a loss does to a session, and what it does not.
"""

import json
import re
from pathlib import Path

from bedside.demo.check import HOST, Journey, journals_agree
from bedside.demo.people import MARIE
from bedside.demo.processes import wait_for
from bedside.testing.openssh import OpenSsh
from tests.journeys.play import (
    CONSOLE,
    Running,
    console_ending,
    device_ending,
    last_session,
    power_cut,
)
from tests.journeys.storm import paused

CONTROL = ("--access", "system", "--mode", "control")
LOST = re.compile("Terminée : le relais ne répond plus|Le relais ne répond pas")
PERIOD_S = 30
"""How long a relay holds a poll: the period in which another relay must be found."""


def _relay(journey: Journey) -> str:
    status = journey.operator.wait_for("a poll", lambda s: s.connection.relay is not None)
    assert status.connection.relay is not None
    return status.connection.relay


def _connected_to(ssh: OpenSsh) -> str:
    """Return the relay at which the newest session's `ssh` asks for its device."""
    folders = sorted((ssh.config.parent.parent / "state" / "sessions").iterdir())
    name: str = json.loads((folders[-1] / "connection.json").read_bytes())["relay"]["name"]
    return name


def _copies(ssh: OpenSsh, journey: Journey, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(name)
    done = ssh.run("scp", str(tmp_path / name), f"{HOST}:/inbox/{name}")
    assert done.returncode == 0, done.stderr
    assert (journey.world.device.inbox / name).read_text() == name


def test_the_console_dies_and_the_session_goes_on_to_its_signed_expiry(
    journey: Journey, tmp_path: Path
) -> None:
    ssh = journey.let_in(MARIE, *CONTROL, "--minutes", "2")
    session = last_session(journey.world)
    with Running(ssh) as running:
        running.flows()
        with power_cut(journey.world, *CONSOLE):
            running.flows()
            _copies(ssh, journey, tmp_path, "over-the-shared-connection")
            second = ssh.run("ssh", "-S", "none", HOST, "echo over the spare leg")
            assert second.stdout == b"over the spare leg\n", second
            running.flows()

            assert device_ending(journey.world, session, within_s=150) == "expired"
            assert running.ends() != 0

    assert console_ending(journey.world, session) == "expired"
    journals_agree(journey)
    listed = journey.world.specialist(MARIE, "sessions", "--all").stdout
    assert session in listed
    journey.operator.verify()


def test_a_relay_dies_and_both_ends_say_so_and_the_other_relay_takes_over(
    journey: Journey,
) -> None:
    first = _relay(journey)
    ssh = journey.let_in(MARIE, *CONTROL)
    session = last_session(journey.world)
    with Running(ssh) as running:
        running.flows()
        journey.world.processes.kill(f"relay-{first}")
        try:
            assert running.ends() != 0
            # How the session ended, or, where the console does not know it soon enough, what is seen.
            assert LOST.search(running.said.decode()), running.said
            status = journey.operator.wait_for(
                "the other relay",
                lambda s: s.connection.relay not in (None, first),
                within_s=PERIOD_S,
            )
            assert device_ending(journey.world, session) == "relay_lost"
            assert console_ending(journey.world, session) == "relay_lost"
            journey.idle()
            journey.operator.verify()

            again = journey.let_in(MARIE, *CONTROL)
            said = again.run("ssh", HOST, "echo through the other relay")
            assert said.stdout == b"through the other relay\n", said
            assert _relay(journey) == status.connection.relay
            assert journey.world.specialist(MARIE, "end", "CI-20417").returncode == 0
            journey.idle()
            journey.operator.verify()
        finally:
            journey.world.start_relay(first)


def test_an_order_whose_relay_dies_on_its_way_comes_by_the_other_and_so_does_ssh(
    journey: Journey,
) -> None:
    first = _relay(journey)
    ssh = journey.openssh(MARIE)
    with paused(journey.world, "agent"):
        journey.world.processes.kill(f"relay-{first}")
        with journey.request(MARIE, *CONTROL, "--no-wait") as asking:
            said, _ = asking.communicate(timeout=60)
        assert asking.returncode == 0, said
        assert _connected_to(ssh) == first
    try:
        code = journey.operator.accept()
        ssh.answers(credential=journey.world.support_credential, code=code)
        inside = ssh.run("ssh", HOST, "echo by the other relay")
        assert inside.stdout == b"by the other relay\n", inside
        assert _connected_to(ssh) == _relay(journey) != first
        assert journey.world.specialist(MARIE, "end", "CI-20417").returncode == 0
        journey.idle()
        journey.operator.verify()
    finally:
        journey.world.start_relay(first)


def test_stop_ends_a_session_with_every_server_dead(journey: Journey, tmp_path: Path) -> None:
    ssh = journey.let_in(MARIE, *CONTROL)
    session = last_session(journey.world)
    note = tmp_path / "pids"
    hidden = f"(setsid sleep 600 & echo $! >> {note}); echo $$ >> {note}; {Running.COMMAND}"
    with Running(ssh, command=hidden) as running:
        running.flows()
        pids = [int(line) for line in note.read_text().split()]
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)

        with power_cut(journey.world, *CONSOLE, "relay-a", "relay-b"):
            journey.operator.stop()
            # On an idle machine in well under a second: `make bench B=stop`.
            wait_for(
                "the session's processes to be gone",
                lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids),
                within_s=60,
            )

            assert device_ending(journey.world, session) == "by_operator"
            journey.idle()
            assert running.ends() != 0

    assert console_ending(journey.world, session) == "by_operator"
    journey.operator.verify()
    journals_agree(journey)

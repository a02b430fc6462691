"""A level 3 in Canada joins the session of a specialist in the United States (S37, N3, R10)."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from bedside.demo.check import HOST, Journey
from bedside.demo.people import DEVICE, MARIE, SAM
from bedside.demo.world import World
from bedside.specialist.errors import ExitCode
from bedside.testing.openssh import OpenSsh
from bedside.vocabulary import Activity
from tests.journeys.play import Running, console_ending, device_ending, ended, last_session
from tests.journeys.records import device_records

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

SAM_IN_CANADA = """
[[people]]
email = "sam@bayard.example"
name = "Sam Okafor"
organisation = "bayard"
role = "specialist"
language = "en"
level = 3
country = "CA"
vetted_on = "2026-01-15"
training = [{ product = "contrast-injector", from = "2026-01-01" }]
"""


@pytest.fixture(scope="module")
def abroad(world: World, journey: Journey) -> Journey:
    change = world.folder / "change.toml"
    change.write_text(SAM_IN_CANADA, encoding="utf-8")
    world.console("apply", str(change))
    journey.log_in(SAM)
    return journey


@pytest.fixture
def marie(abroad: Journey) -> Iterator[tuple[Running, str]]:
    """Marie at work in a terminal of hers, and her session."""
    ssh = abroad.let_in(MARIE, "--access", "system", "--mode", "control")
    with Running(ssh) as work:
        work.flows()
        yield work, last_session(abroad.world)
    abroad.world.specialist(MARIE, "end", DEVICE, check=False)
    abroad.idle()
    abroad.operator.verify()


def test_who_may_not_start_may_ask_to_join_and_is_refused(
    abroad: Journey, marie: tuple[Running, str]
) -> None:
    work, session = marie
    alone = abroad.request(SAM)
    assert "refused by" in alone.communicate(timeout=60)[0]
    assert alone.returncode == ExitCode.REFUSED

    asking = abroad.request(SAM, "--join", session)
    asked = abroad.operator.asked()
    assert asked.joins == session
    assert (asked.person.country, int(asked.person.level)) == ("CA", 3)
    abroad.operator.refuse()

    said, _ = asking.communicate(timeout=60)
    assert asking.returncode == ExitCode.SESSION_OVER, said
    join = last_session(abroad.world)
    assert join != session
    assert device_ending(abroad.world, join) == "refused"
    assert console_ending(abroad.world, join) == "refused"
    work.flows()
    assert not ended(abroad.world, session)


def test_let_in_they_see_what_is_done_and_reach_nothing(
    abroad: Journey, marie: tuple[Running, str]
) -> None:
    work, session = marie
    ssh = join_in(abroad, session)

    with ssh.start("ssh", "-tt", HOST) as watching:
        said = until(watching, b"tick")
        assert b"you watch" in said or b"observez" in said
        abroad.operator.wait_for(
            "the watcher",
            lambda s: bool(s.session and s.session.joined and s.session.joined.watches),
        )
        assert abroad.operator.status is not None
        assert abroad.operator.status.activity is Activity.CONTROLLING
        assert b"Sam Okafor" in work.said
        command = ssh.run("ssh", HOST, "touch", "/tmp/never")
        assert command.returncode == 77, command
        forward = ssh.run(
            "ssh", "-S", "none", "-W", f"diagnostics:{abroad.world.ports.diagnostics}", HOST
        )
        assert forward.returncode != 0
        watching.kill()

    join = last_session(abroad.world)
    abroad.world.specialist(SAM, "end", DEVICE)
    assert device_ending(abroad.world, join) == "by_specialist"
    work.flows()
    assert not ended(abroad.world, session)
    refused = [r.gate for r in device_records(abroad.world) if r.session == join and r.gate]
    assert set(refused) == {"view_only"}


def test_stop_ends_both(abroad: Journey, marie: tuple[Running, str]) -> None:
    work, session = marie
    ssh = join_in(abroad, session)
    with ssh.start("ssh", "-tt", HOST) as watching:
        until(watching, b"tick")
        abroad.operator.stop()
        assert work.ends(within_s=10) == 255
        assert watching.wait(10) == 255
    join = last_session(abroad.world)
    for each in (session, join):
        assert device_ending(abroad.world, each) == "by_operator"
        assert console_ending(abroad.world, each) == "by_operator"


def join_in(journey: Journey, session: str) -> OpenSsh:
    """Ask to join as Sam, allow at the device, and return Sam's client with the right answers."""
    asking = journey.request(SAM, "--join", session)
    try:
        asked = journey.operator.asked()
        journey.operator.accept()
        status = journey.operator.wait_for(
            "who joined", lambda s: bool(s.session and s.session.joined)
        )
        said, _ = asking.communicate(timeout=60)
    finally:
        asking.kill()
    assert asking.returncode == 0, said
    assert status.session is not None
    joined = status.session.joined
    assert joined is not None
    assert joined.session == asked.session
    ssh = journey.openssh(SAM)
    ssh.answers(credential=journey.world.support_credential, code=joined.presence_code or "")
    return ssh


def until(process: "subprocess.Popen[bytes]", what: bytes) -> bytes:
    """Return what a program says, up to `what`."""
    assert process.stdout is not None
    said = b""
    while what not in said:
        data = os.read(process.stdout.fileno(), 65536)
        assert data, said
        said += data
    return said

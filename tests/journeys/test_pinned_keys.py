"""A console that is owned later cannot stand another key in a device's place."""

import pytest

from bedside.demo.check import HOST, Journey
from bedside.demo.people import DEVICE, MARIE
from bedside.demo.world import World
from bedside.language.spelling import spell
from bedside.pki.ssh_certificates import ssh_key_line
from bedside.specialist.errors import ExitCode
from tests.journeys.play import console_ending
from tests.journeys.records import console_records, device_records
from tests.journeys.tables import change, rows
from tests.pki.world import new_key

pytestmark = pytest.mark.journey

CONTROL = ("--access", "system", "--mode", "control")


def _asked(journey: Journey, *words: str) -> tuple[int, str]:
    asking = journey.request(MARIE, *words)
    said, _ = asking.communicate(timeout=60)
    return asking.returncode, said


def _own_the_console(world: World, key: str) -> str:
    """Have the console certify another key as the device's; returns the one that it was."""
    where = "WHERE device = ?"
    query = f"SELECT ssh_host_key FROM enrolment_deviceidentity {where}"
    ((was,),) = rows(world, query, DEVICE)
    change(world, f"UPDATE enrolment_deviceidentity SET ssh_host_key = ? {where}", key, DEVICE)
    return str(was)


def test_the_words_are_the_same_on_the_panel_at_the_specialists_and_on_the_device(
    journey: Journey,
) -> None:
    asking = journey.request(MARIE, *CONTROL)
    code = journey.operator.accept()
    said, _ = asking.communicate(timeout=60)
    shown = journey.operator.wait_for("the words", lambda s: s.host_key is not None).host_key
    assert shown is not None
    for line in (shown, *spell(shown)):
        assert line in said
    told = journey.world.agent("host-key")
    assert [line.strip() for line in told.splitlines()][:5] == [shown, *spell(shown)]
    ssh = journey.openssh(MARIE)
    ssh.answers(credential=journey.world.support_credential, code=code)
    assert ssh.run("ssh", HOST, "echo in").stdout == b"in\n"
    journey.operator.stop()
    journey.idle()
    journey.operator.verify()


def test_another_key_is_refused_before_anything_is_typed_and_the_request_is_withdrawn(
    journey: Journey,
) -> None:
    world = journey.world
    was = _own_the_console(world, ssh_key_line(new_key().public_key()))
    try:
        code, said = _asked(journey, *CONTROL)
    finally:
        _own_the_console(world, was)

    assert code == ExitCode.KEY_REFUSED, said
    assert f"bedside trust --device {DEVICE} --host-key SHA256:" in said
    routed = [r for r in console_records(world) if r.action == "session:request:routed"]
    session = routed[-1].session
    assert session is not None
    assert console_ending(world, session) == "by_specialist"
    journey.idle()
    met = {r.action for r in device_records(world) if r.session == session}
    assert not met & {"session:consent:given", "session:tunnel:opened"}
    assert session not in (world.home(MARIE) / "config" / "ssh_config").read_text("utf-8")

    ssh = journey.let_in(MARIE, *CONTROL)
    assert ssh.run("ssh", HOST, "echo the right one").stdout == b"the right one\n"
    journey.operator.stop()
    journey.idle()
    journey.operator.verify()

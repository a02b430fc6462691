"""The console's host is lost: a backup brings it back to a session, whatever was written since."""

import shutil

import pytest

from bedside.demo.check import HOST, Journey, journals_agree
from bedside.demo.people import MARIE
from bedside.demo.processes import wait_for
from tests.journeys.play import CONSOLE, power_cut
from tests.journeys.records import console_records, device_records, reported_records

pytestmark = pytest.mark.timeout(300)


def test_a_console_restored_from_a_backup_lets_a_specialist_in_with_journals_that_agree(
    journey: Journey,
) -> None:
    world = journey.world
    phrase = world.folder / "phrase"
    phrase.write_text("the phrase of a drawer\n")
    backup = str(world.folder / "console.backup")
    world.console("backup", backup, "--passphrase-file", str(phrase))

    # Known to the console of then, acknowledged, and unknown to the backup.
    journey.operator.verify()
    wait_for(
        "the device's word to be known",
        lambda: len(reported_records(world)) >= len(device_records(world)) - 1,
    )
    known = len(reported_records(world))
    with power_cut(world, *CONSOLE):
        shutil.rmtree(world.folder / "console")
        said = world.console("restore", backup, "--passphrase-file", str(phrase))
        assert "The console is back as it was at" in said
        assert len(reported_records(world)) < known

    wait_for(
        "the device to send again what the backup does not know",
        lambda: len(reported_records(world)) >= known,
        within_s=90,
    )
    assert console_records(world)[-1].action != "journal:backup:made"
    journey.log_in(MARIE)
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    said_there = ssh.run("ssh", HOST, "echo through the restored console")
    assert said_there.stdout == b"through the restored console\n", said_there
    assert world.specialist(MARIE, "end", HOST.upper()).returncode == 0
    journey.idle()
    journey.operator.verify()
    journals_agree(journey)

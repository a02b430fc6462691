"""The console's host is lost: a backup brings it back to a session, whatever was written since."""

import re
import shutil

from bedside.demo.check import HOST, Journey, journals_agree
from bedside.demo.people import DEVICE, MARIE
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from tests.console.databases import new_line, on_postgresql
from tests.journeys.play import CONSOLE, power_cut
from tests.journeys.records import console_records, device_records, reported_records


def test_a_console_restored_from_a_backup_lets_a_specialist_in_with_journals_that_agree(
    journey: Journey,
) -> None:
    world = journey.world
    phrase = world.folder / "phrase"
    phrase.write_text("the phrase of a drawer\n")
    backup = str(world.folder / "console.backup")
    world.console("backup", backup, "--passphrase-file", str(phrase))

    # A whole session that the backup does not know, acknowledged by the console of then.
    _session(journey, "before the loss")
    wait_for(
        "the device's word to be known",
        lambda: len(reported_records(world)) >= len(device_records(world)) - 1,
    )
    known = len(reported_records(world))
    with power_cut(world, *CONSOLE):
        _lose_the_host(world)
        said = world.console("restore", backup, "--passphrase-file", str(phrase))
        assert "The console is back as it was at" in said
        assert len(reported_records(world)) < known

    wait_for(
        "the device to send again what the backup does not know",
        lambda: len(reported_records(world)) >= known,
        within_s=90,
    )
    assert "journal:backup:restored" in {each.action for each in console_records(world)}
    journey.log_in(MARIE)
    _session(journey, "through the restored console")
    journals_agree(journey)


def _lose_the_host(world: World) -> None:
    """The folder is gone, and with it SQLite's database; on PostgreSQL a new one is named."""
    shutil.rmtree(world.folder / "console")
    if on_postgresql():
        config = world.console_config.read_text("utf-8")
        other = re.sub(r"(?m)^database = .*$", new_line(), config)
        world.console_config.write_text(other, "utf-8")


def _session(journey: Journey, words: str) -> None:
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    said = ssh.run("ssh", HOST, f"echo {words}")
    assert said.stdout == f"{words}\n".encode(), said
    assert journey.world.specialist(MARIE, "end", DEVICE).returncode == 0
    journey.idle()
    journey.operator.verify()

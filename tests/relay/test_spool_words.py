import pytest

from bedside.language import Language
from bedside.language.config_error import ConfigError
from bedside.protocol.batch import _RELAY_EVENTS, Report
from bedside.relay.cli import main
from bedside.relay.spool import Entry, SpoolLimits
from bedside.relay.spool_files import SpoolFiles
from bedside.relay.spool_words import check_folder, spool_words
from tests.protocol.test_batch import RELAY_EVENTS
from tests.relay.program import configure
from tests.relay.test_spool import DEVICE, NOW, opened, presence
from tests.relay.world import World

EVENTS = [
    opened(0),
    presence(at_ms=1_000),
    Report(device=DEVICE, sealed=b"secret" * 1_000, at_ms=1_800_000_000_000),
    presence(at_ms=1_700_000_000_000),
    Report(device=DEVICE, sealed=b"secret", at_ms=1_900_000_000_000),
]


def fill(folder):
    files = SpoolFiles(folder, 2**20)
    files.open()
    entries = [Entry(number, NOW, event) for number, event in enumerate(EVENTS, 1)]
    files.write(entries, 1, sync=True)
    return files


def test_what_waits_is_counted_by_kind_beside_the_relay_that_owns_it(tmp_path):
    files = fill(tmp_path)
    (tmp_path / "0000000000000000.damaged").touch()
    words = spool_words(tmp_path, SpoolLimits(bytes=2**20), Language.ENGLISH)
    assert [line.rsplit("  ", 1) for line in words.splitlines()] == [
        ["Waiting for the console", "3"],
        ["Size                   ", "8 of 896 KiB"],
        ["Since                  ", "2023-11-14 22:13:20 UTC"],
        ["Reports of devices     ", "2"],
        ["Devices that polled    ", "1"],
        ["Damaged files          ", "1"],
    ]
    assert "CI-20417" not in words
    files.close()


def test_every_kind_of_event_has_words(tmp_path):
    files = SpoolFiles(tmp_path, 2**20)
    files.open()
    files.write([Entry(n, NOW, event) for n, event in enumerate(RELAY_EVENTS, 1)], 0, sync=True)
    files.close()
    lines = spool_words(tmp_path, SpoolLimits(), Language.ENGLISH).splitlines()
    assert sum(int(line.split()[-1]) for line in lines[3:]) == len(RELAY_EVENTS)
    assert {event.FIXED["kind"] for event in RELAY_EVENTS} == set(_RELAY_EVENTS)


def test_where_nothing_waits_that_is_said_in_french_too(tmp_path):
    words = spool_words(tmp_path / "none", SpoolLimits(), Language.FRENCH)
    assert words.splitlines()[0].split("  ")[0] == "En attente de la console"
    assert words.splitlines()[0].endswith("0")


def test_the_command_shows_it(tmp_path, capsys):
    fill(tmp_path / "spool-a").close()
    file = configure(World(tmp_path / "world"), tmp_path)
    assert main(["spool", "--config", str(file)]) == 0
    assert "3" in capsys.readouterr().out.splitlines()[0]


def test_a_folder_that_cannot_be_written_is_found_when_the_configuration_is_checked(tmp_path):
    check_folder(tmp_path / "to" / "be" / "made")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="spool: this user may not write"):
        check_folder(tmp_path / "file" / "spool")

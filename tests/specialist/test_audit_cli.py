"""`bedside audit` as a person meets it: sentences, exit codes, both languages."""

import json
import os
import subprocess
import sys

import pytest

from tests.audit.test_verify import as_folder, as_zip, files_of
from tests.audit.world import SESSION, lived


@pytest.fixture
def world():
    return lived()


@pytest.fixture
def run(tmp_path):
    def run(*arguments, language="en_CA.UTF-8"):
        environment = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - a child's environment
            "BEDSIDE_HOME": str(tmp_path / "home"),
            "LC_ALL": language,
            "COLUMNS": "200",
        }
        done = subprocess.run(
            [sys.executable, "-m", "bedside", "audit", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def console(world, tmp_path):
    return as_zip(files_of(world.export_console()), tmp_path / "console.zip")


@pytest.fixture
def device(world, tmp_path):
    return as_zip(files_of(world.export_device()), tmp_path / "device.zip")


def test_a_good_log_exits_zero_and_says_with_which_key(run, console, world, tmp_path):
    code, out, _ = run("verify", console)
    assert code == 0
    assert "Entries sealed: 9." in out
    assert "Copies of devices' journals: 1. Entries in them: 19." in out
    assert f"key inside the export: {world.log_key.to_text()}" in out
    assert out.endswith("✓ Every entry stands as it was written.\n")
    (tmp_path / "key").write_text(world.log_key.to_text() + "\n")
    for key in (world.log_key.to_text(), tmp_path / "key"):
        assert "Sealed with the key that you gave." in run("verify", console, "--key", key)[1]


def test_a_bad_log_exits_three_and_names_the_first_bad_entry(run, world, tmp_path):
    files = files_of(world.export_console())
    files["entries.jsonl"] = files["entries.jsonl"].replace(b'"attempt":2', b'"attempt":3')
    code, out, _ = run("verify", as_folder(files, tmp_path / "log"))
    assert code == 3
    assert "✗ Entry 4 is not the one that was written." in out


def test_a_bad_copy_of_a_device_exits_three_and_names_the_first_bad_entry(run, world, tmp_path):
    world.copy[7] = world.copy[7].replace(b"Marie", b"Maria")
    console = as_zip(files_of(world.export_console()), tmp_path / "console.zip")
    code, out, _ = run("verify", console)
    assert code == 3
    assert out.endswith(
        "✗ The console's copy of CI-20417's journal. Entry 7 is not the one that was written.\n"
    )
    code, out, _ = run("verify", console, "--json")
    told = json.loads(out)
    assert (code, told["good"], told["log"]["fault"]) == (3, False, None)
    assert told["copies"][0]["verdict"]["fault"]["sequence"] == 7


def test_a_good_device_journal_exits_zero(run, device):
    code, out, _ = run("verify", device)
    assert (code, "Entries that stand as written: 21." in out) == (0, True)


def test_a_bare_journal_file_is_verified_too(run, world, tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in world.device_lines))
    assert run("verify", path)[0] == 0
    path.write_bytes(b"".join(line + b"\n" for line in world.device_lines)[:-50])
    code, out, _ = run("verify", path)
    assert (code, "✗ Entry 20, the last one, is cut off." in out) == (3, True)


@pytest.mark.parametrize("command", ["verify", "reconcile"])
def test_what_cannot_be_read_exits_two(run, tmp_path, command):
    path = tmp_path / "nothing.zip"
    path.write_bytes(b"nothing")
    arguments = [path] if command == "verify" else [path, path]
    code, out, err = run(command, *arguments)
    assert (code, out) == (2, "")
    assert "cannot be read" in err
    assert run(command, *[tmp_path / "absent"] * len(arguments))[0] == 2


def test_a_log_under_another_key_exits_two(run, console):
    code, _, err = run("verify", console, "--key", "not a key")
    assert (code, "cannot be read" in err) == (2, True)
    key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    code, _, err = run("verify", console, "--key", key)
    assert (code, "no known key" in err) == (2, True)


def test_journals_that_agree_exit_zero(run, console, device):
    code, out, _ = run("reconcile", console, device, "--session", SESSION)
    assert code == 0
    assert "Entries of this session on both sides: 16." in out
    assert out.endswith("✓ The two journals vouch for each other.\n")
    assert run("reconcile", console, device, "--session", "none")[0] == 2


def test_a_deletion_on_the_device_is_told_with_its_proof(run, console, world, tmp_path):
    del world.device_lines[10:]
    world.rechain_device()
    device = as_zip(files_of(world.export_device()), tmp_path / "cut.zip")
    code, out, _ = run("reconcile", console, device)
    assert code == 3
    assert "✗ The device's journal lacks entries: entries 10 to 18." in out
    assert "Proven: the device signed what it held (entry 7 of the console's journal)." in out


def test_a_deletion_in_the_console_is_told_with_its_proof(run, device, world, tmp_path):
    del world.console_lines[4]
    world.renumber_console()
    console = as_zip(files_of(world.export_console()), tmp_path / "cut.zip")
    code, out, _ = run("reconcile", console, device)
    assert code == 3
    assert "✗ The console's journal was changed: the first one lies between entries 4 and 5." in out
    assert "Proven: the console signed what it held (entry 14 of the device's journal)." in out


def test_everything_is_said_in_french_too(run, console, device, world, tmp_path):
    code, out, _ = run("reconcile", console, device, language="fr_CA.UTF-8")
    assert (code, "se portent garants l’un de l’autre" in out) == (0, True)
    del world.device_lines[10:]
    world.rechain_device()
    cut = as_zip(files_of(world.export_device()), tmp_path / "cut.zip")
    code, out, _ = run("reconcile", console, cut, language="fr_CA.UTF-8")
    assert code == 3
    assert "Il manque des entrées au journal de l’appareil : entrées 10 à 18." in out


def test_json_says_the_same(run, console, device, world, tmp_path):
    code, out, _ = run("verify", console, "--json")
    assert (code, json.loads(out)["good"]) == (0, True)
    del world.device_lines[10:]
    cut = as_zip(files_of(world.export_device()), tmp_path / "cut.zip")
    code, out, _ = run("reconcile", console, cut, "--json")
    finding = json.loads(out)["findings"][0]
    assert (code, finding["wrong"], finding["first"], finding["last"]) == (3, "missing", 10, 18)

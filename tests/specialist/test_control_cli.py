"""What `bedside control` asks of the console, and tells the device by `ssh`."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.specialist import keys
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.control_cli import asking_for_control, wish_command
from bedside.specialist.errors import CliError, ExitCode
from bedside.specialist.store import Login, SessionFolder, save_login
from tests.specialist.test_api import Scripted, scripted

__all__ = ["scripted"]

JOIN, CONTROL = "01JD0000000000000000000001", "01JD0000000000000000000002"
HOST = "01JD0000000000000000000000"
SESSION = {
    "id": JOIN,
    "device": {"id": "CI-20417", "display_name": "Injector", "site": {"name": "ND"}},
    "person": {"name": "Jean Roy", "level": 3, "country": "CA"},
    "access": "system",
    "mode": "view",
    "relay": "a",
    "state": "live_view",
    "joins": HOST,
    "timeline": [],
    "requested_ms": 1,
    "answer_by_ms": 2,
    "ending": None,
    "gate": None,
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path) -> SpecialistConfig:
    return SpecialistConfig(
        tmp_path / "config", tmp_path / "state", tmp_path / "ssh", Language.ENGLISH
    )


@pytest.fixture
def folder(config: SpecialistConfig) -> tuple[SessionFolder, str]:
    """Jean's join on this computer, and its public key."""
    folder = SessionFolder(config.sessions, JOIN)
    private, public = keys.new_key()
    keys.save_key(folder, private)
    told = {"device": "CI-20417", "access": "system", "mode": "view", "language": "en"}
    folder.write("session.json", json.dumps(told).encode())
    return folder, public


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*words: str, path: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "bedside", "control", *words],
            env={
                "PATH": f"{path}:{os.environ['PATH']}",  # noqa: TID251 - a child's environment
                "BEDSIDE_HOME": str(tmp_path),
                "LC_ALL": "en_CA.UTF-8",
                "COLUMNS": "200",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_control_is_asked_for_by_the_join_and_with_its_key(folder):
    join, public = folder
    assert asking_for_control(SESSION, join) == {
        "device": "CI-20417",
        "access": "system",
        "mode": "control",
        "joins": JOIN,
        "public_key": public,
    }
    with pytest.raises(CliError, match="joins nobody's"):
        asking_for_control({**SESSION, "joins": None}, join)


def test_asked_and_allowed(folder, config, scripted: Scripted, run: Run):
    save_login(config.login, Login(scripted.address, "t"))
    asked = {**SESSION, "id": CONTROL, "mode": "control", "joins": JOIN, "state": "routed"}
    scripted.answers = [(200, SESSION), (201, asked), (200, {**asked, "state": "connecting"})]
    status, out, errors = run(
        "ask", "ci-20417", "--case", "C-1", "--reason", "Look", "--minutes", "5"
    )
    assert status == 0, errors
    assert "Control is yours once it is handed over to you" in out
    method, path, _, body = scripted.asked[1]
    assert (method, path) == ("POST", "/api/v1/sessions")
    assert (body["joins"], body["mode"], body["duration_minutes"]) == (JOIN, "control", 5)
    assert body["public_key"] == folder[1]


def test_refused_by_the_rules_with_the_gate(folder, config, scripted: Scripted, run: Run):
    save_login(config.login, Login(scripted.address, "t"))
    reasons = [{"gate": "country", "facts": {}}]
    scripted.answers = [(200, SESSION), (403, {"code": "refused", "reasons": reasons})]
    status, _, errors = run("ask", "CI-20417", "--case", "C-1", "--reason", "Look")
    assert status == ExitCode.REFUSED
    assert "refused by country" in errors


def test_refused_at_the_device(folder, config, scripted: Scripted, run: Run):
    save_login(config.login, Login(scripted.address, "t"))
    over = {**SESSION, "state": "ended", "ending": "refused", "gate": "consent"}
    scripted.answers = [(200, SESSION), (201, over)]
    status, _, errors = run("ask", "CI-20417", "--case", "C-1", "--reason", "Look")
    assert status == ExitCode.SESSION_OVER
    assert "refused by consent" in errors


def test_what_is_told_to_the_device_goes_by_ssh_alone(folder, tmp_path: Path, run: Run):
    tools = tmp_path / "tools"
    tools.mkdir()
    ssh = tools / "ssh"
    ssh.write_text(f'#!/bin/sh\nfor each; do echo "$each"; done >{tmp_path}/told\nexit 77\n')
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    for words, wish in (
        (("hand", "CI-20417", "Zoé O'Neil"), "control hand Zoé O'Neil"),
        (("take", "CI-20417"), "control take"),
        (("give", "CI-20417"), "control give"),
    ):
        status, _, errors = run(*words, path=str(tools))
        assert status == 77, errors
        told = (tmp_path / "told").read_text().splitlines()
        assert told[0] == "-F"
        assert told[2:] == ["-s", "ci-20417", wish]


def test_without_a_session_here_there_is_nothing_to_hand_over(run: Run):
    for words in (("hand", "CI-20417", "Jean"), ("take", "CI-20417"), ("give", "CI-20417")):
        status, _, errors = run(*words)
        assert status == ExitCode.FAILED
        assert "There is no session for CI-20417 on this computer" in errors


def test_the_command_is_one_subsystem(config):
    assert wish_command(config, "CI-1", "take")[-3:] == ["-s", "ci-1", "control take"]

"""Sessions that have ended are forgotten together, and the newest live one is what `ssh` uses."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.specialist import ssh_config
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import ExitCode
from bedside.specialist.store import Login, SessionFolder, save_login, session_folders
from tests.specialist.test_api import Scripted, scripted
from tests.specialist.test_waiting import session

__all__ = ["scripted"]

FIRST, SECOND, THIRD = (f"01JD000000000000000000000{number}" for number in range(3))
FOURTH = "01JD0000000000000000000003"
UNKNOWN = (404, {"code": "not_found", "title": "Not found", "status": 404})
OVER = (200, session("ended", ending="by_operator") | {"ended_ms": 1_795_435_200_000})
LIVE = (200, session("live_control"))
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def config(tmp_path: Path, scripted: Scripted) -> SpecialistConfig:
    """A computer with three sessions, connected one after the other to one device."""
    config = SpecialistConfig(
        tmp_path / "config", tmp_path / "state", tmp_path / "ssh", Language.ENGLISH
    )
    save_login(config.login, Login(scripted.address, "t"))
    for name in (FIRST, SECOND, THIRD):
        folder = SessionFolder(config.sessions, name)
        told = {"device": "CI-20417", "access": "system", "mode": "control", "language": "en"}
        folder.write("session.json", json.dumps(told).encode())
        folder.write("connection.json", b'{"relay": {"name": "a"}}')
    ssh_config.write(config)
    return config


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `bedside` where `ssh` writes which session it was given."""
    tools = tmp_path / "tools"
    tools.mkdir()
    ssh = tools / "ssh"
    ssh.write_text('#!/bin/sh\ngrep -o "sessions/[0-9A-Z]*/key\\"" "$2"\n')
    ssh.chmod(0o755)

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "bedside", *words],
            env={
                "PATH": f"{tools}:{os.environ['PATH']}",  # noqa: TID251 - a child's environment
                "BEDSIDE_HOME": str(tmp_path),
                "LC_ALL": "en_CA.UTF-8",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def kept(config: SpecialistConfig) -> list[str]:
    return [folder.session for folder in session_folders(config.sessions)]


def test_with_every_session_over_none_comes_back(
    config: SpecialistConfig, scripted: Scripted, run: Run
) -> None:
    scripted.answers = [OVER, OVER, OVER]

    code, said = run("ssh", "ci-20417")

    assert (code, kept(config)) == (ExitCode.SESSION_OVER, [])
    assert "Ended by the operator." in said
    assert "That was at 2026-11-2" in said
    assert "Host " not in config.ssh_config.read_text("utf-8")
    scripted.answers = [(200, {"items": [OVER[1]], "next": None})]
    code, said = run("ssh", "ci-20417")
    assert code == ExitCode.FAILED
    assert "There is no session for CI-20417" in said
    assert "Your last session there is over: Ended by the operator. That was at 2026-11-2" in said
    assert scripted.asked[-1][1] == "/api/v1/sessions?device=CI-20417&mine=true&limit=1"


@pytest.mark.parametrize(
    "answer",
    [(200, {"items": [], "next": None}), (200, {"items": [LIVE[1]], "next": None}), (403, {})],
)
def test_where_no_end_is_known_one_is_told_to_ask(
    config: SpecialistConfig, scripted: Scripted, run: Run, answer: tuple[int, object]
) -> None:
    scripted.answers = [answer]

    code, said = run("ssh", "ci-20418")

    assert code == ExitCode.FAILED
    assert (
        said == "✖ There is no session for CI-20418 on this computer. Ask first: bedside request\n"
    )


def test_one_that_ends_while_it_is_waited_for_is_forgotten_too(
    config: SpecialistConfig, scripted: Scripted, run: Run
) -> None:
    scripted.answers = [OVER, OVER, (200, session("awaiting_operator")), OVER, OVER]

    code, said = run("ssh", "ci-20417")

    assert (code, kept(config)) == (ExitCode.SESSION_OVER, []), said
    assert "Ended by the operator." in said


@pytest.mark.parametrize(
    ("answers", "left", "used"),
    [
        ([OVER, LIVE, OVER], [SECOND], SECOND),
        ([OVER, LIVE, LIVE], [SECOND, THIRD], THIRD),
        ([UNKNOWN, LIVE, OVER], [FIRST, SECOND], SECOND),
    ],
)
def test_ssh_uses_the_newest_live_session(
    config: SpecialistConfig,
    scripted: Scripted,
    run: Run,
    answers: list[tuple[int, object]],
    left: list[str],
    used: str,
) -> None:
    scripted.answers = list(answers)

    code, said = run("ssh", "ci-20417")

    assert (code, said) == (0, f'sessions/{used}/key"\n')
    assert kept(config) == left


def test_a_session_that_is_ended_leaves_the_place_to_no_ended_one(
    config: SpecialistConfig, scripted: Scripted, run: Run
) -> None:
    scripted.answers = [OVER, OVER, LIVE]

    code, said = run("end", "ci-20417")

    assert code == 0, said
    assert scripted.asked[0][1] == f"/api/v1/sessions/{THIRD}/end"
    assert kept(config) == [SECOND]


def test_a_request_for_a_device_that_no_relay_has_seen_is_kept_to_be_connected_later(
    config: SpecialistConfig, scripted: Scripted, run: Run
) -> None:
    asked = session("routed", relay=None) | {"id": FOURTH}
    scripted.answers = [UNKNOWN, UNKNOWN, UNKNOWN, (201, asked), (200, {"contact": "never_seen"})]

    code, said = run(
        "request",
        "ci-20417",
        "--case",
        "C-1",
        "--reason",
        "Look",
        "--access",
        "system",
        "--no-wait",
    )

    assert code == 0, said
    assert FOURTH in kept(config)
    assert not [path for _, path, _, _ in scripted.asked if path.endswith("/connection")]

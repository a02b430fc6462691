"""A call whose answer was lost on its way is done once: a real console behind a proxy that cuts."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.specialist.api import Console
from bedside.specialist.errors import UnreachableError
from bedside.specialist.store import Login
from tests.console.pages.running import Console as Running
from tests.console.pages.running import running_console
from tests.specialist.cutting import CuttingProxy

DEVICE = "CI-20431"
ASKED = ("--access", "service", "--mode", "view", "--case", "C-1", "--reason", "Fault E12")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_console(tmp_path_factory.mktemp("console"), live=False) as console:
        yield console


@pytest.fixture
def proxy(running: Running) -> Iterator[CuttingProxy]:
    with CuttingProxy(running.port) as proxy:
        yield proxy


@pytest.fixture
def token(running: Running) -> str:
    return running.run("tests.console.pages.acts", "token", "Marie").strip()


def sessions(running: Running, case: str) -> int:
    """Return how many sessions name this case."""
    return int(running.run("tests.console.pages.acts", "count-sessions", case))


def line(proxy: CuttingProxy, token: str) -> Console:
    return Console(Login(proxy.address, token), language=Language.FRENCH, wait=lambda _s: None)


@pytest.mark.parametrize("faults", [["cut"], ["503"], ["away"], ["cut", "503", "away", "cut"]])
def test_a_request_whose_answer_was_lost_is_one_session(
    running: Running, proxy: CuttingProxy, token: str, faults: list[str]
) -> None:
    case = "C-" + "-".join(faults)
    console = line(proxy, token)
    asked = json.loads(running.run("tests.console.pages.acts", "asking", DEVICE, case))
    proxy.faults = list(faults)
    session = console.post("/sessions", asked)

    assert session["case"] == case
    assert sessions(running, case) == 1
    names = {name for _path, name, _status in proxy.done}
    assert len(names) == 1
    assert {status for *_rest, status in proxy.done} == {201}
    ended = console.post(f"/sessions/{session['id']}/end", {})
    console.close()
    assert ended["state"] == "ended"


def test_after_some_tries_the_console_is_unreachable_and_nothing_is_doubled(
    running: Running, proxy: CuttingProxy, token: str
) -> None:
    asked = json.loads(running.run("tests.console.pages.acts", "asking", DEVICE, "C-LOST"))
    console = line(proxy, token)
    proxy.faults = ["cut"] * 9
    with pytest.raises(UnreachableError):
        console.post("/sessions", asked)
    console.close()
    assert len(proxy.done) == 5
    assert sessions(running, "C-LOST") == 1


def test_a_login_whose_answers_were_lost_is_one_token(
    running: Running, proxy: CuttingProxy
) -> None:
    console = line(proxy, "")
    proxy.faults = ["cut"]
    begun = console.begin_login()
    running.run("tests.console.pages.acts", "allow", begun["user_code"], "Marie")
    proxy.faults = ["cut", "503"]
    token = console.await_login(begun, wait=lambda _s: None)
    console.close()

    assert [path for path, *_rest in proxy.done].count("/api/v1/token") == 3
    logged_in = line(proxy, token)
    assert logged_in.get("/me")["name"] == "Marie Tremblay"
    logged_in.close()


def test_the_command_asks_once_too(
    running: Running, proxy: CuttingProxy, token: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,  # noqa: TID251 - what a child process inherits
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LANG": "en_CA.UTF-8",
    }
    login = subprocess.run(
        [sys.executable, "-c", _SAVE, proxy.address, token],
        env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert login.stderr == ""
    running.run("tests.console.pages.acts", "lose-relay", DEVICE)
    proxy.faults = ["cut", "503"]
    done = subprocess.run(
        [sys.executable, "-m", "bedside", "request", DEVICE, *ASKED, "--no-wait", "--files", "out"],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " ".join(done.stdout.split()).startswith("The relay of this device is not heard")
    assert sessions(running, "C-1") == 1
    assert running.run("tests.console.pages.acts", "files-asked", "C-1").strip() == "files_out"
    asked = [each for each in proxy.done if each[0] == "/api/v1/sessions"]
    assert len(asked) == 3
    assert len({name for _path, name, _status in asked}) == 1


_SAVE = """
import sys
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.store import Login, save_login
save_login(SpecialistConfig.from_environment().login, Login(sys.argv[1], sys.argv[2], None))
"""

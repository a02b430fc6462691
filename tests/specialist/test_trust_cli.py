"""What a person sees of keys: at login, at the first session, and by `bedside trust`."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console as Terminal

from bedside.language import Language
from bedside.language.spelling import spell
from bedside.pki.ssh_certificates import fingerprint, ssh_key_line
from bedside.specialist import trust_cli
from bedside.specialist.api import Console
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import CliError, KeyRefusedError
from bedside.specialist.store import Login, save_login
from tests.pki.world import new_key
from tests.specialist.test_api import Scripted, scripted

__all__ = ["scripted"]

ONE, TWO = (ssh_key_line(new_key().public_key()) for _ in range(2))
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path) -> SpecialistConfig:
    return SpecialistConfig(tmp_path / "config", tmp_path / "s", tmp_path / "h", Language.ENGLISH)


@pytest.fixture
def console(scripted: Scripted) -> Iterator[Console]:
    console = Console(Login(scripted.address, "t"), language=Language.ENGLISH)
    yield console
    console.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*words: str, language: str = "en_CA.UTF-8") -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "bedside", "trust", *words],
            env={
                "PATH": os.environ["PATH"],  # noqa: TID251 - a child's environment
                "BEDSIDE_HOME": str(tmp_path),
                "LC_ALL": language,
                "COLUMNS": "200",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def said(console: Console, config: SpecialistConfig) -> str:
    out = io.StringIO()
    trust_cli.check_host_ca(console, config, Terminal(file=out, width=200))
    return out.getvalue()


def test_login_says_the_host_ca_in_words(
    scripted: Scripted, console: Console, config: SpecialistConfig
) -> None:
    scripted.answers = [(200, {"ssh_host_ca": ONE})] * 2

    first, again = said(console, config), said(console, config)

    for line in (fingerprint(ONE), *spell(fingerprint(ONE))):
        assert line in first
        assert line in again
    assert "Compare it with the printed one." in first
    assert "as before" in again


def test_login_refuses_another_host_ca_until_a_person_replaces_it(
    scripted: Scripted, console: Console, config: SpecialistConfig, run: Run
) -> None:
    save_login(config.login, Login(scripted.address, "t"))
    scripted.answers = [(200, {"ssh_host_ca": key}) for key in (ONE, TWO, TWO)]
    said(console, config)
    with pytest.raises(KeyRefusedError, match=fingerprint(TWO)[7:20].replace("+", r"\+")):
        said(console, config)

    code, out, _ = run("--host-ca", fingerprint(TWO))

    assert (code, fingerprint(TWO) in out) == (0, True)
    assert "as before" in said(console, config)


def test_a_console_without_a_host_ca_is_not_believed(
    scripted: Scripted, console: Console, config: SpecialistConfig
) -> None:
    scripted.answers = [(200, {}), (200, {"ssh_host_ca": "ssh-rsa AAAA"})]
    for _ in range(2):
        with pytest.raises(CliError):
            said(console, config)
    assert not config.trust.exists()


def test_a_devices_key_is_replaced_by_its_fingerprint(config: SpecialistConfig, run: Run) -> None:
    save_login(config.login, Login("https://console.example", "t"))

    code, out, _ = run("--device", "ci-20417", "--host-key", fingerprint(ONE))

    assert code == 0
    assert out.split("\n")[0] == "CI-20417"
    assert fingerprint(ONE) in out
    assert run()[1] == out


@pytest.mark.parametrize(
    "words",
    [
        ("--host-ca", "SHA256:short"),
        ("--device", "CI-20417"),
        ("--host-key", fingerprint(ONE)),
        ("--device", "../x", "--host-key", fingerprint(ONE)),
    ],
)
def test_what_cannot_be_a_key_is_a_misuse(
    config: SpecialistConfig, run: Run, words: tuple[str, ...]
) -> None:
    save_login(config.login, Login("https://console.example", "t"))
    assert run(*words)[0] == 2
    assert not config.trust.exists()


def test_whoever_is_not_logged_in_is_told_so(run: Run) -> None:
    code, _, err = run(language="fr_CA.UTF-8")
    assert (code, "bedside login" in err) == (4, True)

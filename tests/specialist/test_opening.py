"""From a request to what OpenSSH needs, and back to nothing; the console is a scripted one."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.specialist import opening
from bedside.specialist.api import Console
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.store import Login
from tests.specialist.test_api import Scripted, scripted

__all__ = ["scripted"]

SESSION = "01JD0000000000000000000000"
ANSWER = {"id": SESSION, "device": {"id": "CI-20417"}, "access": "system", "mode": "control"}
CONNECTION = {
    "relay": {"name": "a", "host": "127.0.0.1", "server_name": "relay-a.example", "ports": [443]},
    "ca": "CA",
    "client_certificate": "CERTIFICATE",
    "ssh_certificate": "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA",
    "known_hosts_line": "@cert-authority CI-20417 ecdsa-sha2-nistp256 AAAA",
    "proof_seed": base64.b64encode(bytes(32)).decode(),
    "expires_ms": 1,
}


@pytest.fixture
def config(tmp_path: Path) -> SpecialistConfig:
    return SpecialistConfig(tmp_path / "c", tmp_path / "s", tmp_path / "ssh", Language.ENGLISH)


@pytest.fixture
def console(scripted: Scripted) -> Iterator[Console]:
    console = Console(Login(scripted.address, "t"), language=Language.ENGLISH)
    yield console
    console.close()


def test_a_request_sends_the_public_key_and_keeps_the_private_one(
    scripted: Scripted, console: Console, config: SpecialistConfig
) -> None:
    scripted.answers = [(201, ANSWER)]

    _session, folder = opening.begin(console, config, {"device": "CI-20417"})

    sent = scripted.asked[0][3]
    assert sent["public_key"].startswith("ecdsa-sha2-nistp256 ")
    assert "PRIVATE" not in json.dumps(sent)
    assert b"BEGIN PRIVATE KEY" in folder.key.read_bytes()
    assert folder.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "owned", [{"device": {"id": "CI-1\n  ProxyCommand x"}}, {"access": "root\n"}, {"mode": ""}]
)
def test_a_console_writes_no_lines_into_the_configuration_of_openssh(
    scripted: Scripted, console: Console, config: SpecialistConfig, owned: dict[str, object]
) -> None:
    scripted.answers = [(201, ANSWER | owned)]

    with pytest.raises(ValueError, match=r"device id|is not a valid"):
        opening.begin(console, config, {"device": "CI-20417"})


def test_connecting_writes_what_openssh_reads_and_closing_takes_it_away(
    scripted: Scripted, console: Console, config: SpecialistConfig
) -> None:
    scripted.answers = [(201, ANSWER), (200, CONNECTION)]
    _session, folder = opening.begin(console, config, {"device": "CI-20417"})

    opening.connect(console, config, folder)

    assert "Host ci-20417" in config.ssh_config.read_text("utf-8")
    assert folder.connection()["relay"]["server_name"] == "relay-a.example"
    assert folder.known_hosts.read_text("ascii").startswith("@cert-authority CI-20417")
    opening.close(config, folder)
    assert "Host ci-20417" not in config.ssh_config.read_text("utf-8")
    assert not folder.path.exists()


def test_only_sessions_that_are_over_are_forgotten(
    scripted: Scripted, console: Console, config: SpecialistConfig
) -> None:
    later = SESSION[:-1] + "1"
    scripted.answers = [(201, ANSWER), (201, {**ANSWER, "id": later})]
    folders = [opening.begin(console, config, {})[1] for _ in range(2)]

    opening.prune(config, folders, {folders[0].session})

    assert not folders[0].path.exists()
    assert folders[1].path.exists()

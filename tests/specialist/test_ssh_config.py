"""The written client configuration, as the real OpenSSH reads it."""

import json
import subprocess
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.specialist import ssh_config
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.store import SessionFolder

OLD, NEW = "01JD0000000000000000000000", "01JD0000000000000000000001"


@pytest.fixture
def config(tmp_path: Path) -> SpecialistConfig:
    # A space, as a home folder may have.
    home = tmp_path / "my home"
    return SpecialistConfig(home / "config", home / "state", home / "ssh", Language.ENGLISH)


def session(config: SpecialistConfig, name: str, *, access: str = "system") -> SessionFolder:
    folder = SessionFolder(config.sessions, name)
    told = {"device": "CI-20417", "access": access, "mode": "control", "language": "en"}
    folder.write("session.json", json.dumps(told).encode())
    return folder


def openssh(config: SpecialistConfig, host: str) -> dict[str, str]:
    path = ssh_config.write(config)
    told = subprocess.run(
        ["ssh", "-F", str(path), "-G", host], capture_output=True, text=True, check=True
    )
    return dict(line.split(" ", 1) for line in told.stdout.splitlines() if " " in line)


def test_openssh_understands_every_path(config: SpecialistConfig) -> None:
    folder = session(config, NEW)

    told = openssh(config, "ci-20417")

    assert told["user"] == "system"
    assert told["hostname"].upper() == "CI-20417"
    assert Path(told["identityfile"]) == folder.key
    assert told["certificatefile"] == str(folder.ssh_certificate)
    assert told["userknownhostsfile"] == str(folder.known_hosts)
    assert told["stricthostkeychecking"] in ("true", "yes")
    assert told["forwardagent"] == "no"
    assert str(folder.path) in told["proxycommand"].replace("%%", "%")


def test_the_newest_session_of_a_device_counts(config: SpecialistConfig) -> None:
    session(config, OLD, access="service")
    session(config, NEW, access="system")

    assert openssh(config, "ci-20417")["user"] == "system"


def test_another_host_is_none_of_ours(config: SpecialistConfig) -> None:
    session(config, NEW)

    assert "proxycommand" not in openssh(config, "elsewhere.example")


def test_installing_keeps_what_the_person_had_and_happens_once(config: SpecialistConfig) -> None:
    config.ssh_folder.mkdir(parents=True)
    own = config.ssh_folder / "config"
    own.write_text("Host mine\n  User me\n", encoding="utf-8")

    assert ssh_config.install(config)
    assert not ssh_config.install(config)

    read = own.read_text("utf-8")
    assert read.startswith(ssh_config.include_line(config))
    assert read.endswith("Host mine\n  User me\n")
    assert read.count("Include") == 1

"""From a request to what OpenSSH needs, and back to nothing; the console is a scripted one."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from bedside.language import Language
from bedside.pki.ssh_certificates import fingerprint, issue_host_certificate, ssh_key_line
from bedside.specialist import opening
from bedside.specialist.api import Console
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import KeyRefusedError
from bedside.specialist.store import Login
from bedside.vocabulary import DeviceId
from tests.pki.world import new_key
from tests.specialist.test_api import Scripted, scripted

__all__ = ["scripted"]

SESSION = "01JD0000000000000000000000"
ANSWER = {"id": SESSION, "device": {"id": "CI-20417"}, "access": "system", "mode": "control"}
CA, KEY, OTHER_CA, OTHER_KEY = (new_key() for _ in range(4))


def host_certificate(ca: EllipticCurvePrivateKey = CA, key: EllipticCurvePrivateKey = KEY) -> str:
    now = int(time.time() * 1000)
    return issue_host_certificate(
        ca,
        ssh_key_line(key.public_key()),
        device=DeviceId("CI-20417"),
        not_before_ms=now - 60_000,
        not_after_ms=now + 86_400_000,
    )


CONNECTION = {
    "relay": {"name": "a", "host": "127.0.0.1", "server_name": "relay-a.example", "ports": [443]},
    "ca": "CA",
    "client_certificate": "CERTIFICATE",
    "ssh_certificate": "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA",
    "ssh_host_certificate": host_certificate(),
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

    first = opening.connect(console, config, folder)

    assert first == fingerprint(ssh_key_line(KEY.public_key()))
    assert "Host ci-20417" in config.ssh_config.read_text("utf-8")
    assert folder.connection()["relay"]["server_name"] == "relay-a.example"
    known = folder.known_hosts.read_text("ascii")
    assert known == f"CI-20417 {ssh_key_line(KEY.public_key())}\n"
    opening.close(config, folder)
    assert "Host ci-20417" not in config.ssh_config.read_text("utf-8")
    assert not folder.path.exists()


def test_a_key_that_this_computer_knows_is_taken_without_a_word(
    scripted: Scripted, console: Console, config: SpecialistConfig
) -> None:
    # Renewed by the CA, over the same key.
    again = CONNECTION | {"ssh_host_certificate": host_certificate()}
    scripted.answers = [(201, ANSWER), (200, CONNECTION), (200, again)]
    _session, folder = opening.begin(console, config, {})

    opening.connect(console, config, folder)

    assert opening.connect(console, config, folder) is None


@pytest.mark.parametrize(
    "owned",
    [
        host_certificate(key=OTHER_KEY),
        host_certificate(ca=OTHER_CA),
        "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA",
        f"* {ssh_key_line(OTHER_KEY.public_key())}",
    ],
)
def test_a_console_that_is_owned_later_puts_no_other_key_in_a_devices_place(
    scripted: Scripted, console: Console, config: SpecialistConfig, owned: str
) -> None:
    scripted.answers = [(201, ANSWER), (200, CONNECTION)]
    _session, folder = opening.begin(console, config, {})
    opening.connect(console, config, folder)
    opening.close(config, folder)
    scripted.answers = [(201, ANSWER), (200, CONNECTION | {"ssh_host_certificate": owned})]
    _session, folder = opening.begin(console, config, {})

    with pytest.raises(KeyRefusedError):
        opening.connect(console, config, folder)

    assert not folder.known_hosts.exists()
    assert not (folder.path / "connection.json").exists()


def test_only_sessions_that_are_over_are_forgotten(
    scripted: Scripted, console: Console, config: SpecialistConfig
) -> None:
    later = SESSION[:-1] + "1"
    scripted.answers = [(201, ANSWER), (201, {**ANSWER, "id": later})]
    folders = [opening.begin(console, config, {})[1] for _ in range(2)]

    opening.prune(config, folders, {folders[0].session})

    assert not folders[0].path.exists()
    assert folders[1].path.exists()


def test_joining_asks_to_watch_at_the_access_of_that_session(
    scripted: Scripted, console: Console
) -> None:
    scripted.answers = [(200, ANSWER)]

    wanted = opening.joining(console, SESSION.lower())

    assert wanted == {"joins": SESSION, "access": "system", "mode": "view"}
    assert scripted.asked[0][1] == f"/api/v1/sessions/{SESSION}"
    with pytest.raises(ValueError, match="session id"):
        opening.joining(console, "../devices")


def test_what_is_watched_is_a_session_or_the_one_that_is_live_on_a_device(
    scripted: Scripted, console: Console
) -> None:
    join = ANSWER | {"id": "01JD0000000000000000000001", "joins": SESSION, "state": "live_view"}
    host = ANSWER | {"joins": None, "state": "live_control"}
    waiting = host | {"state": "routed"}
    scripted.answers = [
        (200, host),
        (200, {"items": [join, host], "next": None}),
        (200, {"items": [waiting], "next": None}),
    ]

    assert opening.find_live(console, SESSION.lower()) == host
    assert opening.find_live(console, "ci-20417") == host
    assert opening.find_live(console, "CI-20417") is None
    assert scripted.asked[0][1].endswith(f"/sessions/{SESSION}")
    assert "device=CI-20417" in scripted.asked[1][1]
    with pytest.raises(ValueError, match="session id"):
        opening.find_live(console, "nothing")


@pytest.mark.parametrize(("relay", "asks"), [(None, 0), ("a", 0), ("b", 1)])
def test_a_session_is_connected_anew_where_its_device_came_to_another_relay(
    scripted: Scripted,
    console: Console,
    config: SpecialistConfig,
    relay: str | None,
    asks: int,
) -> None:
    there = CONNECTION | {"relay": CONNECTION["relay"] | {"name": "b"}}
    scripted.answers = [(201, ANSWER), (200, CONNECTION), (200, there)]
    _session, folder = opening.begin(console, config, {"device": "CI-20417"})
    assert not opening.follow(console, config, folder, {"relay": "b"}), "nothing was connected yet"
    opening.connect(console, config, folder)

    assert opening.follow(console, config, folder, {"relay": relay}) is bool(asks)

    assert folder.connection()["relay"]["name"] == ("b" if asks else "a")
    assert len(scripted.asked) == 2 + asks

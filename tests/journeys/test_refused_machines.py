"""Who is refused before a word is heard: foreign relays, foreign certificates, revoked devices."""

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from bedside.demo.people import ALEX, DEVICE
from bedside.demo.world import World
from bedside.language import Language, gate_sentence
from bedside.pki.contexts import device_client_context
from bedside.protocol.http import request
from bedside.testing.certificates import PocketAuthority
from bedside.vocabulary import Gate, Permission
from tests.journeys.records import Record, console_records, device_records
from tests.journeys.refusals import Scene, agent_command, in_time

pytestmark = pytest.mark.journey

SERVER_NAME = "relay-a.bayard.example"


def _refusals(records: list[Record], gate: Gate) -> list[Record]:
    return [r for r in records if r.action == "relay:connection:refused" and r.gate == gate]


def _knock(world: World, certificate: Path, key: Path, *, words: bytes = b"") -> bytes:
    """Show a certificate at relay A's door, say something, return the first line of the answer."""
    ca = (world.relay_folder("a") / "ca.pem").read_text()
    context = device_client_context(certificate, key, ca)
    with (
        socket.create_connection(("127.0.0.1", world.ports.relay_a), 20) as plain,
        context.wrap_socket(plain, server_hostname=SERVER_NAME) as line,
    ):
        line.sendall(words)
        return line.recv(4096).partition(b"\r\n")[0]


def test_a_device_certificate_of_another_authority_ends_in_the_handshake(
    scene: Scene, tmp_path: Path
) -> None:
    keys = scene.world.device.agent_state / "identity" / "current"
    foreign = PocketAuthority(tmp_path).device(DEVICE)

    hello = request("GET", "/v1/nothing", SERVER_NAME, {}, None)
    own = keys / "certificate.pem", keys / "identity.pem"

    answer = _knock(scene.world, *own, words=hello)
    # Silent, so that the alert is read before the connection is reset under a request.
    with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
        _knock(scene.world, foreign.certificate, foreign.key)

    assert answer == b"HTTP/1.1 404 Not Found"
    in_time("the relay's report", lambda: scene.relay_told(Gate.CERTIFICATE))


def test_a_relay_with_the_certificate_of_a_public_authority_is_not_spoken_to(
    scene: Scene, tmp_path: Path
) -> None:
    world, folder = scene.world, scene.world.relay_folder("a")
    public = PocketAuthority(tmp_path, "Public CA")
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    credentials = public.relay("a", SERVER_NAME)
    shutil.copy(credentials.certificate, folder / "certificate.pem")
    shutil.copy(credentials.key, folder / "key.pem")
    world.processes.stop("agent")
    scene.journey.close()
    world.processes.stop("relay-a")
    world.start_relay("a")

    # Whatever this machine trusts for the web, the agent trusts the pinned authority alone.
    world.processes.start("agent", agent_command(world.device), SSL_CERT_FILE=str(public.ca_file))
    scene.meet_the_operator()

    in_time(
        "the refusal in the device's journal",
        lambda: bool(_refusals(device_records(world), Gate.CERTIFICATE)),
    )
    relays = {r.detail["relay"] for r in _refusals(device_records(world), Gate.CERTIFICATE)}
    assert relays == {"a"}
    checked = subprocess.run(
        agent_command(world.device, "check"), capture_output=True, text=True, check=False
    )
    assert checked.returncode == 1
    assert "certificate" in checked.stdout.lower(), checked.stdout
    scene.operator.wait_for("relay b", lambda status: status.connection.relay == "b")
    scene.is_let_ask()
    for file in ("certificate.pem", "key.pem"):
        shutil.copy(kept / file, folder / file)
    world.processes.stop("relay-a")
    world.start_relay("a")
    world.processes.stop("relay-b")
    scene.operator.wait_for("relay a", lambda status: status.connection.relay == "a")
    scene.is_let_ask()
    world.start_relay("b")


def test_a_revoked_device_is_refused_by_every_relay(scene: Scene) -> None:
    scene.is_let_ask()

    scope = (Permission.DEVICES_DEVICE_READ, Permission.DEVICES_DEVICE_REVOKE)
    scene.empowered(ALEX, *scope).post(f"/devices/{DEVICE}/revoke", {})

    scene.operator.wait_for("told", lambda status: status.fault is Gate.REVOKED_CERTIFICATE)
    in_time(
        "the refusal in the device's journal",
        lambda: bool(_refusals(device_records(scene.world), Gate.REVOKED_CERTIFICATE)),
    )
    in_time("the relay's report", lambda: scene.relay_told(Gate.REVOKED_CERTIFICATE))
    assert "device:certificate:revoked" in {r.action for r in console_records(scene.world)}
    refused = scene.ask()
    scene.was_refused_at_the_console(refused, Gate.DEVICE_STATE)
    session = scene.forge("order")
    in_time("the word of both relays", lambda: _relays_that_refused(scene) == {"a", "b"})
    assert session not in {r.session for r in device_records(scene.world)}
    said = subprocess.run(
        agent_command(scene.world.device, "status"), capture_output=True, text=True, check=False
    ).stdout
    assert any(gate_sentence(Gate.REVOKED_CERTIFICATE, language) in said for language in Language)


def _relays_that_refused(scene: Scene) -> set[str]:
    records = _refusals(console_records(scene.world), Gate.REVOKED_CERTIFICATE)
    return {str(r.detail["relay"]) for r in records}

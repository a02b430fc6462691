"""From a request to a folder that `ssh` can use, and back to nothing at the end."""

import base64
import json

from bedside.specialist import keys, ssh_config
from bedside.specialist.api import Console, Json
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.store import SessionFolder
from bedside.vocabulary import AccessKind, Mode, SessionId, parse_device_id

__all__ = ["begin", "close", "connect", "prune"]


def begin(console: Console, config: SpecialistConfig, wanted: Json) -> tuple[Json, SessionFolder]:
    """Ask for access with a key made for this session; returns the session and its folder."""
    private, public = keys.new_key()
    session = console.post("/sessions", {**wanted, "public_key": public})
    folder = SessionFolder(config.sessions, session["id"])
    keys.save_key(folder, private)
    told = {
        # These stand in OpenSSH's configuration: a console that is owned must not write lines there.
        "device": parse_device_id(session["device"]["id"]),
        "access": AccessKind(session["access"]).value,
        "mode": Mode(session["mode"]).value,
        "language": config.language.value,
    }
    folder.write("session.json", json.dumps(told).encode())
    return session, folder


def connect(console: Console, config: SpecialistConfig, folder: SessionFolder) -> None:
    """Fetch what it takes to connect, and write the configuration for OpenSSH."""
    given = console.post(f"/sessions/{folder.session}/connection", {})
    seed = base64.b64decode(given["proof_seed"], validate=True)
    folder.write("ca.pem", given["ca"].encode())
    folder.write("client.pem", given["client_certificate"].encode())
    folder.write("key-cert.pub", given["ssh_certificate"].encode() + b"\n")
    folder.write("known_hosts", given["known_hosts_line"].encode() + b"\n")
    folder.write(
        "connection.json",
        json.dumps(
            {
                "relay": given["relay"],
                "proof_seed": base64.b64encode(seed).decode(),
                "expires_ms": given["expires_ms"],
            }
        ).encode(),
    )
    ssh_config.write(config)


def close(config: SpecialistConfig, folder: SessionFolder) -> None:
    """Forget a session's key and take it out of the configuration."""
    folder.remove()
    ssh_config.write(config)


def prune(config: SpecialistConfig, folders: list[SessionFolder], over: set[SessionId]) -> None:
    """Forget every session in `over`."""
    for folder in folders:
        if folder.session in over:
            folder.remove()
    ssh_config.write(config)

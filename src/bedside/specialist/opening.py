"""From a request to a folder that `ssh` can use, and back to nothing at the end."""

import base64
import contextlib
import json
import time

from bedside.language import N_, Language, translator
from bedside.pki.host_certificates import HostCertificate, open_host_certificate
from bedside.pki.ssh_certificates import SshKeyError
from bedside.protocol.states import LIVE
from bedside.specialist import keys, ssh_config
from bedside.specialist.api import Console, Json
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import (
    CliError,
    KeyRefusedError,
    NotFoundError,
    SessionOverError,
)
from bedside.specialist.store import SessionFolder
from bedside.specialist.trust import Trust
from bedside.vocabulary import (
    AccessKind,
    Contact,
    DeviceId,
    Mode,
    SessionId,
    parse_device_id,
    parse_session_id,
)

__all__ = [
    "begin",
    "close",
    "connect",
    "find_live",
    "follow",
    "is_unheard",
    "joining",
    "prune",
    "told_of",
]


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


def is_unheard(console: Console, session: Json) -> bool:
    """Return whether the console hears nothing of the relay of a session's device."""
    with contextlib.suppress(CliError):
        return bool(
            console.get(f"/devices/{session['device']['id']}")["contact"] == Contact.RELAY_LOST
        )
    return False


def joining(console: Console, session: str) -> Json:
    """Return what a request says that joins `session`: to watch, at the access of that session.

    Raises CliError where there is no such session, ValueError where it is not the id of one.
    """
    host = console.get(f"/sessions/{parse_session_id(session.upper())}")
    return {
        "joins": host["id"],
        "access": AccessKind(host["access"]).value,
        "mode": Mode.VIEW.value,
    }


def find_live(console: Console, which: str) -> Json | None:
    """Return a session by its id; by a device's id, the one that is live there, None for none.

    Raises CliError where there is no such session or device, ValueError where it is no id.
    """
    if "-" not in which:
        return console.get(f"/sessions/{parse_session_id(which.upper())}")
    found = console.pages("/sessions", device=parse_device_id(which.upper()), open="true")
    return next((each for each in found if each["joins"] is None and each["state"] in LIVE), None)


def connect(console: Console, config: SpecialistConfig, folder: SessionFolder) -> str | None:
    """Fetch what it takes to connect, and write the configuration for OpenSSH.

    Returns the fingerprint of the device's key where this computer sees it for the first time, else
    None. Raises KeyRefusedError for a key, or a CA, that is not the one it knows.
    """
    is_first = _fetch(console, config, folder)
    ssh_config.write(config)
    return is_first


def _fetch(console: Console, config: SpecialistConfig, folder: SessionFolder) -> str | None:
    given = console.post(f"/sessions/{folder.session}/connection", {})
    device = parse_device_id(folder.description()["device"])
    shown = _host_certificate(given["ssh_host_certificate"], device, config.language)
    trust = Trust(config.trust, console.address, language=config.language)
    trust.check_host_ca(shown.ca)
    is_first = trust.check_device(device, shown.fingerprint)
    seed = base64.b64decode(given["proof_seed"], validate=True)
    if not folder.is_there:
        # Somebody has ended the session in between, and it is forgotten.
        raise SessionOverError(
            translator(config.language, "bedside-cli")(N_("This session is over."))
        )
    folder.write("ca.pem", given["ca"].encode())
    folder.write("client.pem", given["client_certificate"].encode())
    folder.write("key-cert.pub", given["ssh_certificate"].encode() + b"\n")
    folder.write("known_hosts", f"{device} {shown.key}\n".encode())
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
    return shown.fingerprint if is_first else None


def follow(
    console: Console, config: SpecialistConfig, folder: SessionFolder, session: Json
) -> bool:
    """Connect anew where the device has come to another relay since; returns whether it has.

    Until its order has reached it, a session goes where its device polls. OpenSSH's configuration
    stays as it is: nothing in it is of a relay. Raises CliError.
    """
    relay = session["relay"]
    if not relay or not folder.is_connected or folder.connection()["relay"]["name"] == relay:
        return False
    _fetch(console, config, folder)
    return bool(folder.connection()["relay"]["name"] == relay)


def _host_certificate(line: str, device: DeviceId, language: Language) -> HostCertificate:
    try:
        return open_host_certificate(line, device=device, now_ms=int(time.time() * 1000))
    except SshKeyError as error:
        words = N_(
            "What the console says of the key of {device} cannot be believed. Check this computer's "
            "clock; if it is right, tell your security officer."
        )
        say = translator(language, "bedside-cli")
        raise KeyRefusedError(say(words).format(device=device)) from error


def close(config: SpecialistConfig, folder: SessionFolder) -> None:
    """Forget a session's key and take it out of the configuration."""
    folder.remove()
    ssh_config.write(config)


def told_of(console: Console, folders: list[SessionFolder]) -> list[tuple[SessionFolder, Json]]:
    """Return those of `folders` that the console knows, each with what it says; raises CliError."""
    told = []
    for folder in folders:
        # One of another console, say: it is left alone.
        with contextlib.suppress(NotFoundError):
            told.append((folder, console.get(f"/sessions/{folder.session}")))
    return told


def prune(config: SpecialistConfig, folders: list[SessionFolder], over: set[SessionId]) -> None:
    """Forget every session in `over`."""
    for folder in folders:
        if folder.session in over:
            folder.remove()
    ssh_config.write(config)

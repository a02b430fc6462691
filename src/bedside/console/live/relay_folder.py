"""What a relay is handed: a folder with its key, its certificate, the CA and its configuration."""

import json
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from bedside.audit.entry import Actor
from bedside.console.devices.actions import do_note_outdated
from bedside.console.enrolment.authority import authority
from bedside.console.live.certificate import relay_server_name
from bedside.console.relays.actions import do_add_relay, do_note_relay_certificate
from bedside.console.relays.queries import is_retired, relay
from bedside.pki.device_keys import create_key_file, load_key_file
from bedside.pki.signing import public_key_pem
from bedside.protocol.shapes import Relay

__all__ = ["RelayPlace", "RelayRetiredError", "do_make_relay_folder"]


class RelayRetiredError(ValueError):
    """A name that a retired relay had: what the journal says of it stays about that one."""


@dataclass(frozen=True)
class RelayPlace:
    """What devices and specialists dial, and what the relay itself listens on (`HOST:PORT`)."""

    address: Relay
    listen: tuple[str, ...]


def do_make_relay_folder(place: RelayPlace, folder: Path, *, actor: Actor, now: int) -> Path:
    """Make a relay known and write its folder; return its configuration file.

    A folder that exists keeps its key: the certificate is renewed, and the configuration rewritten.

    Args:
        place: the relay's addresses and name.
        folder: where its files go, mode 0700.
        actor: who adds it.
        now: Unix milliseconds.

    Raises:
        RelayRetiredError: a retired relay had this name.
    """
    if is_retired(place.address.name):
        raise RelayRetiredError(place.address.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = folder / "key.pem"
    private = load_key_file(key) if key.exists() else create_key_file(key)
    root = authority()
    issued = root.issue_relay(
        private.public_key(),
        place.address.name,
        server_name=place.address.server_name,
        now_ms=now,
    )
    (folder / "certificate.pem").write_text(issued.pem, encoding="ascii")
    (folder / "ca.pem").write_text(root.pem, encoding="ascii")
    config = folder / "relay.toml"
    config.write_text(_config(place), encoding="utf-8")
    with transaction.atomic():
        news = relay(place.address.name) != place.address
        do_add_relay(place.address, public_key_pem(private.public_key()), actor=actor, now=now)
        do_note_relay_certificate(
            place.address.name, issued.serial, not_after_ms=issued.not_after_ms
        )
        if news:
            do_note_outdated(Q())
    return config


def _config(place: RelayPlace) -> str:
    host, _, port = (settings.CONFIG.relay_address or settings.CONFIG.relay_listen).rpartition(":")
    values = {
        "name": place.address.name,
        "server_name": place.address.server_name,
        "listen": list(place.listen),
        "certificate": "certificate.pem",
        "key": "key.pem",
        "ca": "ca.pem",
    }
    console = {"host": host.strip("[]"), "port": int(port), "server_name": relay_server_name()}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    lines += ["", "[console]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in console.items()]
    return "\n".join(lines) + "\n"

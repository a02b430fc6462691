"""What a relay is handed: a folder with its key, its certificate, the CA and its configuration."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from bedside.audit.entry import Actor, Thing
from bedside.console.devices.actions import do_note_outdated
from bedside.console.enrolment.authority import authority
from bedside.console.journal.actions import record
from bedside.console.live.certificate import relay_server_name
from bedside.console.relays.actions import (
    do_add_relay,
    do_hold_relay,
    do_note_key_replaced,
    do_note_relay_certificate,
)
from bedside.console.relays.queries import assertion_key, is_retired, relay, relays
from bedside.pki.authority import IssuedCertificate
from bedside.pki.device_keys import create_key_file, load_key_file
from bedside.pki.signing import key_id, load_public_key, public_key_pem
from bedside.protocol.shapes import Relay
from bedside.vocabulary import JournalAction, RelayName

__all__ = [
    "RelayFault",
    "RelayPlace",
    "RelayRefusedError",
    "do_make_relay_folder",
    "do_renew_relay",
]

_EVERYWHERE = ("", "0.0.0.0", "::", "[::]")  # noqa: S104 - names them, binds nothing


class RelayFault(StrEnum):
    """Why a relay gets no folder, or no certificate."""

    FOREIGN_KEY = "foreign_key"
    """The folder, or the request, holds another key than the one by which the relay is known."""
    KEY_ELSEWHERE = "key_elsewhere"
    """The relay is known, and its key is not in the folder."""
    NO_ADDRESS = "no_address"
    """The console listens on every address, and says of none that relays dial it."""
    RETIRED = "retired"
    """A retired relay had this name: what the journal says of it stays about that one."""
    SERVER_NAME_TAKEN = "server_name_taken"
    """Another relay has this server name: nobody could tell them apart."""
    UNKNOWN = "unknown"
    """There is no relay of this name."""


class RelayRefusedError(ValueError):
    """A relay that gets nothing; the console and its files are as before."""

    def __init__(self, fault: RelayFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class RelayPlace:
    """What devices and specialists dial, and what the relay itself listens on (`HOST:PORT`)."""

    address: Relay
    listen: tuple[str, ...]


def do_make_relay_folder(
    place: RelayPlace, folder: Path, *, actor: Actor, now: int, new_key: bool = False
) -> Path:
    """Make a relay known and write its folder; return its configuration file.

    A relay that is known keeps its key, which must be in the folder: its certificate is renewed. A
    configuration that is there is an administrator's, and is left as it is.

    Args:
        place: the relay's addresses and name.
        folder: where its files go, mode 0700.
        actor: who adds it.
        now: Unix milliseconds.
        new_key: give a known relay a new key: the one that runs is refused from now on, and its
            certificates are revoked once it has come with the new one.

    Raises:
        RelayRefusedError: nothing was written.
        KeyStoreError: the key in the folder cannot be used.
    """
    with transaction.atomic():
        do_hold_relay(place.address.name)
        known = _check(place.address)
        private = _private_key(folder, known, new_key=new_key)
        issued = _issue(private.public_key(), place.address, now=now)
        config = _write(folder, place, issued)
        news = relay(place.address.name) != place.address
        do_add_relay(place.address, public_key_pem(private.public_key()), actor=actor, now=now)
        if known is not None and new_key:
            do_note_key_replaced(place.address.name)
            _tell_new_key(place.address.name, private.public_key(), known, actor=actor, now=now)
        _note(place.address.name, issued)
        if news:
            do_note_outdated(Q())
    return config


def do_renew_relay(
    name: RelayName, public_key: EllipticCurvePublicKey, *, actor: Actor, now: int
) -> IssuedCertificate:
    """Issue a certificate over the key by which a relay is known, for the server name it has.

    Args:
        name: the relay's.
        public_key: the one in its request, whose signature was verified.
        actor: who hands the request in.
        now: Unix milliseconds.

    Raises:
        RelayRefusedError: unknown, retired, or a request by another key.
    """
    with transaction.atomic():
        do_hold_relay(name)
        address, key = relay(name), assertion_key(name)
        if is_retired(name):
            raise RelayRefusedError(RelayFault.RETIRED)
        if address is None or key is None:
            raise RelayRefusedError(RelayFault.UNKNOWN)
        if public_key_pem(public_key) != key:
            raise RelayRefusedError(RelayFault.FOREIGN_KEY)
        issued = _issue(public_key, address, now=now)
        _note(name, issued)
        record(
            JournalAction.RELAY_CERTIFICATE_RENEWED,
            actor=actor,
            thing=Thing("relay", name),
            detail={"serial": issued.serial},
            at_ms=now,
        )
    return issued


def _check(address: Relay) -> str | None:
    """Return the public key by which the relay is known, None for a new one."""
    if is_retired(address.name):
        raise RelayRefusedError(RelayFault.RETIRED)
    if not settings.CONFIG.relay_address and _console_address()[0] in _EVERYWHERE:
        raise RelayRefusedError(RelayFault.NO_ADDRESS)
    # Siblings share an address and its ports; the name in the first message tells them apart.
    if any(
        other.server_name == address.server_name for other in relays() if other.name != address.name
    ):
        raise RelayRefusedError(RelayFault.SERVER_NAME_TAKEN)
    return assertion_key(address.name)


def _private_key(folder: Path, known: str | None, *, new_key: bool) -> EllipticCurvePrivateKey:
    key = folder / "key.pem"
    if known is not None and new_key:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _replaced(key)
    if key.exists():
        private = load_key_file(key)
        if known is not None and public_key_pem(private.public_key()) != known:
            raise RelayRefusedError(RelayFault.FOREIGN_KEY)
        return private
    if known is not None:
        raise RelayRefusedError(RelayFault.KEY_ELSEWHERE)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return create_key_file(key)


def _write(folder: Path, place: RelayPlace, issued: IssuedCertificate) -> Path:
    (folder / "certificate.pem").write_text(issued.pem, encoding="ascii")
    (folder / "ca.pem").write_text(authority().pem, encoding="ascii")
    config = folder / "relay.toml"
    if not config.exists():
        config.write_text(_config(place), encoding="utf-8")
    return config


def _replaced(key: Path) -> EllipticCurvePrivateKey:
    beside = key.with_name(f"{key.name}.new")
    beside.unlink(missing_ok=True)
    private = create_key_file(beside)
    beside.replace(key)
    return private


def _tell_new_key(
    name: RelayName, key: EllipticCurvePublicKey, known: str, *, actor: Actor, now: int
) -> None:
    keys = {"key_id": key_id(key), "previous_key_id": key_id(load_public_key(known))}
    thing = Thing("relay", name)
    record(JournalAction.RELAY_KEY_REPLACED, actor=actor, thing=thing, detail=keys, at_ms=now)


def _issue(key: EllipticCurvePublicKey, address: Relay, *, now: int) -> IssuedCertificate:
    server_name = address.server_name
    return authority().issue_relay(key, address.name, server_name=server_name, now_ms=now)


def _note(name: RelayName, issued: IssuedCertificate) -> None:
    do_note_relay_certificate(name, issued.serial, not_after_ms=issued.not_after_ms)


def _console_address() -> tuple[str, int]:
    text = settings.CONFIG.relay_address or settings.CONFIG.relay_listen
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _config(place: RelayPlace) -> str:
    host, port = _console_address()
    values = {
        "name": place.address.name,
        "server_name": place.address.server_name,
        "listen": list(place.listen),
        "certificate": "certificate.pem",
        "key": "key.pem",
        "ca": "ca.pem",
    }
    console = {"host": host, "port": port, "server_name": relay_server_name()}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    lines += ["", "[console]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in console.items()]
    return "\n".join(lines) + "\n"

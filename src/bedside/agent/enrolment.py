"""How a device gets its identity: a signed bundle, a one-time code, keys that are born here (S60).

1. The bundle must be signed by the manufacturer's key that this device was delivered with.
2. The keys never leave the device; the code never crosses a wire.
3. Nothing of a new identity counts until its certificate was checked against the pinned CA, this
   key and this device's name.
"""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bedside.agent.config import AgentConfig
from bedside.agent.est import EnrolmentError, ask_relays, est_answer, targets_of
from bedside.agent.files import make_private_folder, write_bytes, write_json
from bedside.agent.hardware import hardware_fingerprint
from bedside.agent.ledger import Ledger
from bedside.agent.moment import wall_ms
from bedside.language import N_
from bedside.pki.contexts import enrolment_client_context, enrolment_name
from bedside.pki.device_keys import CertificateError, create_device_keys, open_certificate
from bedside.pki.requests import build_enrolment_request
from bedside.pki.signing import BUNDLE, SignatureError, key_id, load_public_key, open_envelope
from bedside.protocol.enrolment import EnrolmentCode
from bedside.protocol.errors import ProtocolError
from bedside.protocol.orders import EnrolmentBundle
from bedside.vocabulary import Gate, JournalAction, Outcome

__all__ = ["EnrolmentError", "enrol", "open_bundle", "point_to", "store_certificate"]

_PATH = "/.well-known/est/simpleenroll"


def open_bundle(data: bytes, manufacturer_key: str, now_ms: int) -> EnrolmentBundle:
    """Return the bundle if the manufacturer signed it and it is still valid (rule 1).

    Raises EnrolmentError.
    """
    try:
        key = load_public_key(manufacturer_key)
        payload = open_envelope(data, BUNDLE, {key_id(key): key}, limit=EnrolmentBundle.LIMIT)
        bundle = EnrolmentBundle.from_bytes(payload)
    except (SignatureError, ProtocolError) as error:
        raise EnrolmentError(N_("the bundle is not the manufacturer's")) from error
    if now_ms >= bundle.expires_ms:
        raise EnrolmentError(N_("the bundle has expired: ask for a new one"), Gate.ORDER_EXPIRED)
    return bundle


async def enrol(
    config: AgentConfig, bundle: EnrolmentBundle, envelope: bytes, code: EnrolmentCode
) -> None:
    """Give this device its identity.

    Args:
        config: where it is kept.
        bundle: as opened.
        envelope: the bundle as signed, kept beside it.
        code: the one-time code.

    Raises:
        EnrolmentError: the reason, and the gate if one refused. Nothing of the identity counts then.
    """
    make_private_folder(config.state_dir)
    make_private_folder(config.identity_dir)
    if (config.identity_dir / "current").exists():
        raise EnrolmentError(N_("this device is enrolled already"))
    hardware = hardware_fingerprint(config.hardware_files)
    if hardware is None:
        raise EnrolmentError(N_("a file that names this machine cannot be read"), Gate.INSTANCE)
    ledger = Ledger(config.journal_dir, bundle.device)
    try:
        folder = await _request_certificate(config, bundle, code)
    except EnrolmentError as error:
        detail = {"bundle": bundle.enrolment, "reason": str(error)[:200]}
        ledger.write(
            JournalAction.DEVICE_ENROLMENT_REFUSED,
            outcome=Outcome.REFUSED if error.gate else Outcome.FAILURE,
            gate=error.gate,
            detail=detail,
        )
        raise
    write_json(config.identity_dir / "trust.json", bundle.to_dict())
    write_bytes(config.identity_dir / "bundle.json", envelope)
    write_bytes(config.identity_dir / "hardware", hardware.encode())
    ledger.write(JournalAction.DEVICE_ENROLMENT_COMPLETED, detail={"bundle": bundle.enrolment})
    point_to(config.identity_dir / "current", folder)
    ledger.close()


async def _request_certificate(
    config: AgentConfig, bundle: EnrolmentBundle, code: EnrolmentCode
) -> Path:
    folder = config.identity_dir / f"keys-{os.urandom(4).hex()}"
    make_private_folder(folder)
    keys = create_device_keys(folder)
    request = build_enrolment_request(keys.request, bundle.device, code)
    targets = [
        replace(target, server_name=enrolment_name(target.server_name))
        for target in targets_of(bundle.relays, config.proxy)
    ]
    answer = await ask_relays(targets, enrolment_client_context(bundle.ca), _PATH, request)
    try:
        certificate = open_certificate(
            est_answer(answer),
            bundle.ca,
            keys.identity.public_key(),
            device=bundle.device,
            now_ms=wall_ms(),
        )
    except CertificateError as error:
        raise EnrolmentError(N_("the answer is not a certificate for this device")) from error
    store_certificate(folder, certificate)
    return folder


def store_certificate(folder: Path, certificate: x509.Certificate) -> None:
    """Write the certificate and its validity beside its keys."""
    write_bytes(folder / "certificate.pem", certificate.public_bytes(Encoding.PEM))
    about: dict[str, Any] = {
        "not_before_ms": int(certificate.not_valid_before_utc.timestamp() * 1000),
        "not_after_ms": int(certificate.not_valid_after_utc.timestamp() * 1000),
        "serial": f"{certificate.serial_number:x}",
    }
    write_json(folder / "about.json", about)


def point_to(link: Path, folder: Path) -> None:
    """Make `link` point to `folder`, in one step."""
    beside = link.with_name(f".{link.name}.{time.monotonic_ns()}")
    beside.symlink_to(folder.name)
    beside.replace(link)

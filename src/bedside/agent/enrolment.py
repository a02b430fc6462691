"""How a device gets its identity: a signed bundle, a one-time code, keys that are born here (S60).

1. The bundle must be signed by the manufacturer's key that this device was delivered with.
2. The keys never leave the device; the code never crosses a wire.
3. Nothing of a new identity counts until its certificate was checked against the pinned CA, this
   key and this device's name.
"""

import asyncio
import os
import ssl
import time
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bedside.agent.config import AgentConfig
from bedside.agent.dial import DialError, Question, open_connection
from bedside.agent.files import make_private_folder, write_bytes, write_json
from bedside.agent.hardware import hardware_fingerprint
from bedside.agent.ledger import Ledger
from bedside.agent.link import Target
from bedside.agent.moment import wall_ms
from bedside.agent.proxy import Proxy
from bedside.language import N_
from bedside.pki.contexts import enrolment_client_context, enrolment_name
from bedside.pki.device_keys import CertificateError, create_device_keys, open_certificate
from bedside.pki.requests import build_enrolment_request
from bedside.pki.signing import BUNDLE, SignatureError, key_id, load_public_key, open_envelope
from bedside.protocol.enrolment import EnrolmentCode
from bedside.protocol.errors import ProtocolError
from bedside.protocol.http import Response
from bedside.protocol.orders import EnrolmentBundle
from bedside.protocol.poll import parse_refusal
from bedside.protocol.shapes import Relay
from bedside.vocabulary import Gate, JournalAction, Outcome

__all__ = ["EnrolmentError", "enrol", "est_answer", "open_bundle", "point_to", "store_certificate"]

_PATH = "/.well-known/est/simpleenroll"
_MAX_ANSWER = 32 * 1024
_PACE_S = 1.5
"""A relay carries one request a second for each address, and a hospital may be one address."""


class EnrolmentError(RuntimeError):
    """The device was not enrolled.

    `text` is a marked sentence with `fields` for it; `gate` names what refused, None when nothing
    could be asked.
    """

    def __init__(self, text: str, gate: Gate | None = None, **fields: object) -> None:
        super().__init__(text.format(**fields))
        self.text = text
        self.fields = fields
        self.gate = gate


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
    answer = await _ask_relays(bundle.relays, bundle.ca, request, config.proxy)
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


async def _ask_relays(
    relays: Sequence[Relay], ca: str, request: bytes, proxy: Proxy | None
) -> Response:
    context = enrolment_client_context(ca)
    body = b2a_base64(request, newline=False)
    last = "-"
    for relay in relays:
        for port in relay.ports:
            name = enrolment_name(relay.server_name)
            target = Target(host=relay.host, port=port, server_name=name, proxy=proxy)
            try:
                answer = await _ask(target, context, body)
                if answer.status == 429:
                    await asyncio.sleep(_PACE_S)
                    answer = await _ask(target, context, body)
            except DialError as error:
                last = f"{relay.host}:{port}: {error}"
                continue
            if answer.status < 500:
                return answer
            last = f"{relay.host}:{port}: {answer.status}"
    raise EnrolmentError(N_("no relay could be asked; the last was {last}"), last=last)


async def _ask(target: Target, context: ssl.SSLContext, body: bytes) -> Response:
    _, line = await open_connection(target, context, Question)
    try:
        return await line.ask(
            "POST", _PATH, target.server_name, content_type="application/pkcs10", body=body
        )
    finally:
        line.close()


def est_answer(answer: Response) -> bytes:
    """Return the certificates (PKCS#7, DER) in an answer, or raise EnrolmentError with its gate."""
    if answer.status != 200:
        try:
            gate: Gate | None = parse_refusal(answer.body).gate
        except ProtocolError:
            gate = None
        raise EnrolmentError(N_("refused ({status})"), gate, status=answer.status)
    try:
        return a2b_base64(b"".join(answer.body[:_MAX_ANSWER].split()), strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise EnrolmentError(N_("the answer is not a certificate for this device")) from error


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

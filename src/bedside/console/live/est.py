"""EST (RFC 7030) as relays carry it here: what devices ask of the authority, and what it answers.

1. `cacerts` gives the root, for readers; a device trusts the one in its bundle only.
2. `simpleenroll` is proved by a code, `simplereenroll` by the certificate that the relay verified
   and by the old key's own signature: a lying relay cannot renew anything.
3. Bodies are base64 of DER (RFC 7030, 4.2.1), at most 8 KiB.
"""

import base64
import binascii
from dataclasses import dataclass

from django.db import transaction

from bedside.console.devices.actions import do_mark_enrolled
from bedside.console.devices.queries import device_facts
from bedside.console.enrolment.actions import (
    Enrolled,
    EnrolmentRefusedError,
    do_enrol,
    do_record_refusal,
    do_renew,
    do_send_configuration,
)
from bedside.console.enrolment.authority import authority
from bedside.console.journal.queries import count_since
from bedside.console.live.server import Reply
from bedside.pki.authority import certs_only
from bedside.pki.names import CertificateKind, CertificateName
from bedside.protocol.poll import Refusal
from bedside.vocabulary import Gate, JournalAction

__all__ = ["MAX_BODY", "Carried", "answer_est"]

MAX_BODY = 8 * 1024
_RETRY_MS = 60_000
_REFUSALS_A_MINUTE = 60
_CERTIFICATES = "application/pkcs7-mime; smime-type=certs-only"
_ATTRIBUTES = "application/csrattrs"
# CsrAttrs (RFC 7030, 4.5.2): challengePassword, and a P-256 key.
_CSR_ATTRIBUTES = bytes.fromhex(
    "302206092a864886f70d010907301506072a8648ce3d0201310a06082a8648ce3d030107"
)


@dataclass(frozen=True)
class Carried:
    """What the relay says of the connection that a request came in on."""

    address: str
    peer: str
    serial: str


def answer_est(verb: str, body: bytes, carried: Carried, *, now: int) -> Reply:
    """Answer one verb; an unknown one is 404."""
    if verb == "cacerts":
        return _answer(certs_only(authority().pem), _CERTIFICATES)
    if verb == "csrattrs":
        return _answer(base64.encodebytes(_CSR_ATTRIBUTES), _ATTRIBUTES)
    if verb not in ("simpleenroll", "simplereenroll"):
        return Reply(404)
    try:
        der = _read(body)
        with transaction.atomic():
            enrolled = (
                _enrol(der, carried, now) if verb == "simpleenroll" else _renew(der, carried, now)
            )
    except EnrolmentRefusedError as error:
        return _refuse(error, carried.address, now)
    return _answer(certs_only(enrolled.certificate.pem), _CERTIFICATES)


def _enrol(der: bytes, carried: Carried, now: int) -> Enrolled:
    enrolled = do_enrol(der, address=carried.address, now=now)
    do_mark_enrolled(enrolled.device, now=now)
    return enrolled


def _renew(der: bytes, carried: Carried, now: int) -> Enrolled:
    enrolled = do_renew(der, serial=carried.serial, now=now)
    if carried.peer != CertificateName(CertificateKind.DEVICE, enrolled.device).uri:
        raise EnrolmentRefusedError("peer", gate=Gate.CERTIFICATE, device=enrolled.device)
    # The SSH host key may be new, and its certificate lives a year: a renewal brings the next one.
    do_send_configuration(device_facts(enrolled.device), now=now)
    return enrolled


def _read(body: bytes) -> bytes:
    try:
        if len(body) > MAX_BODY:
            raise ValueError
        return base64.b64decode(b"".join(body.split()), validate=True)
    except (ValueError, binascii.Error):
        raise EnrolmentRefusedError("malformed", gate=Gate.ENROLMENT_CODE) from None


def _refuse(error: EnrolmentRefusedError, address: str, now: int) -> Reply:
    told = count_since(
        JournalAction.DEVICE_ENROLMENT_REFUSED,
        device=error.device,
        gate=error.gate,
        since_ms=now - _RETRY_MS,
    )
    if told < _REFUSALS_A_MINUTE:
        with transaction.atomic():
            do_record_refusal(error, address=address, now=now)
    body = Refusal(gate=error.gate, retry_in_ms=_RETRY_MS).to_json()
    status = 400 if error.reason == "malformed" else 403
    return Reply(status, body, {"content-type": "application/json"})


def _answer(body: bytes, content_type: str) -> Reply:
    headers = {"content-type": content_type, "content-transfer-encoding": "base64"}
    return Reply(200, body, headers)

"""Certificates for devices: the first for a code, the next for the one before.

1. A code is closed by the first request that proves it, in the transaction that issues the
   certificate; a second use is refused and journalled with its source.
2. A wrong proof does not close a code: whoever can reach a relay could otherwise close it.
3. A device takes its name from the code or from its certificate, never from the request.
4. Enrolling anew revokes every earlier certificate of the device.
"""

from dataclasses import dataclass

from bedside.audit.entry import Thing
from bedside.console.enrolment.actions.offers import secret_info
from bedside.console.enrolment.actions.revocation import do_revoke_certificates_of
from bedside.console.enrolment.authority import authority
from bedside.console.enrolment.models import DeviceCertificate, DeviceIdentity, EnrolmentCode
from bedside.console.journal.actions import device_actor, record
from bedside.console.keys import key_store
from bedside.console.relays.actions import do_restore_device
from bedside.pki.authority import IssuedCertificate
from bedside.pki.keystore import KeyName
from bedside.pki.requests import CertificateRequest, check_renewal, check_request
from bedside.pki.signing import key_id, load_public_key, public_key_pem
from bedside.pki.ssh_certificates import fingerprint
from bedside.protocol.enrolment import EnrolmentCode as Code
from bedside.protocol.enrolment import check_challenge, code_id_of
from bedside.vocabulary import DeviceId, Gate, JournalAction, Outcome

__all__ = ["Enrolled", "EnrolmentRefusedError", "do_enrol", "do_record_refusal", "do_renew"]


class EnrolmentRefusedError(ValueError):
    """A request for a certificate that is refused: by which gate, why, and whose it was."""

    def __init__(self, reason: str, *, gate: Gate, device: str = "", code_id: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.gate = gate
        self.device = device
        self.code_id = code_id


@dataclass(frozen=True)
class Enrolled:
    """The certificate that was issued, and to whom."""

    device: DeviceId
    certificate: IssuedCertificate


def do_enrol(der: bytes, *, address: str, now: int) -> Enrolled:
    """Issue a device's first certificate for a request that proves a code.

    Args:
        der: the certificate request, PKCS#10.
        address: where it came from, for the journal.
        now: Unix milliseconds.

    Raises:
        EnrolmentRefusedError: the caller tells it by `do_record_refusal`, outside the transaction
            that this refusal rolls back.
    """
    request, code_id = _read_first_request(der)
    row = EnrolmentCode.objects.select_for_update().filter(pk=code_id).first()
    if row is None:
        raise _refused("unknown_code", code_id=code_id)
    if row.closed_ms is not None:
        raise _refused("used_code", device=row.device, code_id=code_id)
    if row.expires_ms <= now:
        raise _refused("expired_code", device=row.device, code_id=code_id)
    secret = key_store().unseal(KeyName.REPORT, bytes(row.sealed_secret), info=secret_info(code_id))
    if not check_challenge(request.challenge, Code(code_id, secret.decode()), request.digest):
        raise _refused("wrong_code", device=row.device, code_id=code_id)  # 2
    row.closed_ms, row.address, row.sealed_secret = now, address[:64], b""
    row.save()
    device = DeviceId(row.device)
    do_revoke_certificates_of(device, now=now)  # 4
    do_restore_device(device, now=now)
    DeviceIdentity.objects.update_or_create(
        device=device,
        defaults={
            "sealing_key": public_key_pem(request.sealing_key),
            "ssh_host_key": request.ssh_host_key,
            "enrolled_ms": now,
            "gate": "",
        },
    )
    issued = _issue(request, device, now)
    _tell(
        JournalAction.DEVICE_ENROLMENT_COMPLETED,
        device,
        now,
        code_id=code_id,
        address=address,
        # In the sealed log: which key the device showed before anybody could have owned us.
        fingerprint=fingerprint(request.ssh_host_key),
    )
    _tell(JournalAction.DEVICE_CERTIFICATE_ISSUED, device, now, serial=issued.serial)
    return Enrolled(device, issued)


def do_renew(der: bytes, *, serial: str, now: int) -> Enrolled:
    """Issue a device's next certificate for a request that its present key has signed.

    Args:
        der: the certificate request.
        serial: of the certificate that the device showed to its relay.
        now: Unix milliseconds.

    Raises:
        EnrolmentRefusedError: as in `do_enrol`.
    """
    request = _read(der)
    old = DeviceCertificate.objects.filter(pk=serial).first()
    if old is None or old.revoked_ms is not None or old.not_after_ms <= now:
        device = old.device if old else ""
        raise EnrolmentRefusedError("certificate", gate=Gate.REVOKED_CERTIFICATE, device=device)
    identity = DeviceIdentity.objects.select_for_update().get(pk=old.device)
    if identity.gate:
        raise EnrolmentRefusedError("refused", gate=Gate(identity.gate), device=old.device)
    if not check_renewal(request, load_public_key(old.public_key)):
        raise EnrolmentRefusedError("signature", gate=Gate.CERTIFICATE, device=old.device)
    device = DeviceId(old.device)
    new_host_key = identity.ssh_host_key != request.ssh_host_key
    identity.sealing_key = public_key_pem(request.sealing_key)
    identity.ssh_host_key = request.ssh_host_key
    identity.save()
    issued = _issue(request, device, now)
    _tell(
        JournalAction.DEVICE_CERTIFICATE_RENEWED,
        device,
        now,
        serial=issued.serial,
        previous_serial=serial,
        new_host_key=new_host_key,
        fingerprint=fingerprint(request.ssh_host_key),
    )
    return Enrolled(device, issued)


def do_record_refusal(error: EnrolmentRefusedError, *, address: str, now: int) -> None:
    """Enter into the journal that a certificate was refused, and from where it was asked for."""
    thing = Thing("device", error.device) if error.device else Thing("enrolment", error.code_id)
    record(
        JournalAction.DEVICE_ENROLMENT_REFUSED,
        actor=device_actor(error.device or "unknown"),
        thing=thing,
        outcome=Outcome.REFUSED,
        gate=error.gate,
        detail={"reason_code": error.reason, "code_id": error.code_id, "address": address},
        at_ms=now,
    )


def _read_first_request(der: bytes) -> tuple[CertificateRequest, str]:
    request = _read(der)
    try:
        return request, code_id_of(request.challenge)
    except ValueError:
        raise _refused("malformed") from None


def _read(der: bytes) -> CertificateRequest:
    try:
        return check_request(der)
    except ValueError:
        raise _refused("malformed") from None


def _refused(reason: str, *, device: str = "", code_id: str = "") -> EnrolmentRefusedError:
    return EnrolmentRefusedError(reason, gate=Gate.ENROLMENT_CODE, device=device, code_id=code_id)


def _issue(request: CertificateRequest, device: DeviceId, now: int) -> IssuedCertificate:
    issued = authority().issue_device(request.public_key, device, now_ms=now)
    DeviceCertificate.objects.create(
        serial=issued.serial,
        device=device,
        key_id=key_id(request.public_key),
        public_key=public_key_pem(request.public_key),
        issued_ms=now,
        not_after_ms=issued.not_after_ms,
    )
    return issued


def _tell(action: JournalAction, device: DeviceId, now: int, **detail: str | int | bool) -> None:
    record(
        action,
        actor=device_actor(device),
        thing=Thing("device", device),
        detail=detail,
        at_ms=now,
    )

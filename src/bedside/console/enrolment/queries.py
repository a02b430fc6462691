"""Who a device is, as far as this console issued it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedside.console.enrolment.models import DeviceCertificate, DeviceIdentity, EnrolmentCode
from bedside.console.keys import key_store
from bedside.pki.keystore import KeyName
from bedside.pki.signing import PublicKey, load_public_key
from bedside.pki.ssh_certificates import ssh_key_line
from bedside.vocabulary import DeviceId, Gate

__all__ = [
    "Identity",
    "Offered",
    "device_of_serial",
    "host_ca",
    "identity",
    "identity_keys",
    "keys_of_all",
    "offered",
]


@dataclass(frozen=True)
class Identity:
    """A device's certificate that ends last, and whether the device is refused."""

    device: DeviceId
    serial: str
    issued_ms: int
    not_after_ms: int
    enrolled_ms: int
    configuration_serial: int
    gate: Gate | None


@dataclass(frozen=True)
class Offered:
    """A code that still waits to be used; its secret is not here."""

    code_id: str
    offered_ms: int
    expires_ms: int


def host_ca() -> str:
    """Return the SSH host CA, one line of OpenSSH's format: specialists' computers remember it."""
    return ssh_key_line(key_store().public_key(KeyName.SSH_HOST_CA))


def identity(device: str) -> Identity | None:
    """Return who a device is, None where it never enrolled."""
    row = DeviceIdentity.objects.filter(pk=device).first()
    newest = DeviceCertificate.objects.filter(device=device).order_by("-not_after_ms").first()
    if row is None or newest is None:
        return None
    return Identity(
        device=DeviceId(device),
        serial=newest.serial,
        issued_ms=newest.issued_ms,
        not_after_ms=newest.not_after_ms,
        enrolled_ms=row.enrolled_ms,
        configuration_serial=row.configuration_serial,
        gate=Gate(row.gate) if row.gate else None,
    )


def identity_keys(device: str, *, now: int) -> dict[str, PublicKey]:
    """Return the keys that a device signs with at the moment, by key id."""
    valid = DeviceCertificate.objects.filter(device=device, not_after_ms__gt=now, revoked_ms=None)
    return {row.key_id: load_public_key(row.public_key) for row in valid}


def keys_of_all() -> dict[DeviceId, Mapping[str, str]]:
    """Return every device's keys, past and present, as PEM by key id, for exports."""
    keys: dict[DeviceId, dict[str, str]] = {}
    rows = DeviceCertificate.objects.values_list("device", "key_id", "public_key")
    for device, key_id, pem in rows.iterator():
        keys.setdefault(DeviceId(device), {})[key_id] = pem
    return dict(keys)


def device_of_serial(serial: str) -> DeviceId | None:
    """Return the device that a certificate was issued to."""
    row = DeviceCertificate.objects.filter(pk=serial).first()
    return DeviceId(row.device) if row else None


def offered(device: str, *, now: int) -> Offered | None:
    """Return the code that waits to be used for a device."""
    row = EnrolmentCode.objects.filter(device=device, closed_ms=None, expires_ms__gt=now).first()
    return Offered(row.id, row.offered_ms, row.expires_ms) if row else None

"""A device's SSH host certificate, as the specialist's computer reads it before it connects.

What it proves is little: that the host CA has called this key the device's. Which CA and which key
this computer takes is remembered here, not said by the certificate (`bedside.specialist.trust`).
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import (
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from bedside.pki.ssh_certificates import SshKeyError, fingerprint, ssh_key_line
from bedside.protocol.shapes import CERTIFICATE_LINE
from bedside.vocabulary import DeviceId

__all__ = ["MAX_HOST_CERTIFICATE", "HostCertificate", "open_host_certificate"]

MAX_HOST_CERTIFICATE = 4096


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """A device's key as one line of OpenSSH's format, and the fingerprint of the CA that signed it."""

    key: str
    ca: str

    @property
    def fingerprint(self) -> str:
        """What `ssh-keygen -l` prints for the device's key."""
        return fingerprint(self.key)


def open_host_certificate(line: str, *, device: DeviceId, now_ms: int) -> HostCertificate:
    """Return what a host certificate says, once its own signature holds (11.2, 11.3).

    Args:
        line: the certificate, one line of OpenSSH's format.
        device: the only device that it may be for.
        now_ms: Unix milliseconds; it must be valid then.

    Raises:
        SshKeyError: it is not a host certificate for this device, or not valid now.
    """
    certificate = _read(line)
    own, ca = certificate.public_key(), certificate.signature_key()
    if not _is_p256(own) or not _is_p256(ca):
        raise SshKeyError("not a certificate over P-256 by P-256")
    try:
        certificate.verify_cert_signature()
    except InvalidSignature:
        raise SshKeyError("a certificate that its CA did not sign") from None
    if certificate.type is not SSHCertificateType.HOST or certificate.critical_options:
        raise SshKeyError("not a host certificate")
    if set(certificate.valid_principals) != {device.encode(), device.lower().encode()}:
        raise SshKeyError("a certificate of another device")
    if not certificate.valid_after <= now_ms // 1000 < certificate.valid_before:
        raise SshKeyError("a certificate that is not valid now: check this computer's clock")
    assert isinstance(own, EllipticCurvePublicKey)
    assert isinstance(ca, EllipticCurvePublicKey)
    return HostCertificate(ssh_key_line(own), fingerprint(ssh_key_line(ca)))


def _read(line: str) -> SSHCertificate:
    if len(line) > MAX_HOST_CERTIFICATE or not CERTIFICATE_LINE.fullmatch(line):
        raise SshKeyError("not one line with an ecdsa-sha2-nistp256 certificate")
    try:
        certificate = load_ssh_public_identity(line.encode("ascii"))
    except (ValueError, RuntimeError, UnsupportedAlgorithm):  # RuntimeError: a compressed point
        raise SshKeyError("not an ecdsa-sha2-nistp256 certificate") from None
    if not isinstance(certificate, SSHCertificate):
        raise SshKeyError("a bare key")
    return certificate


def _is_p256(key: object) -> bool:
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)

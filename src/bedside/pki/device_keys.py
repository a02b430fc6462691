"""A device's own keys: born in its folder, never leaving it (S60).

Three P-256 keys: `identity` for TLS and for signed reports and consents, `sealing` for what the
console sends, `ssh-host` for the SSH server in the tunnel.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs7,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from bedside.language.tongues import N_
from bedside.pki.keystore import KeyStoreError, read_secret, write_secret
from bedside.pki.names import CertificateKind, CertificateName
from bedside.pki.requests import X509_ERRORS, RequestKeys
from bedside.pki.signing import KeySigner
from bedside.vocabulary import DeviceId

__all__ = [
    "MAX_CERTIFICATES",
    "CertificateError",
    "DeviceKeys",
    "create_device_keys",
    "create_key_file",
    "load_device_keys",
    "load_key_file",
    "open_certificate",
]

MAX_CERTIFICATES = 16 * 1024


class CertificateError(ValueError):
    """A certificate that this device must not use."""


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """One generation of a device's keys."""

    identity: EllipticCurvePrivateKey
    sealing: EllipticCurvePrivateKey
    ssh_host: EllipticCurvePrivateKey

    @property
    def signer(self) -> KeySigner:
        """What signs reports and consents."""
        return KeySigner(self.identity)

    @property
    def request(self) -> RequestKeys:
        """What a request for a certificate is made from."""
        return RequestKeys(self.identity, self.sealing.public_key(), self.ssh_host.public_key())


def create_key_file(path: Path) -> EllipticCurvePrivateKey:
    """Make a P-256 key in a new file of mode 0600 (PEM); raises FileExistsError."""
    key = generate_private_key(SECP256R1())
    _write(path, key)
    return key


def load_key_file(path: Path) -> EllipticCurvePrivateKey:
    """Return the P-256 key in a file of ours; raises KeyStoreError, naming the file and the cure."""
    try:
        key = load_pem_private_key(read_secret(path), password=None)
    except (ValueError, TypeError):
        text = N_("{path} holds no key: restore it, or enrol anew")
        raise KeyStoreError(text, path=path) from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        text = N_("{path} holds a key of another kind: restore it, or enrol anew")
        raise KeyStoreError(text, path=path)
    return key


def create_device_keys(folder: Path, *, keep: DeviceKeys | None = None) -> DeviceKeys:
    """Make a generation of keys in an existing folder: identity.pem, sealing.pem, ssh-host.pem.

    With `keep`, only the identity is new, and the other keys are those of the old generation: what
    is on its way, sealed to the old key, still opens. Raises FileExistsError.
    """
    identity = create_key_file(folder / "identity.pem")
    if keep is None:
        sealing = create_key_file(folder / "sealing.pem")
        ssh_host = create_key_file(folder / "ssh-host.pem")
        return DeviceKeys(identity, sealing, ssh_host)
    _write(folder / "sealing.pem", keep.sealing)
    _write(folder / "ssh-host.pem", keep.ssh_host)
    return DeviceKeys(identity, keep.sealing, keep.ssh_host)


def load_device_keys(folder: Path) -> DeviceKeys:
    """Return the generation of keys in a folder; raises KeyStoreError."""
    return DeviceKeys(
        load_key_file(folder / "identity.pem"),
        load_key_file(folder / "sealing.pem"),
        load_key_file(folder / "ssh-host.pem"),
    )


def open_certificate(
    der: bytes, ca: str, public_key: EllipticCurvePublicKey, *, device: DeviceId, now_ms: int
) -> x509.Certificate:
    """Return the device's certificate in a certs-only PKCS#7 answer.

    It must be issued by the pinned CA, be over this device's own key, in its own name, for TLS
    clients, and valid now (10.7). Raises CertificateError; a relay that answers anything else gets
    no further.
    """
    if len(der) > MAX_CERTIFICATES:
        raise CertificateError("an answer that is too large")
    try:
        certificates = pkcs7.load_der_pkcs7_certificates(der)
        root = x509.load_pem_x509_certificate(ca.encode("ascii"))
        own = [item for item in certificates if item.public_key() == public_key]
        if len(own) != 1:
            raise CertificateError("an answer without one certificate over this device's key")
        own[0].verify_directly_issued_by(root)
        _check_content(own[0], device, now_ms)
    except CertificateError:
        raise
    except X509_ERRORS:
        raise CertificateError("an answer without a certificate of the pinned CA") from None
    return own[0]


def _check_content(certificate: x509.Certificate, device: DeviceId, now_ms: int) -> None:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if uris != [CertificateName(CertificateKind.DEVICE, device).uri]:
        raise CertificateError("a certificate of another device")
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if list(usage) != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise CertificateError("a certificate for another use")
    begin = certificate.not_valid_before_utc.timestamp() * 1000
    end = certificate.not_valid_after_utc.timestamp() * 1000
    if not begin <= now_ms <= end:
        raise CertificateError("a certificate that is not valid now: check this device's clock")


def _write(path: Path, key: EllipticCurvePrivateKey) -> None:
    write_secret(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

"""Certificate requests: what a device sends, and the check of what arrives.

The clauses of `docs/protocol/enrolment.md`:

10.4 A request is PKCS#10 in DER, at most 6 KiB, over a P-256 key that signed it, in whole bytes.
10.5 It has one extension, Bedside's, with the device's sealing key and SSH host key; an issuer takes
     keys from a request and never a name.
10.2, 10.3 Its challenge password is the proof of the code, or of the old key.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from cryptography.x509.oid import AttributeOID, NameOID

from bedside.pki.signing import KeySigner, verify
from bedside.pki.ssh_certificates import SshKeyError, load_ssh_key, ssh_key_line
from bedside.protocol.codec import Fields, parse_json, to_json
from bedside.protocol.enrolment import EnrolmentCode, enrolment_challenge, request_digest
from bedside.protocol.errors import ProtocolError
from bedside.vocabulary import DeviceId

__all__ = [
    "EXTENSION_OID",
    "MAX_REQUEST",
    "X509_ERRORS",
    "CertificateRequest",
    "RequestError",
    "RequestKeys",
    "build_enrolment_request",
    "build_renewal_request",
    "check_renewal",
    "check_request",
    "public_der",
    "signed_itself",
]

MAX_REQUEST = 6 * 1024
EXTENSION_OID = x509.ObjectIdentifier("1.3.6.1.4.1.61617.1.1")
_MAX_CHALLENGE = 128

# What cryptography raises for bytes that are no X.509 of any use; where warnings are errors, its
# warnings about certificates that it will refuse one day are among them.
X509_ERRORS = (
    InvalidSignature,
    TypeError,
    UnsupportedAlgorithm,
    UserWarning,
    ValueError,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class RequestError(ValueError):
    """A request for a certificate that is refused before its proof is looked at."""


@dataclass(frozen=True, slots=True)
class RequestKeys:
    """The keys that a request is about: the identity's private half, the others' public halves."""

    identity: EllipticCurvePrivateKey
    sealing: EllipticCurvePublicKey
    ssh_host: EllipticCurvePublicKey

    @property
    def extension(self) -> bytes:
        """The extension that names the other keys (10.5)."""
        sealing = b2a_base64(public_der(self.sealing), newline=False).decode("ascii")
        return to_json({"sealing": sealing, "ssh_host": ssh_key_line(self.ssh_host)})

    @property
    def digest(self) -> bytes:
        """What the challenge password proves."""
        return request_digest(public_der(self.identity.public_key()), self.extension)


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request that was checked: three keys, and a proof that is still to be checked."""

    public_key: EllipticCurvePublicKey
    sealing_key: EllipticCurvePublicKey
    ssh_host_key: str
    challenge: str
    digest: bytes


def public_der(public_key: EllipticCurvePublicKey) -> bytes:
    """Return a public key as SubjectPublicKeyInfo in DER."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def build_enrolment_request(keys: RequestKeys, device: DeviceId, code: EnrolmentCode) -> bytes:
    """Return a first request (DER), proved by the code (10.2)."""
    return _build(keys, device, enrolment_challenge(code, keys.digest))


def build_renewal_request(
    keys: RequestKeys, device: DeviceId, old_identity: EllipticCurvePrivateKey
) -> bytes:
    """Return a renewal's request (DER), proved by the old identity key (10.3)."""
    signature = KeySigner(old_identity).sign(keys.digest)
    return _build(keys, device, b2a_base64(signature, newline=False).decode("ascii"))


def check_request(der: bytes) -> CertificateRequest:
    """Return a request's keys; raises RequestError (10.4, 10.5).

    The proof is not checked here: that needs the code, or the old certificate's key.
    """
    if len(der) > MAX_REQUEST:
        raise RequestError("a request that is too large")
    try:
        return _check(x509.load_der_x509_csr(der))
    except RequestError:
        raise
    except X509_ERRORS:
        raise RequestError("a request that cannot be read") from None


def signed_itself(csr: x509.CertificateSigningRequest) -> bool:
    """Return whether a request's own key signed it with SHA-256, in whole bytes (10.4).

    cryptography verifies a signature whose BIT STRING says that its last bits are unused.
    """
    whole = csr.public_bytes(Encoding.DER).endswith(b"\x00" + csr.signature)
    return isinstance(csr.signature_hash_algorithm, SHA256) and csr.is_signature_valid and whole


def _check(csr: x509.CertificateSigningRequest) -> CertificateRequest:
    public_key = csr.public_key()
    if not isinstance(public_key, EllipticCurvePublicKey) or not isinstance(
        public_key.curve, SECP256R1
    ):
        raise RequestError("a request over a key that is not P-256")
    if not signed_itself(csr):
        raise RequestError("a request that its key did not sign")
    extension = _read_extension(csr)
    sealing_key, ssh_host_key = _read_keys(extension)
    return CertificateRequest(
        public_key=public_key,
        sealing_key=sealing_key,
        ssh_host_key=ssh_host_key,
        challenge=_read_challenge(csr),
        digest=request_digest(public_der(public_key), extension),
    )


def check_renewal(request: CertificateRequest, old_public_key: EllipticCurvePublicKey) -> bool:
    """Return whether the holder of the old identity key made this request (10.3)."""
    try:
        signature = a2b_base64(request.challenge, strict_mode=True)
    except (Base64Error, ValueError):
        return False
    return verify(old_public_key, signature, request.digest)


def _build(keys: RequestKeys, device: DeviceId, challenge: str) -> bytes:
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)]))
        .add_extension(x509.UnrecognizedExtension(EXTENSION_OID, keys.extension), critical=False)
        .add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode("ascii"))
        .sign(keys.identity, SHA256())
    )
    return csr.public_bytes(Encoding.DER)


def _read_extension(csr: x509.CertificateSigningRequest) -> bytes:
    extensions = list(csr.extensions)
    if [extension.oid for extension in extensions] != [EXTENSION_OID]:
        raise RequestError("a request whose extensions are not exactly ours")
    value = extensions[0].value
    assert isinstance(value, x509.UnrecognizedExtension)  # cryptography knows no such identifier
    return value.value


def _read_keys(extension: bytes) -> tuple[EllipticCurvePublicKey, str]:
    try:
        fields = Fields(parse_json(extension, limit=1024))
        sealing_der = fields.bytes_("sealing", max=200)
        line = fields.text("ssh_host", max=400)
        fields.end()
        sealing = load_der_public_key(sealing_der)
        ssh_host_key = ssh_key_line(load_ssh_key(line))
    except (ProtocolError, SshKeyError, ValueError):
        raise RequestError("a request whose keys cannot be read") from None
    if not isinstance(sealing, EllipticCurvePublicKey) or not isinstance(sealing.curve, SECP256R1):
        raise RequestError("a request whose sealing key is not P-256")
    return sealing, ssh_host_key


def _read_challenge(csr: x509.CertificateSigningRequest) -> str:
    try:
        value = csr.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value
        challenge = value.decode("ascii")
    except (x509.AttributeNotFound, ValueError):
        raise RequestError("a request without a proof") from None
    if not 0 < len(challenge) <= _MAX_CHALLENGE:
        raise RequestError("a request without a proof")
    return challenge

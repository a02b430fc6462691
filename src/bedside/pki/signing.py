"""Signed documents: DSSE v1 envelopes with ECDSA P-256 and SHA-256 (`docs/protocol/documents.md`).

8.1 What is signed is the DSSE pre-authentication encoding: a signature over one payload type is
    none over another.
8.2 An envelope has one to eight signatures; one by a key that the reader knows must verify.
8.4 Nothing of a payload is read before a signature over it was verified.
"""

from binascii import b2a_base64
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from bedside.protocol.codec import Fields, parse_json, to_json
from bedside.protocol.errors import ProtocolError

__all__ = [
    "BUNDLE",
    "CONFIGURATION",
    "CONSENT",
    "MAX_SIGNATURES",
    "ORDER",
    "RECEIPT",
    "REPORT",
    "SITE_KEY",
    "SITE_POLICY",
    "WITHDRAWAL",
    "KeySigner",
    "PublicKey",
    "SignatureError",
    "Signer",
    "key_id",
    "load_public_key",
    "open_envelope",
    "pre_authentication",
    "public_key_pem",
    "sign_envelope",
    "verify",
]

PublicKey = EllipticCurvePublicKey

BUNDLE = "application/vnd.bedside.bundle+json"
CONFIGURATION = "application/vnd.bedside.configuration+json"
CONSENT = "application/vnd.bedside.consent+json"
ORDER = "application/vnd.bedside.order+json"
RECEIPT = "application/vnd.bedside.receipt+json"
REPORT = "application/vnd.bedside.report+json"
SITE_KEY = "application/vnd.bedside.site-key+json"
SITE_POLICY = "application/vnd.bedside.site-policy+json"
WITHDRAWAL = "application/vnd.bedside.withdrawal+json"

MAX_SIGNATURES = 8
_MAX_SIGNATURE = 80


class SignatureError(ValueError):
    """Bytes that nobody we know has signed; `code` says what was wrong."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Signer(Protocol):
    """A private key that signs and is never seen; an HSM can be one."""

    @property
    def key_id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the public key (SPKI, DER)."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return a signature over `data`: for P-256, ECDSA over SHA-256 in DER."""
        ...


class KeySigner:
    """A signer over a private key in memory: P-256, or Ed25519 for checkpoints."""

    def __init__(self, private_key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self._key_id = key_id(private_key.public_key())

    @property
    def key_id(self) -> str:
        """See Signer."""
        return self._key_id

    def sign(self, data: bytes) -> bytes:
        """See Signer."""
        if isinstance(self._private_key, Ed25519PrivateKey):
            return self._private_key.sign(data)
        return self._private_key.sign(data, ECDSA(SHA256()))


def key_id(public_key: PublicKey | Ed25519PublicKey) -> str:
    """Return the name by which signatures refer to a key."""
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()[:16]


def public_key_pem(public_key: PublicKey) -> str:
    """Return a public key as PEM text."""
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def load_public_key(pem: str) -> PublicKey:
    """Return the P-256 public key in PEM text; raises SignatureError."""
    try:
        public_key = load_pem_public_key(pem.encode("ascii"))
    except ValueError:
        raise SignatureError("public_key") from None
    if not isinstance(public_key, EllipticCurvePublicKey) or not isinstance(
        public_key.curve, SECP256R1
    ):
        raise SignatureError("public_key")
    return public_key


def pre_authentication(payload: bytes, payload_type: str) -> bytes:
    """Return what is signed: `DSSEv1 SP len SP type SP len SP payload` (8.1)."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload: bytes, payload_type: str, signer: Signer) -> bytes:
    """Return an envelope of `payload` with one signature."""
    signature = signer.sign(pre_authentication(payload, payload_type))
    return to_json(
        {
            "payload": _base64(payload),
            "payloadType": payload_type,
            "signatures": [{"keyid": signer.key_id, "sig": _base64(signature)}],
        }
    )


def open_envelope(
    data: bytes, payload_type: str, keys: Mapping[str, PublicKey], *, limit: int
) -> bytes:
    """Return the payload (at most `limit` bytes) if one of `keys` (by key id) has signed it.

    Raises SignatureError with the code `malformed`, `payload_type`, `unknown_key` or `signature`.
    """
    try:
        fields = Fields(parse_json(data, limit=limit // 3 * 4 + 2048))
        kind = fields.text("payloadType", max=100)
        payload = fields.bytes_("payload", max=limit)
        signatures = [
            (item.text("keyid", max=64), item.bytes_("sig", min=1, max=_MAX_SIGNATURE))
            for item in fields.objects("signatures", min=1, max=MAX_SIGNATURES)  # 8.2
        ]
    except ProtocolError:
        raise SignatureError("malformed") from None
    if kind != payload_type:
        raise SignatureError("payload_type")
    known = [(keys[name], signature) for name, signature in signatures if name in keys]
    if not known:
        raise SignatureError("unknown_key")
    signed = pre_authentication(payload, payload_type)
    if not any(verify(public_key, signature, signed) for public_key, signature in known):
        raise SignatureError("signature")
    return payload


def verify(public_key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Return whether `signature` (DER) is this key's over `data`."""
    try:
        public_key.verify(signature, data, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")

"""Sealed messages: HPKE (RFC 9180), base mode, P-256, HKDF-SHA256, AES-128-GCM.

What is signed is sealed afterwards, never the other way round (`docs/protocol/documents.md`, 9.1).
`info` binds a sealed message to its direction and device (9.2), so that a relay cannot hand one
device's message to another.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from bedside.vocabulary import DeviceId

__all__ = ["OVERHEAD", "SealError", "message_info", "report_info", "seal", "unseal"]

OVERHEAD = 65 + 16
"""How many bytes longer a sealed message is: an uncompressed point and a tag."""

_SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


class SealError(ValueError):
    """Bytes that were not sealed to this key for this purpose."""


def message_info(device: DeviceId) -> bytes:
    """Return the purpose of what the console sends to a device (9.2)."""
    return f"bedside/message/{device}".encode("ascii")


def report_info(device: DeviceId) -> bytes:
    """Return the purpose of what a device sends to the console (9.2)."""
    return f"bedside/report/{device}".encode("ascii")


def seal(public_key: EllipticCurvePublicKey, data: bytes, *, info: bytes) -> bytes:
    """Return `data` so that only the holder of the private key can read it."""
    return bytes(_SUITE.encrypt(data, public_key, info=info))


def unseal(private_key: EllipticCurvePrivateKey, data: bytes, *, info: bytes) -> bytes:
    """Return what was sealed to this key under the same `info`; raises SealError."""
    try:
        return bytes(_SUITE.decrypt(data, private_key, info=info))
    except (InvalidTag, ValueError):
        raise SealError("not sealed to this key for this purpose") from None

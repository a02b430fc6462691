"""Whether a passkey said yes to exactly this: a WebAuthn assertion, checked where it counts.

The device checks approvals by itself (N3); the console checks them only to tell a person at once.
Rules held here (W3C WebAuthn level 3, section 7.2; `docs/protocol/site.md`):

12.4 The client data is JSON of type `webauthn.get`, for the approver's own page, whose challenge is
     the digest of what is approved; it was not made inside another page.
12.5 The authenticator data is for the approver's relying party; the person was present and verified.
12.6 The signature is the enrolled key's, over both.

The signature counter is not looked at: synchronised passkeys keep it at zero.
"""

from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from hmac import compare_digest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256

from bedside.pki.signing import SignatureError, load_public_key
from bedside.protocol.codec import parse_json
from bedside.protocol.errors import ProtocolError
from bedside.protocol.site import Approval, Approver

__all__ = ["approved_digest", "check_approval", "from_base64url", "to_base64url"]

_MAX_CLIENT_DATA = 2048
_HASH = 32
_PRESENT = 0x01
_VERIFIED = 0x04


def check_approval(approval: Approval, approver: Approver, digest: bytes) -> None:
    """Refuse an approval that is not `approver`'s over `digest` (32 bytes).

    Raises SignatureError with a code: `credential`, `client_data`, `type`, `challenge`, `origin`,
    `relying_party`, `not_present`, `not_verified` or `signature`.
    """
    _require(approval.credential == approver.credential, "credential")
    _check_client_data(approval.client_data, approver, digest)
    _check_authenticator_data(approval.authenticator_data, approver)
    key = load_public_key(approver.public_key)
    signed = approval.authenticator_data + sha256(approval.client_data).digest()
    try:
        key.verify(approval.signature, signed, ECDSA(SHA256()))  # 12.6
    except InvalidSignature:
        raise SignatureError("signature") from None


def approved_digest(approval: Approval) -> bytes | None:
    """Return the digest that an approval says it is for, checked or not; None for no such thing."""
    try:
        told = parse_json(approval.client_data, limit=_MAX_CLIENT_DATA)
        return from_base64url(str(told.get("challenge", "")))
    except (ProtocolError, ValueError):
        return None


def to_base64url(data: bytes) -> str:
    """Return base64url without padding, as WebAuthn writes bytes."""
    return b2a_base64(data, newline=False).decode().rstrip("=").translate(_TO_URL)


def from_base64url(text: str) -> bytes:
    """Return the bytes of base64url without padding; raises ValueError."""
    plain = text.translate(_FROM_URL)
    try:
        return a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError as error:
        raise ValueError("not base64url") from error


_TO_URL = str.maketrans("+/", "-_")
_FROM_URL = str.maketrans("-_", "+/")


def _check_client_data(data: bytes, approver: Approver, digest: bytes) -> None:
    try:
        told = parse_json(data, limit=_MAX_CLIENT_DATA)
    except ProtocolError:
        raise SignatureError("client_data") from None
    _require(told.get("type") == "webauthn.get", "type")  # 12.4
    challenge = str(told.get("challenge", ""))
    _require(compare_digest(challenge.encode(), to_base64url(digest).encode()), "challenge")
    _require(told.get("origin") == approver.origin, "origin")
    _require(told.get("crossOrigin", False) is False and "topOrigin" not in told, "origin")


def _check_authenticator_data(data: bytes, approver: Approver) -> None:
    relying_party = sha256(approver.rp_id.encode()).digest()
    _require(compare_digest(data[:_HASH], relying_party), "relying_party")  # 12.5
    flags = data[_HASH] if len(data) > _HASH else 0
    _require(bool(flags & _PRESENT), "not_present")
    _require(bool(flags & _VERIFIED), "not_verified")


def _require(holds: bool, code: str) -> None:  # noqa: FBT001 - one condition, one code
    if not holds:
        raise SignatureError(code)

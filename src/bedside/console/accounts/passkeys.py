"""A person's passkeys as a device knows them: credential, public key, and the page they belong to."""

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from django.conf import settings

from bedside.console.accounts.models import User
from bedside.pki.signing import public_key_pem
from bedside.pki.webauthn import to_base64url
from bedside.protocol.site import Approver

__all__ = ["NamedPasskey", "passkeys_of"]

NamedPasskey = tuple[str, Approver]
"""What the person called it, and the approver that a device would know by it."""

# RFC 9053: ECDSA with SHA-256 on P-256, as a COSE key.
_ALGORITHM, _ES256 = 3, -7
_X, _Y = -2, -3


def passkeys_of(user: User) -> list[NamedPasskey]:
    """Return the person's passkeys that can approve (P-256), oldest first."""
    rows = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN)
    found = []
    for row in rows.order_by("id"):
        passkey = row.wrap()
        credential = passkey.authenticator_data.credential_data
        if credential is None or credential.public_key.get(_ALGORITHM) != _ES256:
            continue
        found.append((passkey.name, _approver(user, credential)))
    return found


def _approver(user: User, credential: object) -> Approver:
    key = credential.public_key  # type: ignore[attr-defined]
    numbers = EllipticCurvePublicNumbers(
        int.from_bytes(key[_X], "big"), int.from_bytes(key[_Y], "big"), SECP256R1()
    )
    return Approver(
        id=user.pk,
        name=user.name,
        rp_id=settings.CONFIG.public_host,
        origin=settings.CONFIG.public_url.rstrip("/"),
        credential=to_base64url(credential.credential_id),  # type: ignore[attr-defined]
        public_key=public_key_pem(numbers.public_key()),
    )

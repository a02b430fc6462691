"""A passkey that the console knows, registered as a browser would have done it."""

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from fido2.cose import ES256
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
    RegistrationResponse,
)

from bedside.console.accounts.models import User
from bedside.pki.webauthn import from_base64url
from bedside.testing.passkey import Passkey

__all__ = ["register_passkey"]

_PRESENT_VERIFIED_ATTESTED = 0x45
_BACKUP_ELIGIBLE = 0x08


def register_passkey(user: User, *, synced: bool = False) -> Passkey:
    """Give `user` a passkey of the console's own page, and return it; `synced` may be copied."""
    config = settings.CONFIG
    passkey = Passkey(
        user.pk, user.name, rp_id=config.public_host, origin=config.public_url.rstrip("/")
    )
    key = load_pem_public_key(passkey.approver.public_key.encode())
    assert isinstance(key, EllipticCurvePublicKey)
    credential = from_base64url(passkey.approver.credential)
    data = AuthenticatorData.create(
        bytes(32),
        _PRESENT_VERIFIED_ATTESTED | (_BACKUP_ELIGIBLE if synced else 0),
        0,
        AttestedCredentialData.create(bytes(16), credential, ES256.from_cryptography_key(key)),
    )
    response = RegistrationResponse.from_dict(
        {
            "id": passkey.approver.credential,
            "rawId": passkey.approver.credential,
            "type": "public-key",
            "response": {
                "clientDataJSON": CollectedClientData.create(
                    CollectedClientData.TYPE.CREATE, b"challenge", passkey.approver.origin
                ).b64,
                "attestationObject": _b64(AttestationObject.create("none", data, {})),
            },
            "clientExtensionResults": {},
        }
    )
    Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "Test key", "credential": dict(response)},
    )
    return passkey


def _b64(data: bytes) -> str:
    from fido2.utils import websafe_encode

    return websafe_encode(data)

"""The second factor: what counts as one, and how its secrets lie in the database."""

import base64
import hashlib

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.conf import settings

from bedside.console.accounts.models import User

__all__ = ["SecondFactorAdapter", "has_second_factor"]

_TYPES = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def has_second_factor(user: User) -> bool:
    """Whether the person has an authenticator app or a passkey; recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=_TYPES).exists())


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypts secrets under a key derived from the installation's own, outside the database."""

    def encrypt(self, text: str) -> str:
        """Return `text` as it is stored."""
        return _cipher().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Return what `encrypt` was given."""
        return _cipher().decrypt(encrypted_text.encode("ascii")).decode()

    def get_totp_issuer(self) -> str:
        """Return the name that the app on the phone shows."""
        return f"Bedside · {settings.CONFIG.manufacturer}"


def _cipher() -> Fernet:
    secret = hashlib.sha256(b"bedside/second-factor/" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(secret))

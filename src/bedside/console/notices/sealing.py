"""How a webhook's secret lies in the database: under a key of the installation's own."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

__all__ = ["SealError", "open_secret", "seal_secret"]


class SealError(ValueError):
    """It was sealed under another key than this installation's."""


def seal_secret(secret: str) -> str:
    """Return `secret` as it is stored."""
    return _cipher().encrypt(secret.encode()).decode("ascii")


def open_secret(sealed: str) -> str:
    """Return what `seal_secret` was given; raises SealError."""
    try:
        return _cipher().decrypt(sealed.encode("ascii")).decode()
    except InvalidToken:
        raise SealError("sealed under another key") from None


def _cipher() -> Fernet:
    key = hashlib.sha256(b"bedside/webhook/" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))

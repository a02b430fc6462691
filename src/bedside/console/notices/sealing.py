"""How a webhook's secret lies in the database: under a key of the installation's own."""

import base64
import hashlib

from cryptography.fernet import Fernet
from django.conf import settings

__all__ = ["open_secret", "seal_secret"]


def seal_secret(secret: str) -> str:
    """Return `secret` as it is stored."""
    return _cipher().encrypt(secret.encode()).decode("ascii")


def open_secret(sealed: str) -> str:
    """Return what `seal_secret` was given."""
    return _cipher().decrypt(sealed.encode("ascii")).decode()


def _cipher() -> Fernet:
    key = hashlib.sha256(b"bedside/webhook/" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))

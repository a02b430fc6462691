"""Secrets of the API as text: made from the system's randomness, kept as their hash only."""

import hashlib
import secrets

__all__ = ["digest", "new_token", "new_user_code", "read_user_code"]

# Letters that make no words and are not mistaken for one another (RFC 8628, 6.1).
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def new_token(prefix: str) -> str:
    """Return a fresh secret of 256 bits; `prefix` lets scanners find one that leaked."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(token: str) -> str:
    """Return the hash under which a secret is kept; its 256 bits need no salt and no stretching."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_user_code() -> str:
    """Return a code for a person to type: `BCDF-GHJK`, 34 bits."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def read_user_code(text: str) -> str | None:
    """Return what a person typed as a code, whatever its case and marks, or None."""
    letters = "".join(letter for letter in text.upper() if letter.isalpha())
    if len(letters) != 8 or set(letters) - set(_LETTERS):
        return None
    return f"{letters[:4]}-{letters[4:]}"

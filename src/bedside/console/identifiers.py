"""Identifiers that sort by the time of their making: ULIDs in Crockford base 32."""

import secrets

__all__ = ["new_ulid"]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_ulid(now_ms: int) -> str:
    """Return a fresh ULID, 26 characters: `now_ms` (Unix milliseconds) and 80 random bits."""
    number = (now_ms << 80) | secrets.randbits(80)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))

"""A key's fingerprint as words that two people compare on the telephone (`language.spelling`).

The fingerprint is the SHA-256 of the SubjectPublicKeyInfo.
"""

from binascii import b2a_base64
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bedside.language.spelling import spell
from bedside.pki.signing import PublicKey

__all__ = ["fingerprint_words", "same_words"]


def fingerprint_words(public_key: PublicKey) -> str:
    """Return the words of a public key, with spaces between them."""
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = b2a_base64(sha256(spki).digest(), newline=False).decode().rstrip("=")
    return " ".join(spell(f"SHA256:{digest}"))


def same_words(given: str, words: str) -> bool:
    """Return whether a person's copy says the same: case, dashes and spaces do not count."""
    return _letters(given) == _letters(words)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())

"""Enrolment codes, and the proofs that a request for a certificate carries.

The clauses of `docs/protocol/enrolment.md`:

10.1 A code is `EEEEE-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX` in Crockford's base 32: a public id, and a
     secret of 125 bits. It is read without regard to case, blanks, and I, L, O for 1, 1, 0.
10.2 The secret crosses no wire. A first request proves it with an HMAC over the request's keys, so
     that who carries the request can neither learn the code nor change a key.
10.3 A renewal proves the old identity key with a signature over the same digest.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

__all__ = [
    "CODE_BYTES",
    "EnrolmentCode",
    "check_challenge",
    "code_id_of",
    "enrolment_challenge",
    "make_enrolment_code",
    "parse_enrolment_code",
    "request_digest",
]

CODE_BYTES = 19
"""How many random bytes a code is made from: 152 bits, of which 150 are used."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{30}")
_READ = str.maketrans("ILO", "110", " -\t")
_CHALLENGE = re.compile(r"([0-9A-HJKMNP-TV-Z]{5}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A one-time code: its public id, and its secret."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"EnrolmentCode({self.id!r})"

    def __str__(self) -> str:
        text = self.id + self.secret
        return "-".join(text[at : at + 5] for at in range(0, 30, 5))


def make_enrolment_code(random: bytes) -> EnrolmentCode:
    """Return the code that CODE_BYTES random bytes make."""
    if len(random) != CODE_BYTES:
        raise ValueError(f"a code is made from {CODE_BYTES} random bytes")
    number = int.from_bytes(random, "big")
    text = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(30))
    return EnrolmentCode(text[:5], text[5:])


def parse_enrolment_code(text: str) -> EnrolmentCode:
    """Return the code that a person typed, or raise ValueError (10.1)."""
    plain = text.upper().translate(_READ) if len(text) <= 100 else ""
    if not _CODE.fullmatch(plain):
        raise ValueError("not an enrolment code")
    return EnrolmentCode(plain[:5], plain[5:])


def request_digest(public_key: bytes, extension: bytes) -> bytes:
    """Return what is proved: the digests of the request's key (SPKI, DER) and of its extension."""
    return sha256(public_key).digest() + sha256(extension).digest()


def enrolment_challenge(code: EnrolmentCode, digest: bytes) -> str:
    """Return the challenge password of a first request (10.2)."""
    mac = hmac.digest(code.secret.encode("ascii"), digest, "sha256").hex()
    return f"{code.id}:{mac}"


def code_id_of(challenge: str) -> str:
    """Return the id of the code that a challenge password speaks of, or raise ValueError."""
    match = _CHALLENGE.fullmatch(challenge)
    if match is None:
        raise ValueError("not an enrolment challenge")
    return match[1]


def check_challenge(challenge: str, code: EnrolmentCode, digest: bytes) -> bool:
    """Return whether whoever made the request knew the code (10.2)."""
    return hmac.compare_digest(
        challenge.encode("utf-8"), enrolment_challenge(code, digest).encode("ascii")
    )

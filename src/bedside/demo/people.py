"""The people and places of the demonstration: characters in French and English."""

import base64
import hmac
import secrets
import struct
import time
from dataclasses import dataclass

__all__ = [
    "ALEX",
    "CAST",
    "DEVICE",
    "JULIE",
    "MARIE",
    "SAM",
    "WORKSTATION",
    "Credentials",
    "Person",
    "cast_anew",
]

DEVICE = "CI-20417"
"""The enrolled injector of the demonstration."""
WORKSTATION = "WS-00311"
"""A registered workstation that nobody has enrolled yet."""


@dataclass(frozen=True)
class Person:
    """One person: who they are, and what that lets them do."""

    key: str
    name: str
    email: str
    organisation: str
    role: str
    language: str
    level: int | None = None
    country: str | None = None
    training: tuple[str, ...] = ()


ALEX = Person("alex", "Alex Martin", "alex@bayard.example", "bayard", "administrator", "en")
MARIE = Person(
    "marie",
    "Marie Tremblay",
    "marie@bayard.example",
    "bayard",
    "specialist",
    "fr",
    level=2,
    country="US",
    training=("contrast-injector", "workstation"),
)
SAM = Person(
    "sam",
    "Sam Okafor",
    "sam@bayard.example",
    "bayard",
    "specialist",
    "en",
    level=1,
    country="US",
    training=("workstation",),
)
JULIE = Person(
    "julie", "Julie Gagnon", "julie@notre-dame.example", "notre-dame", "site_manager", "fr"
)
CAST = (ALEX, MARIE, SAM, JULIE)


@dataclass(frozen=True)
class Credentials:
    """What one person knows and holds: a password, and the secret of a code generator."""

    password: str
    totp: str

    def code(self, at_s: float | None = None) -> str:
        """Return the six digits of RFC 6238 at a moment (unix seconds; now by default)."""
        step = int((time.time() if at_s is None else at_s) // 30)
        digest = hmac.digest(base64.b32decode(self.totp), struct.pack(">Q", step), "sha1")
        at = digest[-1] & 15
        number: int = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06d}"


def cast_anew() -> dict[str, Credentials]:
    """Return fresh credentials for everybody, by the person's key."""
    return {
        person.key: Credentials(
            # Hexadecimal resembles no name or address, which the console would refuse.
            password="-".join(secrets.token_hex(2) for _ in range(5)),
            totp=base64.b32encode(secrets.token_bytes(20)).decode(),
        )
        for person in CAST
    }

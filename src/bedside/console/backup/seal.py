"""How a backup is closed: one random key for the file, itself locked by a passphrase or to a public key.

1. The key of the file is locked by argon2id over a passphrase (its cost stands beside it, within
   bounds), or sealed to a P-256 public key, so that whoever makes backups cannot read them.
2. Each member has a key of its own, derived by its name. It is sealed in pieces of 64 KiB, AES-256-GCM
   under a counter; the last piece says that it is the last: none can be cut, moved or exchanged.
3. The manifest stays readable, and is sealed by a code over its canonical bytes.
"""

import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from bedside.pki.sealing import SealError, seal, unseal
from bedside.protocol.fields import Fields

__all__ = [
    "PIECE",
    "Lock",
    "WrongKeyError",
    "lock_to_key",
    "lock_with_passphrase",
    "manifest_code",
    "new_file_key",
    "open_with_key",
    "open_with_passphrase",
    "read_lock",
    "sealed_pieces",
    "sealed_size",
    "unsealed_pieces",
]

PIECE = 64 * 1024
_TAG = 16
_INFO = b"bedside/backup"
_MEMORY_KIB, _PASSES, _LANES = 65_536, 3, 4
_MOST_MEMORY_KIB = 1_048_576


class WrongKeyError(ValueError):
    """What was given does not open this, or what lies there is not what was sealed."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The file's key, locked: `kind` is `passphrase` or `key`; the cost counts for a passphrase."""

    kind: str
    wrapped: str
    salt: str = ""
    memory_kib: int = 0
    passes: int = 0
    lanes: int = 0


def read_lock(fields: Fields) -> Lock:
    """Return the lock that a manifest holds, its cost within bounds; raises ProtocolError."""
    lock = Lock(
        kind=fields.text("kind", max=20),
        wrapped=fields.text("wrapped", max=400),
        salt=fields.text("salt", max=64, min=0),
        memory_kib=fields.integer("memory_kib", low=0, high=_MOST_MEMORY_KIB),
        passes=fields.integer("passes", low=0, high=20),
        lanes=fields.integer("lanes", low=0, high=16),
    )
    fields.end()
    return lock


def new_file_key() -> bytes:
    """Return a fresh key for one file."""
    return secrets.token_bytes(32)


def lock_with_passphrase(key: bytes, passphrase: str) -> Lock:
    """Return `key` locked by a passphrase."""
    salt = secrets.token_bytes(16)
    lock = Lock("passphrase", "", salt.hex(), _MEMORY_KIB, _PASSES, _LANES)
    # The key that locks is used once: a nonce of zeros is as good as another.
    wrapped = AESGCM(_stretched(lock, passphrase)).encrypt(bytes(12), key, _INFO)
    return replace(lock, wrapped=wrapped.hex())


def lock_to_key(key: bytes, public: EllipticCurvePublicKey) -> Lock:
    """Return `key` so that only the holder of the private half opens it."""
    return Lock("key", seal(public, key, info=_INFO).hex())


def open_with_passphrase(lock: Lock, passphrase: str) -> bytes:
    """Return the file's key, or raise WrongKeyError."""
    try:
        return AESGCM(_stretched(lock, passphrase)).decrypt(
            bytes(12), bytes.fromhex(lock.wrapped), _INFO
        )
    except (InvalidTag, ValueError):
        raise WrongKeyError("the passphrase does not open it") from None


def open_with_key(lock: Lock, private: EllipticCurvePrivateKey) -> bytes:
    """Return the file's key, or raise WrongKeyError."""
    try:
        return unseal(private, bytes.fromhex(lock.wrapped), info=_INFO)
    except (SealError, ValueError):
        raise WrongKeyError("the key does not open it") from None


def manifest_code(key: bytes, manifest: bytes) -> str:
    """Return the code that seals a manifest."""
    return hmac.digest(_derived(key, "manifest"), manifest, "sha256").hex()


def sealed_size(size: int) -> int:
    """Return how many bytes `size` bytes are once they are sealed."""
    return size + _TAG * max(1, -(-size // PIECE))


def sealed_pieces(source: IO[bytes], key: bytes, name: str) -> Iterator[bytes]:
    """Yield the sealed pieces of all that `source` holds, under the key of member `name`."""
    cipher = AESGCM(_derived(key, name))
    for nonce, piece in _numbered(source, PIECE):
        yield cipher.encrypt(nonce, piece, None)


def unsealed_pieces(source: IO[bytes], key: bytes, name: str) -> Iterator[bytes]:
    """Yield what was sealed, piece by piece, or raise WrongKeyError at the first that is wrong."""
    cipher = AESGCM(_derived(key, name))
    try:
        for nonce, piece in _numbered(source, PIECE + _TAG):
            yield cipher.decrypt(nonce, piece, None)
    except (InvalidTag, ValueError):
        raise WrongKeyError(f"{name} is not what was sealed") from None


def _numbered(source: IO[bytes], size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield each piece with its nonce; the last one's says that it is the last."""
    number, piece = 0, source.read(size)
    while True:
        after = source.read(size) if len(piece) == size else b""
        yield number.to_bytes(11, "big") + bytes([not after]), piece
        if not after:
            return
        number, piece = number + 1, after


def _derived(key: bytes, name: str) -> bytes:
    return HKDFExpand(SHA256(), 32, b"bedside/backup/" + name.encode()).derive(key)


def _stretched(lock: Lock, passphrase: str) -> bytes:
    from argon2.low_level import Type, hash_secret_raw

    if not 8 * lock.lanes <= lock.memory_kib or not lock.passes or not lock.lanes:
        raise ValueError("the cost is none")
    return hash_secret_raw(
        passphrase.encode(),
        bytes.fromhex(lock.salt),
        time_cost=lock.passes,
        memory_cost=lock.memory_kib,
        parallelism=lock.lanes,
        hash_len=32,
        type=Type.ID,
    )

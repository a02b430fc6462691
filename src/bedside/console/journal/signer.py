"""Who signs the log's checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from bedside.audit.checkpoint import VerifierKey
from bedside.console.keys import key_store
from bedside.pki.keystore import KeyName

__all__ = ["LogSigner", "log_signer", "verifier_key"]


@dataclass(frozen=True)
class LogSigner:
    """The log's public key under its name, and what signs with the other half."""

    key: VerifierKey
    sign: Callable[[bytes], bytes]

    @classmethod
    def from_private(cls, name: str, private: Ed25519PrivateKey) -> "LogSigner":
        """Return a signer over a key held in memory."""
        return cls(VerifierKey(name, private.public_key().public_bytes_raw()), private.sign)


def log_signer() -> LogSigner:
    """Return the signer of this console's log: its `checkpoint` key never leaves the key store."""
    return LogSigner(verifier_key(), key_store().signer(KeyName.CHECKPOINT).sign)


def verifier_key() -> VerifierKey:
    """Return the key that proves this console's checkpoints; its name is the log's origin."""
    public = key_store().public_key(KeyName.CHECKPOINT)
    return VerifierKey(settings.BEDSIDE_LOG_ORIGIN, public.public_bytes_raw())

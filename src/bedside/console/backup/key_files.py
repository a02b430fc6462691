"""The two key files that somebody names: each is told from the other, and refused in words."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.utils.translation import gettext as _

from bedside.console.backup.container import BackupError
from bedside.pki.signing import SignatureError, load_public_key

__all__ = ["private_key_in", "public_key_in"]

_MOST = 64 * 1024


def public_key_in(file: Path) -> EllipticCurvePublicKey:
    """Return the public key in a PEM file; raises BackupError, and OSError."""
    pem = _read(file)
    try:
        return load_public_key(pem.decode("ascii"))
    except (SignatureError, UnicodeError):
        pass
    if b"PRIVATE KEY-----" in pem:
        words = _("%(file)s is a private key: name the public one; the private one opens backups.")
    else:
        words = _("%(file)s is no P-256 public key in PEM.")
    raise BackupError(words % {"file": file})


def private_key_in(file: Path) -> EllipticCurvePrivateKey:
    """Return the private key in a PEM file; raises BackupError, and OSError."""
    pem = _read(file)
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):  # TypeError: it has a password
        private = None
    if isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
        return private
    if b"PUBLIC KEY-----" in pem:
        words = _("%(file)s is a public key: name the private one, which opens the backup.")
    elif b"ENCRYPTED" in pem:
        words = _("%(file)s is a key under a password: take the password off first.")
    else:
        words = _("%(file)s is no P-256 private key in PEM.")
    raise BackupError(words % {"file": file})


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_MOST)

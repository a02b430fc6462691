"""The site's signing key: born on the hospital's computer, in one file that only its owner reads."""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bedside.language import N_
from bedside.pki.signing import (
    KeySigner,
    PublicKey,
    SignatureError,
    load_public_key,
    public_key_pem,
)
from bedside.site.errors import SiteError

__all__ = ["check_passphrase", "load_signing_key", "load_site_key", "make_site_key", "public_file"]

_MAX_KEY = 16 * 1024


def public_file(path: Path) -> Path:
    """Return where the public half of the key in `path` is kept."""
    return path.with_name(f"{path.name}.pub")


def make_site_key(path: Path, passphrase: str | None) -> PublicKey:
    """Make a P-256 key in `path` (mode 0600) with its public half beside it.

    A file that is there is never replaced: raises FileExistsError.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    protection: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        protection = BestAvailableEncryption(passphrase.encode())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    _write(public_file(path), public_key_pem(key.public_key()).encode(), mode=0o644)
    _write(path, pem, mode=0o600)
    return key.public_key()


def load_signing_key(path: Path, ask: Callable[[], str]) -> tuple[KeySigner, PublicKey]:
    """Return the key in `path`, ready to sign, and its public half.

    Args:
        path: the private key's file.
        ask: asks for the passphrase, where there is one.

    Raises:
        SiteError: this is no such key, or the passphrase is another one.
        OSError: it cannot be read.
    """
    data = path.read_bytes()[:_MAX_KEY]
    key: object
    try:
        key = load_pem_private_key(data, None)
    except TypeError:
        key = _unlock(data, ask())
    except ValueError:
        raise SiteError(N_("{file} is not a key"), file=path) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SiteError(N_("{file} is not a key"), file=path)
    return KeySigner(key), key.public_key()


def check_passphrase(passphrase: str) -> None:
    """Raise SiteError where a passphrase is no text: another terminal could not type it."""
    try:
        passphrase.encode()
    except UnicodeEncodeError:
        raise SiteError(N_("a passphrase is written in letters, digits and signs")) from None


def _unlock(data: bytes, passphrase: str) -> object:
    try:
        return load_pem_private_key(data, passphrase.encode())
    except (TypeError, ValueError):  # TypeError: nothing was typed
        raise SiteError(N_("this is not the key's passphrase")) from None


def load_site_key(path: Path) -> PublicKey:
    """Return the public key in `path`; raises SiteError or OSError."""
    try:
        return load_public_key(path.read_text(encoding="utf-8")[:_MAX_KEY])
    except (SignatureError, ValueError):
        raise SiteError(N_("{file} is not a public key"), file=path) from None


def _write(path: Path, data: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - from the descriptor with its mode
        file.write(data)
        file.flush()
        os.fsync(file.fileno())

"""A manufacturer, made once for all tests of certificates."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509 import load_der_x509_csr

from bedside.pki.authority import Authority
from bedside.pki.keystore import FileKeyStore, KeyName

_FOLDER = TemporaryDirectory(prefix="bedside-test-keys-")


def store(which: str = "ours") -> FileKeyStore:
    """A key store with every key."""
    return _store(which)


def authority(now_ms: int, which: str = "ours") -> Authority:
    """An authority whose root was made at `now_ms`."""
    return _authority(now_ms, which)


@cache
def _store(which: str) -> FileKeyStore:
    opened = FileKeyStore(Path(_FOLDER.name) / which)
    for name in KeyName:
        opened.create(name)
    return opened


@cache
def _authority(now_ms: int, which: str) -> Authority:
    return Authority.create(store(which), name="Bayard Imaging", now_ms=now_ms)


def new_key():
    return generate_private_key(SECP256R1())


def key_file(folder: Path, key) -> Path:
    path = folder / f"{token_hex(8)}.key"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def pem_file(folder: Path, pem: str) -> Path:
    path = folder / f"{token_hex(8)}.pem"
    path.write_text(pem)
    return path


def ends_within_a_byte(make: Callable[[], bytes]) -> bytes:
    """Return a request (DER) of `make` whose signature says that its last bit, a 0, is unused."""
    der = make()
    while der[-1] & 1:
        der = make()
    at = len(der) - len(load_der_x509_csr(der).signature) - 1
    bent = der[:at] + b"\x01" + der[at + 1 :]
    assert load_der_x509_csr(bent).is_signature_valid
    return bent

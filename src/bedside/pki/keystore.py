"""Where the manufacturer's private keys live, behind operations that an HSM can offer.

No caller ever holds a private key: a store signs, opens what was sealed, and tells public keys.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Literal, Protocol, overload

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bedside.language.sentence_error import SentenceError
from bedside.language.tongues import N_
from bedside.pki.sealing import unseal
from bedside.pki.signing import KeySigner, Signer

__all__ = [
    "FileKeyStore",
    "KeyName",
    "KeyStore",
    "KeyStoreError",
    "new_secret_file",
    "read_secret",
    "write_secret",
]

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey


class KeyName(StrEnum):
    """The manufacturer's keys: P-256, and Ed25519 for checkpoints."""

    CHECKPOINT = "checkpoint"
    MANUFACTURER = "manufacturer"
    ORDER = "order"
    REPORT = "report"
    ROOT_CA = "root-ca"
    SSH_HOST_CA = "ssh-host-ca"
    SSH_USER_CA = "ssh-user-ca"


_MAX_FILE = 64 * 1024

Checkpoint = Literal["checkpoint", KeyName.CHECKPOINT]


class KeyStoreError(SentenceError, RuntimeError):
    """A key that cannot be used."""


class KeyStore(Protocol):
    """What a key store does. Every operation raises KeyStoreError for a key that it has not."""

    def create(self, name: str) -> None:
        """Make a key; raises KeyStoreError if it exists."""
        ...

    def has(self, name: str) -> bool:
        """Return whether a key exists."""
        ...

    @overload
    def public_key(self, name: Checkpoint) -> Ed25519PublicKey: ...  # type: ignore[overload-overlap]
    @overload
    def public_key(self, name: str) -> EllipticCurvePublicKey: ...
    def public_key(self, name: str) -> EllipticCurvePublicKey | Ed25519PublicKey:
        """Return the public half of a key."""
        ...

    def signer(self, name: str) -> Signer:
        """Return what signs with a key: ECDSA P-256 over SHA-256 in DER; `checkpoint`, Ed25519."""
        ...

    def unseal(self, name: str, data: bytes, *, info: bytes) -> bytes:
        """Return what was sealed to a P-256 key; raises SealError."""
        ...


class FileKeyStore:
    """A key store of PEM files, one a key, in a folder that is this user's alone.

    The folder is made with the first key, mode 0700, keys with mode 0600. A folder or file that
    anybody else could read or write, or that belongs to somebody else, is refused.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._cache: dict[KeyName, PrivateKey] = {}
        self._check_folder()

    def create(self, name: str) -> None:
        """See KeyStore; the file appears whole or not at all."""
        name = _named(name)
        key: PrivateKey
        if name is KeyName.CHECKPOINT:
            key = Ed25519PrivateKey.generate()
        else:
            key = generate_private_key(SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_folder()
        try:
            write_secret(self._path(name), pem)
        except FileExistsError:
            text = N_("{path} exists and is not replaced")
            raise KeyStoreError(text, path=self._path(name)) from None

    def has(self, name: str) -> bool:
        """See KeyStore."""
        return os.path.lexists(self._path(_named(name)))

    @overload
    def public_key(self, name: Checkpoint) -> Ed25519PublicKey: ...  # type: ignore[overload-overlap]
    @overload
    def public_key(self, name: str) -> EllipticCurvePublicKey: ...
    def public_key(self, name: str) -> EllipticCurvePublicKey | Ed25519PublicKey:
        """See KeyStore."""
        return self._load(_named(name)).public_key()

    def signer(self, name: str) -> Signer:
        """See KeyStore."""
        return KeySigner(self._load(_named(name)))

    def unseal(self, name: str, data: bytes, *, info: bytes) -> bytes:
        """See KeyStore."""
        key = self._load(_named(name))
        if not isinstance(key, EllipticCurvePrivateKey):
            raise KeyStoreError(N_("the key {name} opens nothing"), name=name)
        return unseal(key, data, info=info)

    def _check_folder(self) -> None:
        try:
            status = os.lstat(self._folder)
        except FileNotFoundError:
            return
        _check_private(self._folder, status, folder=True)

    def _path(self, name: KeyName) -> Path:
        return self._folder / f"{name}.pem"

    def _load(self, name: KeyName) -> PrivateKey:
        key = self._cache.get(name)
        if key is None:
            path = self._path(name)
            self._check_folder()
            kind = Ed25519PrivateKey if name is KeyName.CHECKPOINT else EllipticCurvePrivateKey
            try:
                loaded = load_pem_private_key(read_secret(path), password=None)
            except (ValueError, TypeError):
                text = N_("{path} holds no key: restore it from its backup")
                raise KeyStoreError(text, path=path) from None
            if not isinstance(loaded, kind):
                text = N_("{path} holds a key of another kind: restore the right one")
                raise KeyStoreError(text, path=path)
            key = self._cache[name] = loaded
        return key


def _named(name: str) -> KeyName:
    try:
        return KeyName(name)
    except ValueError:
        raise KeyStoreError(N_("there is no key named {name}"), name=name) from None


@contextmanager
def new_secret_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a new file of mode 0600 to write; it is whole and on disk before it has its name.

    Raises FileExistsError if the name is taken; an existing file is never replaced.
    """
    # A name of its own: another thread may write too, and what a power loss left is in nobody's way.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    finally:
        unfinished.unlink()
    _sync_folder(path.parent)


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600, whole and on disk before it has its name.

    Raises FileExistsError if the name is taken; an existing file is never replaced.
    """
    with new_secret_file(path) as file:
        file.write(data)


def read_secret(path: Path) -> bytes:
    """Return what a file of ours holds; raises KeyStoreError if it is not ours alone."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        text = N_("{path} does not exist: create it, or restore it")
        raise KeyStoreError(text, path=path) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        _check_private(path, os.fstat(descriptor), folder=False)
        return os.read(descriptor, _MAX_FILE)
    finally:
        os.close(descriptor)


def _check_private(path: Path, status: os.stat_result, *, folder: bool) -> None:
    is_kind: Callable[[int], bool] = stat.S_ISDIR if folder else stat.S_ISREG
    if not is_kind(status.st_mode):
        text = N_("{path} is not a folder") if folder else N_("{path} is not a plain file")
        raise KeyStoreError(text, path=path)
    if status.st_uid != os.geteuid():
        # Root is told to be that user: with the file root's, its owner could not work any more.
        text = (
            N_("{path} belongs to user {owner}: chown {user} {path}")
            if os.geteuid()
            else N_("{path} belongs to user {owner}: run this as that user")
        )
        raise KeyStoreError(text, path=path, owner=status.st_uid, user=os.geteuid())
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        text = N_("{path} is open to others (mode {mode}): chmod {cure} {path}")
        cure = "0700" if folder else "0600"
        raise KeyStoreError(text, path=path, mode=f"{mode:04o}", cure=cure)


def _unreadable(path: Path, error: OSError) -> KeyStoreError:
    if error.errno == errno.ELOOP:  # O_NOFOLLOW
        return KeyStoreError(N_("{path} cannot be read: it is a link"), path=path)
    if isinstance(error, PermissionError):
        return KeyStoreError(N_("{path} cannot be read: you have no right to it"), path=path)
    text = N_("{path} cannot be read: the system refuses it ({number})")
    return KeyStoreError(text, path=path, number=error.errno)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Certificates for devices that do not exist: real ones, of a real authority, for a day."""

import ssl
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bedside.pki.authority import Authority
from bedside.pki.contexts import device_client_context
from bedside.pki.keystore import FileKeyStore
from bedside.vocabulary import DeviceId

__all__ = ["Identity", "open_authority"]

_DAYS = 1


def open_authority(folder: Path) -> Authority:
    """Return the authority of a console's data folder (`ca.pem` and `keys`).

    Raises OSError, KeyStoreError or ValueError where it is not one.
    """
    pem = (folder / "ca.pem").read_text("ascii")
    return Authority(FileKeyStore(folder / "keys"), pem)


class Identity:
    """One device's key and certificate, as files in `folder`, as TLS needs them."""

    def __init__(
        self, authority: Authority, device: DeviceId, *, folder: Path, now_ms: int
    ) -> None:
        self.device = device
        self._ca = authority.pem
        self._file = folder / f"{device}.pem"
        key = generate_private_key(SECP256R1())
        issued = authority.issue_device(key.public_key(), device, now_ms=now_ms, days=_DAYS)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._file.touch(mode=0o600)
        self._file.write_bytes(secret + issued.pem.encode("ascii"))

    def context(self) -> ssl.SSLContext:
        """Return the context that a real device would dial with."""
        return device_client_context(self._file, self._file, self._ca)

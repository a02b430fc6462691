"""The one-session key: born on the specialist's computer, gone with the session."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bedside.specialist.store import SessionFolder

__all__ = ["new_key", "public_line", "save_key"]


def new_key() -> tuple[bytes, str]:
    """Return a fresh P-256 key: the private key in PEM, the public key as an OpenSSH line."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, _line(private.public_key())


def save_key(folder: SessionFolder, pem: bytes) -> None:
    """Keep the session's private key, 0600, in a folder that only this person enters."""
    folder.write("key", pem)


def public_line(folder: SessionFolder) -> str:
    """Return the public part of the session's key, as an OpenSSH line."""
    key = serialization.load_pem_private_key(folder.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _line(key.public_key())


def _line(key: ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ).decode()

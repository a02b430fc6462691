"""A private key whose secret is elsewhere: certificate builders sign with it, nobody reads it."""

from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    ECDSA,
    EllipticCurve,
    EllipticCurvePrivateKey,
    EllipticCurvePrivateNumbers,
    EllipticCurvePublicKey,
    EllipticCurveSignatureAlgorithm,
)
from cryptography.hazmat.primitives.hashes import SHA256

from bedside.pki.keystore import KeyStore
from bedside.pki.signing import Signer

__all__ = ["DelegatedKey", "delegated_key"]


def delegated_key(store: KeyStore, name: str) -> "DelegatedKey":
    """Return what signs certificates with a P-256 key of a store."""
    return DelegatedKey(store.signer(name), store.public_key(name))


class DelegatedKey(EllipticCurvePrivateKey):
    """The interface of a private key over a Signer; it signs (ECDSA, SHA-256) and does no more."""

    def __init__(self, signer: Signer, public_key: EllipticCurvePublicKey) -> None:
        self._signer = signer
        self._public_key = public_key

    @property
    def curve(self) -> EllipticCurve:
        """The curve of the key."""
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        """The size of the key in bits."""
        return self._public_key.key_size

    def public_key(self) -> EllipticCurvePublicKey:
        """Return the public half."""
        return self._public_key

    def sign(self, data: Any, signature_algorithm: EllipticCurveSignatureAlgorithm) -> bytes:
        """Return a signature in DER; raise TypeError for anything but ECDSA with SHA-256."""
        if not isinstance(signature_algorithm, ECDSA) or not isinstance(
            signature_algorithm.algorithm, SHA256
        ):
            raise TypeError("this key signs with ECDSA and SHA-256")
        return self._signer.sign(bytes(data))

    def exchange(self, algorithm: ECDH, peer_public_key: EllipticCurvePublicKey) -> NoReturn:
        """Refuse: this key only signs."""
        del algorithm, peer_public_key
        raise TypeError("this key only signs")

    def private_numbers(self) -> EllipticCurvePrivateNumbers:
        """Refuse: the secret is elsewhere."""
        raise TypeError("the secret of this key is not here")

    def private_bytes(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: the secret is elsewhere."""
        raise TypeError("the secret of this key is not here")

    def __copy__(self) -> "DelegatedKey":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "DelegatedKey":
        return self

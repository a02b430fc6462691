"""A relay's request for its next certificate: its own key signs it, and never leaves the relay.

An issuer takes nothing from it but the key: name and server name are those by which it knows the relay.
"""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bedside.pki.requests import MAX_REQUEST, X509_ERRORS, RequestError, signed_itself
from bedside.vocabulary import RelayName

__all__ = ["build_relay_request", "check_relay_request"]


def build_relay_request(private: EllipticCurvePrivateKey, relay: RelayName) -> str:
    """Return a request (PKCS#10, PEM) that a relay's key signed; the name is for whoever reads it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, relay)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(private, SHA256())
    return csr.public_bytes(Encoding.PEM).decode("ascii")


def check_relay_request(pem: bytes) -> EllipticCurvePublicKey:
    """Return the key that signed a request; raises RequestError.

    At most 6 KiB, over a P-256 key, signed by it with SHA-256.
    """
    if len(pem) > MAX_REQUEST:
        raise RequestError("a request that is too large")
    try:
        csr = x509.load_pem_x509_csr(pem)
        key = csr.public_key()
        signed = signed_itself(csr)
    except X509_ERRORS:
        raise RequestError("a request that cannot be read") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise RequestError("a request over a key that is not P-256")
    if not signed:
        raise RequestError("a request that its key did not sign")
    return key

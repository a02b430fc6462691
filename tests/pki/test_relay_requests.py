import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from bedside.pki.relay_requests import build_relay_request, check_relay_request
from bedside.pki.requests import RequestError
from bedside.vocabulary import RelayName
from tests.pki.world import ends_within_a_byte

KEY = ec.generate_private_key(ec.SECP256R1())


def request(key=KEY, digest=None, encoding=Encoding.PEM):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, digest or hashes.SHA256()).public_bytes(encoding)


def in_pem(der):
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)


def forged():
    """A request whose signature is over something else."""
    der = bytearray(request(encoding=Encoding.DER))
    der[-1] ^= 1
    return in_pem(bytes(der))


def test_a_request_tells_the_key_that_signed_it():
    pem = build_relay_request(KEY, RelayName("a")).encode()
    assert check_relay_request(pem) == KEY.public_key()
    assert check_relay_request(request()) == KEY.public_key()


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "cannot be read"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "read"),
        (request() + b" " * 7000, "too large"),
        (request(ec.generate_private_key(ec.SECP384R1())), "not P-256"),
        (request(digest=hashes.SHA384()), "did not sign"),
        (forged(), "did not sign"),
        (in_pem(ends_within_a_byte(lambda: request(encoding=Encoding.DER))), "did not sign"),
    ],
)
def test_anything_else_is_refused(pem, why):
    with pytest.raises(RequestError, match=why):
        check_relay_request(pem)

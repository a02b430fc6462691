import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID
from hypothesis import given
from hypothesis import strategies as st

from bedside.pki.requests import (
    EXTENSION_OID,
    MAX_REQUEST,
    RequestError,
    RequestKeys,
    build_enrolment_request,
    build_renewal_request,
    check_renewal,
    check_request,
)
from bedside.protocol.codec import to_json
from bedside.protocol.enrolment import check_challenge, make_enrolment_code
from tests.pki.world import ends_within_a_byte, new_key
from tests.protocol.samples import DEVICE

IDENTITY = new_key()
SHA_256 = SHA256()
KEYS = RequestKeys(IDENTITY, new_key().public_key(), new_key().public_key())
CODE = make_enrolment_code(bytes(range(19)))
DER = build_enrolment_request(KEYS, DEVICE, CODE)


def built(*, key=IDENTITY, extension=KEYS.extension, challenge=b"x", more=(), digest=SHA_256):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if extension is not None:
        value = x509.UnrecognizedExtension(EXTENSION_OID, extension)
        builder = builder.add_extension(value, critical=False)
    for value in more:
        builder = builder.add_extension(value, critical=False)
    if challenge is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge)
    return builder.sign(key, digest).public_bytes(Encoding.DER)


def test_a_request_carries_three_keys_and_a_proof():
    request = check_request(DER)
    assert request.public_key == IDENTITY.public_key()
    assert request.sealing_key == KEYS.sealing
    assert request.ssh_host_key.startswith("ecdsa-sha2-nistp256 ")
    assert request.digest == KEYS.digest
    assert check_challenge(request.challenge, CODE, request.digest)
    assert not check_renewal(request, IDENTITY.public_key())


def test_who_carries_a_request_cannot_change_a_key():
    swapped = RequestKeys(IDENTITY, new_key().public_key(), KEYS.ssh_host)
    challenge = check_request(DER).challenge.encode()
    request = check_request(built(extension=swapped.extension, challenge=challenge))
    assert not check_challenge(request.challenge, CODE, request.digest)


def test_a_renewal_is_proved_by_the_old_key():
    renewed = RequestKeys(new_key(), KEYS.sealing, KEYS.ssh_host)
    request = check_request(build_renewal_request(renewed, DEVICE, IDENTITY))
    assert request.public_key == renewed.identity.public_key()
    assert check_renewal(request, IDENTITY.public_key())
    assert not check_renewal(request, renewed.identity.public_key())


@pytest.mark.parametrize(
    ("der", "words"),
    [
        (b"", "cannot be read"),
        (DER[:-1], "cannot be read"),
        (DER + b"\x00", "cannot be read"),
        (DER + bytes(MAX_REQUEST), "too large"),
        (built(key=ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (built(key=rsa.generate_private_key(65537, 2048)), "P-256"),
        (built(key=ed25519.Ed25519PrivateKey.generate(), digest=None), "P-256"),
        (built(digest=SHA512()), "did not sign"),
        (built(extension=None), "not exactly ours"),
        (built(more=[x509.BasicConstraints(ca=True, path_length=None)]), "not exactly ours"),
        (
            built(more=[x509.SubjectAlternativeName([x509.DNSName("a.example")])]),
            "not exactly ours",
        ),
        (built(extension=b"{}"), "cannot be read"),
        (built(extension=b"x" * 2000), "cannot be read"),
        (built(extension=to_json({"sealing": "AAAA", "ssh_host": "x"})), "cannot be read"),
        (built(challenge=None), "without a proof"),
        (built(challenge=b""), "without a proof"),
        (built(challenge="é".encode()), "without a proof"),
        (built(challenge=b"x" * 129), "without a proof"),
    ],
)
def test_refused(der, words):
    check_request(built())
    with pytest.raises(RequestError, match=words):
        check_request(der)


def test_a_sealing_key_of_another_kind():
    keys = RequestKeys(
        IDENTITY, ec.generate_private_key(ec.SECP384R1()).public_key(), KEYS.ssh_host
    )
    with pytest.raises(RequestError):
        check_request(built(extension=keys.extension))


def test_a_signature_that_is_said_to_end_within_a_byte():
    check_request(built())
    with pytest.raises(RequestError, match="did not sign"):
        check_request(ends_within_a_byte(built))


@given(st.binary(max_size=300))
def test_arbitrary_bytes(data):
    with pytest.raises(RequestError):
        check_request(data)


@given(st.data())
def test_any_byte_changed_breaks_the_signature(data):
    bent = bytearray(DER)
    at = data.draw(st.integers(0, len(bent) - 1))
    bent[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RequestError):
        check_request(bytes(bent))

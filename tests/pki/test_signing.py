import json
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from bedside.pki.signing import (
    ORDER,
    WITHDRAWAL,
    KeySigner,
    SignatureError,
    key_id,
    load_public_key,
    open_envelope,
    pre_authentication,
    public_key_pem,
    sign_envelope,
    verify,
)

SIGNER_KEY = ec.derive_private_key(7, ec.SECP256R1())
OTHER_KEY = ec.derive_private_key(8, ec.SECP256R1())
SIGNER, OTHER = KeySigner(SIGNER_KEY), KeySigner(OTHER_KEY)
KEYS = {SIGNER.key_id: SIGNER_KEY.public_key()}
PAYLOAD = b'{"v":1}'
ENVELOPE = sign_envelope(PAYLOAD, ORDER, SIGNER)
LIMIT = 1000

# The key and the signature of the DSSE v1 specification's own example (protocol.md, test vectors).
SPEC_KEY = ec.EllipticCurvePublicNumbers(
    46950820868899156662930047687818585632848591499744589407958293238635476079160,
    5640078356564379163099075877009565129882514886557779369047442380624545832820,
    ec.SECP256R1(),
).public_key()
SPEC_SIGNATURE = b64decode(
    "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
)


def opened(data, *, payload_type=ORDER, keys=KEYS, limit=LIMIT):
    return open_envelope(data, payload_type, keys, limit=limit)


def refusal(data, **options):
    with pytest.raises(SignatureError) as refused:
        opened(data, **options)
    return refused.value.code


def bent(**changes):
    return json.dumps(json.loads(ENVELOPE) | changes).encode()


def test_the_example_of_the_specification():
    signed = pre_authentication(b"hello world", "http://example.com/HelloWorld")
    assert signed == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    r, s = SPEC_SIGNATURE[:32], SPEC_SIGNATURE[32:]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    assert verify(SPEC_KEY, der, signed)
    assert not verify(SPEC_KEY, der, signed + b"!")


def test_what_was_signed_opens():
    assert opened(ENVELOPE) == PAYLOAD
    assert len(SIGNER.key_id) == 16
    assert load_public_key(public_key_pem(SIGNER_KEY.public_key())) == SIGNER_KEY.public_key()


def test_another_type_another_key_another_payload():
    assert refusal(ENVELOPE, payload_type=WITHDRAWAL) == "payload_type"
    assert refusal(ENVELOPE, keys={OTHER.key_id: OTHER_KEY.public_key()}) == "unknown_key"
    assert refusal(ENVELOPE, keys={}) == "unknown_key"
    assert refusal(bent(payload=b64encode(b'{"v":2}').decode())) == "signature"
    assert refusal(bent(payloadType=WITHDRAWAL), payload_type=WITHDRAWAL) == "signature"


def test_a_key_id_proves_nothing():
    forged = json.loads(sign_envelope(PAYLOAD, ORDER, OTHER))
    forged["signatures"][0]["keyid"] = SIGNER.key_id
    assert refusal(json.dumps(forged).encode()) == "signature"


def test_one_signature_by_a_known_key_is_enough_among_eight():
    mine = json.loads(ENVELOPE)["signatures"][0]
    other = json.loads(sign_envelope(PAYLOAD, ORDER, OTHER))["signatures"][0]
    assert opened(bent(signatures=[other, mine])) == PAYLOAD
    assert opened(bent(signatures=[other] * 7 + [mine])) == PAYLOAD
    assert refusal(bent(signatures=[other] * 8 + [mine])) == "malformed"
    assert refusal(bent(signatures=[])) == "malformed"


def test_limits():
    payload = b"x" * LIMIT
    assert opened(sign_envelope(payload, ORDER, SIGNER)) == payload
    assert refusal(sign_envelope(payload + b"x", ORDER, SIGNER)) == "malformed"
    assert refusal(ENVELOPE + b" " * 10_000) == "malformed"


@given(st.binary(max_size=60))
def test_arbitrary_bytes(data):
    assert refusal(data) == "malformed"


@given(st.data())
def test_any_single_byte_changed_is_refused_or_changes_nothing(data):
    at = data.draw(st.integers(0, len(ENVELOPE) - 1))
    changed = ENVELOPE[:at] + bytes([data.draw(st.integers(0, 255))]) + ENVELOPE[at + 1 :]
    try:
        assert opened(changed) == PAYLOAD
    except SignatureError:
        return


def test_keys_are_of_one_kind():
    checkpoint = ed25519.Ed25519PrivateKey.generate()
    signer = KeySigner(checkpoint)
    checkpoint.public_key().verify(signer.sign(b"x"), b"x")
    assert signer.key_id == key_id(checkpoint.public_key())
    for text in (
        "",
        "é",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        public_key_pem(checkpoint.public_key()),
        public_key_pem(ec.generate_private_key(ec.SECP384R1()).public_key()),
    ):
        with pytest.raises(SignatureError):
            load_public_key(text)

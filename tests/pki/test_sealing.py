import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bedside.pki.sealing import (
    OVERHEAD,
    SealError,
    message_info,
    report_info,
    seal,
    unseal,
)
from tests.protocol.samples import DEVICE

KEY = ec.derive_private_key(7, ec.SECP256R1())
OTHER = ec.derive_private_key(8, ec.SECP256R1())
INFO = message_info(DEVICE)


class OwnHpke:
    """RFC 9180 base mode written a second time from its text, to compare with."""

    KEM = b"KEM" + (0x10).to_bytes(2, "big")
    SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x10, 1, 1))

    @staticmethod
    def mac(key, data):
        context = hmac.HMAC(key, hashes.SHA256())
        context.update(data)
        return context.finalize()

    def extract(self, suite, salt, label, key):
        return self.mac(salt or bytes(32), b"HPKE-v1" + suite + label + key)

    def expand(self, suite, secret, label, info, length):
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return self.mac(secret, labelled + b"\x01")[:length]

    def open(self, private_key, sealed, info, aad=b""):
        encapsulated, ciphertext = sealed[:65], sealed[65:]
        peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), encapsulated)
        own = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        shared = private_key.exchange(ec.ECDH(), peer)
        eae = self.extract(self.KEM, b"", b"eae_prk", shared)
        secret = self.expand(self.KEM, eae, b"shared_secret", encapsulated + own, 32)
        context = (
            b"\x00"
            + self.extract(self.SUITE, b"", b"psk_id_hash", b"")
            + self.extract(self.SUITE, b"", b"info_hash", info)
        )
        schedule = self.extract(self.SUITE, secret, b"secret", b"")
        key = self.expand(self.SUITE, schedule, b"key", context, 16)
        nonce = self.expand(self.SUITE, schedule, b"base_nonce", context, 12)
        return AESGCM(key).decrypt(nonce, ciphertext, aad)


def test_the_second_writing_agrees_with_the_example_of_rfc_9180():
    """Appendix A.3.1, sequence number 0; its associated data is what `unseal` never uses."""
    scalar = int("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2", 16)
    sealed = bytes.fromhex(
        "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac9"
        "8536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
        "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f"
        "9076ac232e3ab2523f39513434"
    )
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    opened = OwnHpke().open(key, sealed, b"Ode on a Grecian Urn", b"Count-0")
    assert opened == b"Beauty is truth, truth beauty"


@given(st.binary(max_size=2000))
def test_what_was_sealed_opens_and_is_rfc_9180(data):
    sealed = seal(KEY.public_key(), data, info=INFO)
    assert len(sealed) == len(data) + OVERHEAD
    assert unseal(KEY, sealed, info=INFO) == data
    assert OwnHpke().open(KEY, sealed, INFO) == data


def test_another_key_another_device_another_direction():
    sealed = seal(KEY.public_key(), b"order", info=INFO)
    for key, info in (
        (OTHER, INFO),
        (KEY, message_info("CI-20418")),
        (KEY, report_info(DEVICE)),
        (KEY, b""),
    ):
        with pytest.raises(SealError):
            unseal(key, sealed, info=info)


def test_a_relay_learns_nothing_from_two_seals_of_one_message():
    assert seal(KEY.public_key(), b"x", info=INFO) != seal(KEY.public_key(), b"x", info=INFO)


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data):
    with pytest.raises(SealError):
        unseal(KEY, data, info=INFO)


@given(st.data())
def test_any_single_bit(data):
    sealed = bytearray(seal(KEY.public_key(), b"order", info=INFO))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(SealError):
        unseal(KEY, bytes(sealed), info=INFO)

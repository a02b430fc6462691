import copy

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDH, ECDSA
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from bedside.pki.delegated import delegated_key
from bedside.pki.signing import verify
from tests.pki.world import store


def test_it_signs_and_does_no_more():
    key = delegated_key(store(), "order")
    assert key.key_size == 256
    assert key.curve.name == "secp256r1"
    assert verify(key.public_key(), key.sign(b"x", ECDSA(SHA256())), b"x")
    assert copy.copy(key) is copy.deepcopy(key) is key
    for refused in (
        lambda: key.sign(b"x", ECDSA(SHA384())),
        lambda: key.exchange(ECDH(), key.public_key()),
        key.private_numbers,
        key.private_bytes,
    ):
        with pytest.raises(TypeError):
            refused()

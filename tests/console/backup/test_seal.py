import io

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from bedside.console.backup.seal import (
    PIECE,
    WrongKeyError,
    lock_to_key,
    lock_with_passphrase,
    new_file_key,
    open_with_key,
    open_with_passphrase,
    sealed_pieces,
    sealed_size,
    unsealed_pieces,
)

KEY = bytes(range(32))


def sealed(data: bytes, name: str = "database") -> bytes:
    return b"".join(sealed_pieces(io.BytesIO(data), KEY, name))


def unsealed(data: bytes, name: str = "database", key: bytes = KEY) -> bytes:
    return b"".join(unsealed_pieces(io.BytesIO(data), key, name))


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_was_sealed_comes_back_and_has_the_size_that_is_promised(size):
    data = bytes(size)
    assert len(sealed(data)) == sealed_size(size)
    assert unsealed(sealed(data)) == data


@given(st.integers(0, 2 * PIECE + 47), st.integers(1, 255))
def test_no_byte_can_be_changed(place, by):
    data = bytearray(sealed(bytes(2 * PIECE)))
    data[place % len(data)] ^= by
    with pytest.raises(WrongKeyError):
        unsealed(bytes(data))


def test_no_piece_can_be_cut_moved_or_carried_to_another_member():
    whole = sealed(bytes(2 * PIECE) + b"end")
    one, two = whole[: PIECE + 16], whole[PIECE + 16 : 2 * PIECE + 32]
    for wrong in (one, one + two, two + one + whole[2 * PIECE + 32 :], b""):
        with pytest.raises(WrongKeyError):
            unsealed(wrong)
    with pytest.raises(WrongKeyError):
        unsealed(whole, name="keys")
    with pytest.raises(WrongKeyError):
        unsealed(whole, key=bytes(32))


def test_a_passphrase_opens_and_another_does_not():
    key = new_file_key()
    lock = lock_with_passphrase(key, "a long enough phrase")
    assert open_with_passphrase(lock, "a long enough phrase") == key
    with pytest.raises(WrongKeyError):
        open_with_passphrase(lock, "another long phrase")


def test_a_private_key_opens_and_another_does_not():
    key, private = new_file_key(), ec.generate_private_key(ec.SECP256R1())
    lock = lock_to_key(key, private.public_key())
    assert open_with_key(lock, private) == key
    with pytest.raises(WrongKeyError):
        open_with_key(lock, ec.generate_private_key(ec.SECP256R1()))

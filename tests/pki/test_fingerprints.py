"""The words of a key: one set for one key, however it was read and however a person writes them."""

from cryptography.hazmat.primitives.asymmetric import ec

from bedside.language.spelling import WORDS
from bedside.pki.fingerprints import fingerprint_words, same_words
from bedside.pki.signing import load_public_key, public_key_pem

FIXED = ec.derive_private_key(7, ec.SECP256R1()).public_key()


def test_a_key_has_its_words_however_it_was_read():
    words = fingerprint_words(FIXED)
    assert len(words.split()) == WORDS
    assert fingerprint_words(load_public_key(public_key_pem(FIXED))) == words
    assert fingerprint_words(ec.generate_private_key(ec.SECP256R1()).public_key()) != words


def test_the_words_of_a_key_are_the_same_everywhere_and_always():
    assert fingerprint_words(FIXED) == (
        "Victor India X-ray Quebec Oscar Victor Uniform Oscar "
        "Kilo Mike Zulu Tango Juliett Alfa Lima Whiskey"
    )


def test_how_a_person_writes_them_does_not_count():
    assert same_words("alfa X-RAY\n golf", "Alfa X-ray Golf")
    assert not same_words("Alfa X-ray", "Alfa X-ray Golf")
    assert not same_words("", "Alfa")

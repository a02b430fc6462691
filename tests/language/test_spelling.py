import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.language.spelling import WORDS, spell


def fingerprint(data: bytes) -> str:
    digest = hashlib.sha256(data).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def test_four_lines_of_four_words():
    assert spell(fingerprint(b"")) == (
        "Juliett Uniform Hotel Romeo",
        "Oscar Golf Whiskey X-ray",
        "Hotel Juliett Papa Oscar",
        "Bravo Kilo Quebec Golf",
    )


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_another_key_has_other_words(one, other):
    assert (spell(fingerprint(one)) == spell(fingerprint(other))) == (one == other)


@given(st.binary(max_size=20))
def test_every_word_begins_with_its_letter(data):
    words = " ".join(spell(fingerprint(data))).split()
    assert len(words) == WORDS
    assert all(word[0].isupper() for word in words)


@pytest.mark.parametrize(
    "text", ["", "SHA256:", "MD5:" + "0" * 43, "SHA256:" + "*" * 43, "SHA256:" + "A" * 44]
)
def test_what_is_no_fingerprint_is_refused(text):
    with pytest.raises(ValueError):
        spell(text)

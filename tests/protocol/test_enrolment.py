import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.enrolment import (
    CODE_BYTES,
    EnrolmentCode,
    check_challenge,
    code_id_of,
    enrolment_challenge,
    make_enrolment_code,
    parse_enrolment_code,
    request_digest,
)

CODE = make_enrolment_code(bytes(range(CODE_BYTES)))
DIGEST = request_digest(b"key", b"extension")
random_codes = st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES).map(make_enrolment_code)


@given(random_codes)
def test_a_code_reads_as_it_is_printed(code):
    assert parse_enrolment_code(str(code)) == code
    assert [len(group) for group in str(code).split("-")] == [5] * 6


@given(random_codes)
def test_a_code_reads_as_people_type_it(code):
    typed = str(code).lower().replace("0", "o").replace("1", "l").replace("-", " ")
    assert parse_enrolment_code(typed) == code


@given(st.text(max_size=60))
def test_any_text(text):
    try:
        parse_enrolment_code(text)
    except ValueError:
        return


@pytest.mark.parametrize("text", ["", "A" * 29, "A" * 31, "U" * 30, "é" * 30, "-" * 10_000])
def test_refused(text):
    with pytest.raises(ValueError, match="not an enrolment code"):
        parse_enrolment_code(text)


def test_random_bytes_are_counted():
    with pytest.raises(ValueError, match="19 random bytes"):
        make_enrolment_code(b"short")


def test_the_secret_shows_nowhere():
    assert CODE.secret not in repr(CODE)
    assert CODE.secret not in enrolment_challenge(CODE, DIGEST)
    assert CODE.id in repr(CODE)


def test_the_challenge_is_what_the_page_says():
    digest = hashlib.sha256(b"key").digest() + hashlib.sha256(b"extension").digest()
    mac = hmac.new(CODE.secret.encode(), digest, hashlib.sha256).hexdigest()
    assert enrolment_challenge(CODE, DIGEST) == f"{CODE.id}:{mac}"
    assert code_id_of(f"{CODE.id}:{mac}") == CODE.id


def test_a_challenge_is_for_one_code_and_one_set_of_keys():
    challenge = enrolment_challenge(CODE, DIGEST)
    assert check_challenge(challenge, CODE, DIGEST)
    assert not check_challenge(challenge, EnrolmentCode(CODE.id, "0" * 25), DIGEST)
    assert not check_challenge(challenge, CODE, request_digest(b"other", b"extension"))
    assert not check_challenge(challenge, CODE, request_digest(b"key", b"other"))
    assert not check_challenge("é", CODE, DIGEST)


@given(st.text(max_size=80))
def test_any_challenge(text):
    assert not check_challenge(text, CODE, DIGEST)
    with pytest.raises(ValueError, match="not an enrolment challenge"):
        code_id_of(text)

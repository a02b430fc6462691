"""An approval holds for one digest, one person, one page, and only with the person there (N3)."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.pki.signing import SignatureError
from bedside.pki.webauthn import check_approval, from_base64url, to_base64url
from bedside.testing.passkey import Passkey

DIGEST = sha256(b"what is approved").digest()
JULIE = Passkey("p9", "Julie Gagnon", rp_id="console.example", origin="https://console.example")


def test_an_assertion_over_the_digest_holds():
    check_approval(JULIE.approve(DIGEST), JULIE.approver, DIGEST)


def told(**changes):
    said = {
        "type": "webauthn.get",
        "challenge": to_base64url(DIGEST),
        "origin": "https://console.example",
        "crossOrigin": False,
    }
    return json.dumps({**said, **changes}).encode()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"digest": sha256(b"another").digest()}, "challenge"),
        ({"client_data": told(type="webauthn.create")}, "type"),
        ({"client_data": told(origin="https://console.example.evil")}, "origin"),
        ({"client_data": told(origin="http://console.example")}, "origin"),
        ({"client_data": told(crossOrigin=True)}, "origin"),
        ({"client_data": told(topOrigin="https://evil.example")}, "origin"),
        ({"client_data": told(challenge=None)}, "challenge"),
        ({"client_data": b"[]"}, "client_data"),
        ({"client_data": b"\xff"}, "client_data"),
        ({"client_data": b"{" + b" " * 3000 + b"}"}, "client_data"),
        ({"rp_id": "evil.example"}, "relying_party"),
        ({"flags": 0x04}, "not_present"),
        ({"flags": 0x01}, "not_verified"),
    ],
)
def test_what_does_not_hold_is_refused_by_its_name(options, code):
    digest = options.pop("digest", DIGEST)
    with pytest.raises(SignatureError) as refused:
        check_approval(JULIE.approve(digest, **options), JULIE.approver, DIGEST)
    assert refused.value.code == code


def test_another_s_key_signs_nothing_for_her():
    other = Passkey("p9", "Julie Gagnon", rp_id="console.example", origin="https://console.example")
    forged = replace(other.approve(DIGEST), credential=JULIE.approver.credential)
    with pytest.raises(SignatureError) as refused:
        check_approval(forged, JULIE.approver, DIGEST)
    assert refused.value.code == "signature"
    with pytest.raises(SignatureError) as refused:
        check_approval(other.approve(DIGEST), JULIE.approver, DIGEST)
    assert refused.value.code == "credential"


@given(st.binary(max_size=64))
def test_any_signature_but_hers_is_refused(signature):
    with pytest.raises(SignatureError):
        check_approval(replace(JULIE.approve(DIGEST), signature=signature), JULIE.approver, DIGEST)


@given(st.binary(max_size=100))
def test_base64url_there_and_back(data):
    assert from_base64url(to_base64url(data)) == data


@pytest.mark.parametrize("text", ["=", "a", "a b", "é"])
def test_what_is_no_base64url_is_refused(text):
    with pytest.raises(ValueError, match="base64url"):
        from_base64url(text)

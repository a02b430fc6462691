import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.errors import MalformedError, ProtocolError
from bedside.protocol.http import Request, RequestReader, Response, ResponseReader
from bedside.protocol.poll import Refusal
from bedside.protocol.tunnel import (
    MAX_LEGS,
    UPGRADE,
    TunnelRequest,
    check_proof,
    is_tunnel,
    parse_tunnel_request,
    parse_tunnel_response,
    proof,
    proof_digests,
    tunnel_accepted,
    tunnel_refused,
    tunnel_request,
)
from bedside.vocabulary import Gate
from tests.protocol.samples import SESSION

SEED = bytes(range(32))


def asked(index=5, given_proof=None):
    reader = RequestReader()
    reader.receive(
        tunnel_request(
            "a.relay.example", SESSION, index, given_proof or proof(SEED, "device", index)
        )
    )
    read = reader.next()
    assert read is not None
    return read


def test_a_leg_reads_as_it_was_written_and_its_proof_holds():
    assert is_tunnel(asked())
    leg = parse_tunnel_request(asked())
    assert leg == TunnelRequest(SESSION, 5, proof(SEED, "device", 5))
    assert check_proof(leg, proof_digests(SEED, "device"))


def test_a_proof_is_for_one_leg_one_index_and_one_seed():
    leg = parse_tunnel_request(asked())
    assert not check_proof(leg, proof_digests(SEED, "specialist"))
    assert not check_proof(leg, proof_digests(bytes(32), "device"))
    assert not check_proof(TunnelRequest(SESSION, 6, leg.proof), proof_digests(SEED, "device"))
    assert not check_proof(leg, proof_digests(SEED, "device")[:5])
    assert len(set(proof_digests(SEED, "device") + proof_digests(SEED, "specialist"))) == 128


def test_a_proof_is_what_the_page_says():
    expected = hmac.new(SEED, b"bedside-proof/device/12", hashlib.sha256).hexdigest()
    assert proof(SEED, "device", 12) == expected
    assert proof_digests(SEED, "device")[12] == hashlib.sha256(expected.encode()).hexdigest()
    assert len(proof_digests(SEED, "device")) == MAX_LEGS


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"target": "/v1/poll"},
        {"target": f"/v1/tunnel/{SESSION}/"},
        {"target": f"/v1/tunnel/{SESSION.lower()}"},
        {"target": "/v1/tunnel/"},
        {"body": b"x"},
        {"headers": {}},
        {"headers": {"connection": "close"}},
        {"headers": {"upgrade": "websocket"}},
        {"headers": {"bedside-proof": "64." + "0" * 64}},
        {"headers": {"bedside-proof": "05." + "0" * 64}},
        {"headers": {"bedside-proof": "5." + "A" * 64}},
        {"headers": {"bedside-proof": "5." + "0" * 63}},
    ],
)
def test_refused(changes):
    good = asked()
    if changes.get("headers"):
        changes["headers"] = dict(good.headers) | changes["headers"]
    with pytest.raises(MalformedError):
        parse_tunnel_request(good._replace(**changes))


@given(st.text(max_size=80), st.text(max_size=80))
def test_arbitrary_targets_and_proofs(target, given_proof):
    headers = {"connection": "upgrade", "upgrade": UPGRADE, "bedside-proof": given_proof}
    try:
        parse_tunnel_request(Request("GET", f"/v1/tunnel/{target}", headers, b""))
    except ProtocolError:
        return


def test_answers():
    reader = ResponseReader()
    reader.receive(tunnel_refused(Gate.TUNNEL_PROOF, retry_in_ms=5) + tunnel_accepted())
    refused, accepted = reader.next(), reader.next()
    assert refused is not None
    assert accepted is not None
    assert not refused.keep_alive
    assert parse_tunnel_response(refused) == Refusal(Gate.TUNNEL_PROOF, 5)
    assert parse_tunnel_response(accepted) is None
    with pytest.raises(MalformedError):
        parse_tunnel_response(Response(101, {"upgrade": "websocket"}, b""))

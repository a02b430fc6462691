"""The upgrade that turns a request into a tunnel's leg (`docs/protocol/tunnel.md`).

6.1 `GET /v1/tunnel/{session}` with `Upgrade: bedside-tunnel/1` and one proof, over mutual TLS.
6.3 A proof is `<index>.<HMAC-SHA256>`: indices 0 to 63, each usable once; the relay knows their
    SHA-256 only, so it can check a proof but not make one.
6.4 The answer 101 is sent when both legs are paired; after it, bytes belong to SSH.
6.5 A leg that finds no partner is answered 504, other refusals are 403.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from bedside.protocol.errors import MalformedError
from bedside.protocol.http import Request, Response, request, response
from bedside.protocol.poll import Refusal, parse_refusal
from bedside.vocabulary import Gate, SessionId, parse_session_id

__all__ = [
    "MAX_LEGS",
    "UPGRADE",
    "Leg",
    "TunnelRequest",
    "check_proof",
    "is_tunnel",
    "parse_tunnel_request",
    "parse_tunnel_response",
    "proof",
    "proof_digests",
    "tunnel_accepted",
    "tunnel_refused",
    "tunnel_request",
]

UPGRADE = "bedside-tunnel/1"
MAX_LEGS = 64
_PATH = "/v1/tunnel/"
_PROOF = re.compile(r"(0|[1-9][0-9]?)\.([0-9a-f]{64})")

Leg = Literal["device", "specialist"]


@dataclass(frozen=True, slots=True)
class TunnelRequest:
    """One leg that asks to be paired: its session, and one of its proofs."""

    session: SessionId
    index: int
    proof: str


def proof(seed: bytes, leg: Leg, index: int) -> str:
    """Return the proof number `index` (0 to 63) of a leg, from its 32-byte seed (6.3)."""
    return hmac.digest(seed, f"bedside-proof/{leg}/{index}".encode(), "sha256").hex()


def proof_digests(seed: bytes, leg: Leg) -> tuple[str, ...]:
    """Return what the relay is told: the SHA-256 of each of a leg's 64 proofs (6.3)."""
    return tuple(sha256(proof(seed, leg, index).encode()).hexdigest() for index in range(MAX_LEGS))


def check_proof(asked: TunnelRequest, digests: tuple[str, ...]) -> bool:
    """Return whether the proof is the one whose SHA-256 stands at its index (6.3)."""
    if asked.index >= len(digests):
        return False
    given = sha256(asked.proof.encode()).hexdigest()
    return hmac.compare_digest(given, digests[asked.index])


def tunnel_request(server_name: str, session: SessionId, index: int, proof: str) -> bytes:
    """Return the request that opens a leg (6.1)."""
    headers = {
        "connection": "Upgrade",
        "upgrade": UPGRADE,
        "bedside-proof": f"{index}.{proof}",
    }
    return request("GET", f"{_PATH}{session}", server_name, headers)


def is_tunnel(asked: Request) -> bool:
    """Return whether a request is meant to open a leg."""
    return asked.target.startswith(_PATH)


def parse_tunnel_request(asked: Request) -> TunnelRequest:
    """Return the leg that a request asks for; raises MalformedError (6.1)."""
    if asked.method != "GET" or not is_tunnel(asked) or asked.body:
        raise MalformedError("not_a_tunnel")
    connection = [word.strip().lower() for word in asked.headers.get("connection", "").split(",")]
    if "upgrade" not in connection or asked.headers.get("upgrade") != UPGRADE:
        raise MalformedError("upgrade")
    try:
        session = parse_session_id(asked.target.removeprefix(_PATH))
    except ValueError:
        raise MalformedError("pattern", "session") from None
    match = _PROOF.fullmatch(asked.headers.get("bedside-proof", ""))
    if match is None or int(match[1]) >= MAX_LEGS:
        raise MalformedError("pattern", "bedside-proof")
    return TunnelRequest(session, int(match[1]), match[2])


def tunnel_accepted() -> bytes:
    """Return the answer that tells a leg that its partner is there (6.4)."""
    return response(101, {"connection": "Upgrade", "upgrade": UPGRADE})


def tunnel_refused(gate: Gate, *, retry_in_ms: int = 0, status: int = 403) -> bytes:
    """Return the answer that refuses a leg: 403, or 504 when no partner came (6.5)."""
    headers = {"content-type": "application/json", "connection": "close"}
    return response(status, headers, Refusal(gate, retry_in_ms).to_json())


def parse_tunnel_response(answer: Response) -> Refusal | None:
    """Return None when the tunnel is open, the refusal when it is not; raises ProtocolError."""
    if answer.status != 101:
        return parse_refusal(answer.body)
    if answer.headers.get("upgrade") != UPGRADE:
        raise MalformedError("upgrade")
    return None

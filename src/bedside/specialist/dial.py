"""The specialist's leg of a tunnel: dial the relay, show one proof, be paired.

Standard library only, so that `ssh` waits for as little Python as can be.
"""

import base64
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bedside.pki import names
from bedside.protocol import tunnel
from bedside.protocol.errors import ProtocolError
from bedside.protocol.http import HttpLimits, ResponseReader
from bedside.protocol.poll import Refusal
from bedside.vocabulary import Gate, SessionId

__all__ = [
    "DialError",
    "ExpiredError",
    "Leg",
    "MovedError",
    "TunnelRefusedError",
    "answers",
    "dial",
]

CONNECT_S = 10.0
ANSWERS_S = 5.0
PAIRED_S = 40.0
"""How long to wait for the answer: the relay gives up on an unpaired leg after 30 s."""
TRIES = 4
_LOOK_S = 1.0
_HEAD = 16 * 1024
_HAS_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""


class DialError(ConnectionError):
    """No relay could be reached on any of its ports."""


class ExpiredError(DialError):
    """The relay is there, and its certificate has run out by this computer's clock."""


class MovedError(DialError):
    """Nobody waits at this relay any more: the device has come to another one."""


class TunnelRefusedError(ConnectionError):
    """The relay refused the leg; `gate` says why."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.value)
        self.gate = gate


@dataclass(frozen=True)
class Leg:
    """A paired tunnel: the socket, and the bytes that came right behind the 101."""

    socket: ssl.SSLSocket
    early: bytes


def dial(
    connection: dict[str, Any],
    session: SessionId,
    *,
    context: ssl.SSLContext,
    next_index: Callable[[], int],
    stays: Callable[[], bool] = lambda: True,
    patient: bool = False,
) -> Leg:
    """Return a paired leg.

    Args:
        connection: what the console gave: `relay`, `proof_seed`.
        session: which session.
        context: TLS with the session's client certificate.
        next_index: takes the next unused proof.
        stays: whether it is still this relay at which to wait; asked each second.
        patient: try again when the relay says, and not at once: it may not know the session yet.

    Raises:
        DialError: no port of the relay answered; ExpiredError is one, MovedError another.
        TunnelRefusedError: the relay refused, or nobody came within its limit.
    """
    relay = connection["relay"]
    seed = base64.b64decode(connection["proof_seed"], validate=True)
    refused = Refusal(Gate.TUNNEL_PROOF, 0)
    for _ in range(TRIES):
        index = next_index()
        if index >= tunnel.MAX_LEGS:
            break
        if patient:
            time.sleep(min(refused.retry_in_ms / 1000, _LOOK_S))
        line = _connect(relay, context, within_s=CONNECT_S)
        asked = tunnel.tunnel_request(
            relay["server_name"], session, index, tunnel.proof(seed, "specialist", index)
        )
        try:
            line.sendall(asked)
            answer = _answer(line, stays)
        except MovedError:
            line.close()
            raise
        except (OSError, ProtocolError) as error:
            line.close()
            raise DialError(str(error)) from error
        if isinstance(answer, Leg):
            return answer
        line.close()
        refused = answer
        if refused.gate not in (Gate.TUNNEL_PROOF, Gate.LIMIT):
            break
    raise TunnelRefusedError(refused.gate)


def answers(connection: dict[str, Any], context: ssl.SSLContext) -> bool:
    """Return whether the relay still answers on any of its ports.

    Args:
        connection: what the console gave: `relay`.
        context: TLS with the session's client certificate.
    """
    try:
        # A program that dies, or hangs, still takes connections for a moment; it shakes no hands.
        _connect(connection["relay"], context, within_s=ANSWERS_S).close()
    except ExpiredError:
        return True
    except DialError:
        return False
    return True


def _connect(relay: dict[str, Any], context: ssl.SSLContext, *, within_s: float) -> ssl.SSLSocket:
    last: Exception | None = None
    has_expired = False
    for port in relay["ports"]:
        try:
            plain = socket.create_connection((relay["host"], port), within_s)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = context.wrap_socket(plain, server_hostname=relay["server_name"])
            names.check_peer(
                line.getpeercert(),
                names.CertificateName(names.CertificateKind.RELAY, relay["name"]),
            )
            return line
        except (OSError, names.CertificateNameError) as error:
            last = error
            has_expired |= getattr(error, "verify_code", 0) == _HAS_EXPIRED
    raise ExpiredError(str(last)) if has_expired else DialError(str(last))


def _answer(line: ssl.SSLSocket, stays: Callable[[], bool]) -> Leg | Refusal:
    now = time.monotonic()
    until, look = now + PAIRED_S, now + _LOOK_S
    line.settimeout(_LOOK_S)
    reader = ResponseReader(HttpLimits(body=_HEAD))
    while (answer := reader.next()) is None:
        if reader.error is not None:
            raise reader.error
        # A relay that sends a byte now and then has as little time as one that sends none.
        now = time.monotonic()
        if now > until:
            raise TimeoutError("no answer")
        if now > look:
            look = now + _LOOK_S
            if not stays():
                raise MovedError("the device has come to another relay")
        try:
            data = line.recv(_HEAD)
        except TimeoutError:
            continue
        if not data:
            raise ConnectionResetError("the relay closed the connection")
        reader.receive(data)
    refusal = tunnel.parse_tunnel_response(answer)
    return refusal or Leg(line, reader.trailing)

"""Asks relays, one after another, for a certificate (EST, RFC 7030), at the pace that they keep."""

import asyncio
import random
import ssl
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence

from bedside.agent.dial import DialError, Question, open_connection
from bedside.agent.link import Target
from bedside.agent.proxy import Proxy
from bedside.language import N_
from bedside.protocol.errors import ProtocolError
from bedside.protocol.http import Response
from bedside.protocol.poll import parse_refusal
from bedside.protocol.shapes import Relay
from bedside.vocabulary import Gate

__all__ = ["EnrolmentError", "ask_relays", "est_answer", "targets_of"]

_MAX_ANSWER = 32 * 1024
_TRIES = 5
_PACE_S = 1.5
"""A relay carries one request a second for each address, and a hospital may be one address."""
_TOO_MANY = 429


class EnrolmentError(RuntimeError):
    """The device got no certificate.

    `text` is a marked sentence with `fields` for it; `gate` names what refused, None when nothing
    could be asked.
    """

    def __init__(self, text: str, gate: Gate | None = None, **fields: object) -> None:
        super().__init__(text.format(**fields))
        self.text = text
        self.fields = fields
        self.gate = gate


def targets_of(relays: Sequence[Relay], proxy: Proxy | None) -> list[Target]:
    """Return every port of every relay, in order."""
    return [
        Target(host=relay.host, port=port, server_name=relay.server_name, proxy=proxy)
        for relay in relays
        for port in relay.ports
    ]


async def ask_relays(
    targets: Iterable[Target], context: ssl.SSLContext, path: str, request: bytes
) -> Response:
    """Return the first answer that says yes or no; a relay that cannot say gives way to the next.

    Args:
        targets: the relays' ports, in order, each with the name that it shows.
        context: the TLS client context.
        path: which verb of EST.
        request: the certificate request, DER.

    Raises:
        EnrolmentError: none could be asked.
    """
    body = b2a_base64(request, newline=False)
    last = "-"
    for target in targets:
        try:
            answer = await _ask_in_pace(target, context, path, body)
        except DialError as error:
            last = f"{target.host}:{target.port}: {error}"
            continue
        if answer.status < 500 and answer.status != _TOO_MANY:
            return answer
        last = f"{target.host}:{target.port}: {answer.status}"
    raise EnrolmentError(N_("no relay could be asked; the last was {last}"), last=last)


async def _ask_in_pace(target: Target, context: ssl.SSLContext, path: str, body: bytes) -> Response:
    answer = await _ask(target, context, path, body)
    for turn in range(1, _TRIES):
        if answer.status != _TOO_MANY:
            break
        # Devices of one address that were told so together must not come back together.
        await asyncio.sleep(_PACE_S * random.uniform(1, turn))  # noqa: S311 - no secret
        answer = await _ask(target, context, path, body)
    return answer


async def _ask(target: Target, context: ssl.SSLContext, path: str, body: bytes) -> Response:
    _, line = await open_connection(target, context, Question)
    try:
        return await line.ask(
            "POST", path, target.server_name, content_type="application/pkcs10", body=body
        )
    finally:
        line.close()


def est_answer(answer: Response) -> bytes:
    """Return the certificates (PKCS#7, DER) in an answer, or raise EnrolmentError with its gate."""
    if answer.status != 200:
        try:
            gate: Gate | None = parse_refusal(answer.body).gate
        except ProtocolError:
            gate = None
        raise EnrolmentError(N_("refused ({status})"), gate, status=answer.status)
    try:
        return a2b_base64(b"".join(answer.body[:_MAX_ANSWER].split()), strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise EnrolmentError(N_("the answer is not a certificate for this device")) from error

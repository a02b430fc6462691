"""Polls, their answers, refusals and reports: each is read whole or refused by name."""

from bedside.protocol.errors import ProtocolError
from bedside.protocol.poll import (
    parse_poll,
    parse_poll_reply,
    parse_refusal,
    parse_report_request,
)
from tests.protocol.samples import POLL, REPLY

SEEDS = (
    POLL.to_json(),
    REPLY.to_json(),
    b'{"gate":"device_locked","retry_in_ms":1000,"v":1}',
    b'{"reports":["AAAA"],"v":1}',
)


def parse(data: bytes) -> None:
    """Offer the bytes to every reader of a poll's conversation."""
    for read in (parse_poll, parse_poll_reply, parse_refusal, parse_report_request):
        try:
            message = read(data)
        except ProtocolError:
            continue
        assert read(message.to_json()) == message

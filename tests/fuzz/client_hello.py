"""The first bytes of a TLS connection."""

from bedside.protocol.client_hello import parse_client_hello
from bedside.protocol.errors import ProtocolError
from tests.protocol.test_client_hello import hello, records

SEEDS = (hello(), hello("enrol.a.relay.example", ("bedside-tunnel/1",)), records(hello(), 100))


def parse(data: bytes) -> None:
    """Read one hello, or meet a named refusal."""
    try:
        parse_client_hello(data)
    except ProtocolError:
        return

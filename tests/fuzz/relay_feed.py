"""The feed and the batches: each is read whole or refused by name."""

from bedside.protocol.batch import parse_batch, parse_batch_reply
from bedside.protocol.errors import ProtocolError
from bedside.protocol.feed import parse_feed
from tests.protocol.test_batch import BATCH
from tests.protocol.test_feed import NEWS

SEEDS = (NEWS.to_json(), BATCH.to_json(), b'{"sequence":3,"v":1}')


def parse(data: bytes) -> None:
    """Offer the bytes to every reader between relay and console."""
    for read in (parse_feed, parse_batch, parse_batch_reply):
        try:
            message = read(data)
        except ProtocolError:
            continue
        assert read(message.to_json()) == message

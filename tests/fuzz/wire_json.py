"""Strict JSON: whatever is accepted is written back canonically and reads the same."""

from bedside.protocol.codec import parse_json, to_json
from bedside.protocol.errors import ProtocolError

LIMIT = 32 * 1024
SEEDS = (
    b"{}",
    b'{"a":[1,-2,{"b":null}],"c":"\xc3\xa9\\n\\ud83d\\ude00","d":true}',
    b'{"n":9007199254740991,"deep":[[[[[[[[]]]]]]]]}',
)


def parse(data: bytes) -> None:
    """Read one object, or meet a named refusal."""
    try:
        value = parse_json(data, limit=LIMIT)
    except ProtocolError:
        return
    assert parse_json(to_json(value), limit=8 * LIMIT) == value

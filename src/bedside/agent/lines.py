"""JSON lines on a local socket: the panel's and the worker's, cut by one rule."""

import json
from typing import Any

__all__ = ["WORKER_LINE_LIMIT", "LineBuffer", "LineError", "parse_line", "to_line"]

WORKER_LINE_LIMIT = 1024 * 1024


class LineError(ValueError):
    """The other side sent a line that is too long or not an object."""


class LineBuffer:
    """Cuts received bytes into lines of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes; raise LineError when one is too long."""
        self._held += data
        *lines, rest = self._held.split(b"\n")
        self._held = rest
        if len(rest) > self._limit or any(len(line) > self._limit for line in lines):
            raise LineError("a line is too long")
        return [bytes(line) for line in lines]


def to_line(value: dict[str, Any]) -> bytes:
    """Return `value` as one line of JSON with its newline."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the object in a line from our own other process; raise LineError."""
    try:
        value = json.loads(line)
    except ValueError as error:
        raise LineError("not JSON") from error
    if not isinstance(value, dict):
        raise LineError("not an object")
    return value

"""One JSON object a line on standard error: ids and words, never a secret, never a body."""

import json
import sys
import time
from typing import TextIO

__all__ = ["Log"]


class Log:
    """Writes what operators of relays read and search."""

    def __init__(self, relay: str, stream: TextIO = sys.stderr) -> None:
        self._relay = relay
        self._stream = stream

    def __call__(self, event: str, **fields: str | int | bool | None) -> None:
        """Write one line: time, relay, `event` in snake case, and its fields."""
        line = {"at_ms": time.time_ns() // 1_000_000, "relay": self._relay, "event": event}
        print(json.dumps({**line, **fields}, ensure_ascii=False), file=self._stream, flush=True)

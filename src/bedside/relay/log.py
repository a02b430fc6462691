"""One JSON object a line on standard error: ids and words, never a secret, never a body."""

import contextlib
import sys
import time
from typing import TextIO

from bedside.observe.lines import Value, json_line

__all__ = ["Log"]


class Log:
    """Writes what operators of relays read and search."""

    def __init__(self, relay: str, stream: TextIO = sys.stderr) -> None:
        self._relay = relay
        self._stream = stream

    def __call__(self, event: str, *, level: str = "info", **fields: Value) -> None:
        """Write one line: time, level, `event` in snake case, relay, and its fields."""
        line = json_line(
            time.time_ns() // 1_000_000, level, event, {"relay": self._relay, **fields}
        )
        # Whoever reads it may go away; devices are served all the same.
        with contextlib.suppress(OSError):
            print(line, file=self._stream, flush=True)

"""What the worker's loop says of a connection that breaks while it is closed: a line, no traceback.

uvloop calls it fatal, with all of its stack, that TLS has something left to write when the socket is
gone already; nothing is lost by that. Whatever else a loop has to say is said as always.
"""

import asyncio
import sys
from typing import Any

__all__ = ["say_quietly"]

_BROKEN = "Fatal error on SSL protocol"


def say_quietly(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle what `loop` could not (`asyncio.AbstractEventLoop.set_exception_handler`)."""
    error = context.get("exception")
    # RuntimeError is uvloop's word for a socket that is closed.
    if context.get("message") == _BROKEN and isinstance(error, OSError | RuntimeError):
        print(f"a TLS connection broke: {type(error).__name__}", file=sys.stderr, flush=True)
        return
    loop.default_exception_handler(context)

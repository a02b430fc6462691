"""What whoever asks is told while the database is away: come back, not that something failed."""

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import cast

from bedside.console.live.absence import AWAY, Absence
from bedside.console.live.server import Handler, Reply
from bedside.protocol.http import Request

__all__ = ["answering"]

_log = logging.getLogger("bedside.live")


def answering(handler: Handler) -> Handler:
    """Return a handler that answers 503 while the database is away, and ends streams that need it."""
    absence = Absence(_log)

    async def answer(request: Request, address: str) -> Reply:
        try:
            reply = await handler(request, address)
        except AWAY as error:
            absence.lost(error)
            return Reply(503, headers={"retry-after": "2"})
        absence.back()
        return reply if reply.stream is None else replace(reply, stream=_ending(reply.stream))

    return answer


async def _ending(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with contextlib.suppress(*AWAY):
        async with contextlib.aclosing(cast("AsyncGenerator[bytes, None]", stream)) as pieces:
            async for piece in pieces:
                yield piece

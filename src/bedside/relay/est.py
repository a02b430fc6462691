"""Carries enrolment to the console: EST verbs (RFC 7030) in, the console's answers out, unread."""

import asyncio
from collections.abc import Callable

from bedside.protocol.http import Request
from bedside.relay.connection import HttpConnection
from bedside.relay.console_client import HttpClient
from bedside.relay.console_line import ConsoleError
from bedside.vocabulary import Gate

__all__ = ["EstForwarder"]

_PACE_MS = 1_000
_REMEMBERED = 10_000
_MOST_AT_ONCE = 16
_BODY_BYTES = 8 * 1024
_RETRY_MS = 10_000
_PASSED = ("content-type", "content-transfer-encoding")


class EstForwarder:
    """Forwards one request for each source and second, and a bounded number at once."""

    def __init__(
        self,
        client: Callable[[], HttpClient],
        *,
        now_ms: Callable[[], int],
        answer_ms: int,
    ) -> None:
        self._client = client
        self._now_ms = now_ms
        self._answer_ms = answer_ms
        self._last: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def forward(self, connection: HttpConnection, verb: str, request: Request) -> None:
        """Answer the connection once the console has answered, or 503 when it does not."""
        if len(request.body) > _BODY_BYTES:
            connection.fault(413, "body")
        elif not self._in_pace(connection.link.address) or len(self._tasks) >= _MOST_AT_ONCE:
            connection.refuse(429, Gate.LIMIT, _PACE_MS)
        else:
            task = asyncio.get_running_loop().create_task(self._carry(connection, verb, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()

    def _in_pace(self, source: str) -> bool:
        now = self._now_ms()
        if now - self._last.get(source, -_PACE_MS) < _PACE_MS:
            return False
        if len(self._last) >= _REMEMBERED:
            self._last.clear()
        self._last[source] = now
        return True

    async def _carry(self, connection: HttpConnection, verb: str, request: Request) -> None:
        headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
        headers["bedside-address"] = connection.link.address
        peer = connection.link.peer
        if peer and peer.name:
            headers["bedside-peer"] = peer.name.uri
            headers["bedside-peer-serial"] = peer.serial
        client = self._client()
        try:
            answer = await client.ask(
                "POST",
                f"/relay/est/{verb}",
                body=request.body,
                headers=headers,
                timeout_s=self._answer_ms / 1000,
            )
        except ConsoleError:
            connection.refuse(503, Gate.LIMIT, _RETRY_MS)
            return
        finally:
            client.close()
        passed = {name: answer.headers[name] for name in _PASSED if name in answer.headers}
        connection.answer(answer.status, answer.body, headers=passed)

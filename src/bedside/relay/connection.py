"""HTTP/1.1 on a link: one request at a time, every wait with a limit, faults answered and closed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from bedside.protocol.codec import to_json
from bedside.protocol.http import (
    HttpLimits,
    Request,
    RequestReader,
    response,
    response_head,
    whole_request,
)
from bedside.protocol.poll import Refusal
from bedside.relay.link import Link
from bedside.relay.roles import Handler, Owner
from bedside.vocabulary import Gate

__all__ = ["HttpConnection", "HttpTimes", "Routes", "refusal"]

_NOTHING = -1
"""No hash is this number."""
_JSON = {"content-type": "application/json"}
_JSON_LAST = {**_JSON, "connection": "close"}


@dataclass(frozen=True, slots=True)
class HttpTimes:
    """How long a connection waits (`relay.config` says the defaults)."""

    request_ms: int = 10_000
    """From the first byte of a request to its last."""
    idle_ms: int = 90_000
    """For the next request."""


class Routes(Protocol):
    """Who answers requests."""

    def serve(self, connection: "HttpConnection", request: Request) -> None:
        """Answer now or later, by `answer`, `refuse` or `take_over`; exactly once."""

    def again(self, connection: "HttpConnection", piece: bytes) -> bool:
        """Serve `piece` when it is known what it asks without being read; False when it must be.

        It is all that came, and no request is served: one that is served here was one and whole.
        """

    def departed(self, connection: "HttpConnection") -> None:
        """The connection closed while a request waited for its answer."""


def refusal(status: int, gate: Gate, retry_in_ms: int = 0) -> bytes:
    """Return the last answer on a connection: which gate refused, and when to ask again."""
    return response(status, _JSON_LAST, Refusal(gate, retry_in_ms).to_json())


class HttpConnection:
    """The handler of a link on which requests come."""

    __slots__ = (
        "_busy",
        "_keep",
        "_limits",
        "_owner",
        "_reader",
        "_routes",
        "_times",
        "link",
        "said",
    )

    def __init__(
        self, link: Link, owner: Owner, routes: Routes, *, limits: HttpLimits, times: HttpTimes
    ) -> None:
        self.link = link
        self._owner = owner
        self._routes = routes
        self._limits = limits
        self._times = times
        # A connection that waits has no reader, nor has one whose poll is held: it costs a fleet's
        # memory.
        self._reader: RequestReader | None = None
        self._busy = False
        self._keep = True
        self.said = _NOTHING
        """Stands for the words of the request that is served; 0 for one that came otherwise."""
        self._wait(times.idle_ms)

    @property
    def has_asked(self) -> bool:
        """Whether a request came on it, or the beginning of one."""
        return self.said != _NOTHING

    # ---- for the routes ----

    def begin(self) -> None:
        """A request is served from now on, however long that takes."""
        self._busy = True
        self._owner.timers.cancel(self.link)

    def answer(self, status: int, body: bytes, *, headers: Mapping[str, str] = _JSON) -> None:
        """Answer the request that is served, and go on with the next."""
        if headers is _JSON and self._keep:
            answer = _json_head(status, len(body)) + body
        else:
            close = {} if self._keep else {"connection": "close"}
            answer = response(status, {**headers, **close}, body)
        self.link.write(answer)
        self._busy = False
        if not self._keep:
            self.link.close()
            return
        if self._reader is not None and not self._reader.idle:
            self._wait(self._times.request_ms)
            self._owner.loop.call_soon(self._advance)
            return
        self._reader = None
        self._wait(self._times.idle_ms)

    def refuse(self, status: int, gate: Gate, retry_in_ms: int = 0) -> None:
        """Answer with the gate that refused, and close."""
        self.link.write(refusal(status, gate, retry_in_ms))
        self.link.close()

    def fault(self, status: int, code: str) -> None:
        """Answer that the request was wrong, and close."""
        self._owner.counts[f"fault_{status}"] += 1
        body = to_json({"v": 1, "error": code})
        self.link.write(response(status, _JSON_LAST, body))
        self.link.close()

    def take_over(self, handler: Handler) -> None:
        """Hand the link to `handler`, which also receives what came behind the request."""
        early = self._reader.trailing if self._reader is not None else b""
        self._reader = None
        self._owner.timers.cancel(self.link)
        self.link.handler = handler
        if early:
            handler.received(memoryview(early))

    # ---- from the link ----

    def received(self, data: memoryview) -> None:
        """Bytes of a request, or of several."""
        piece = bytes(data)
        if self._reader is None:
            if not self._busy and self._routes.again(self, piece):
                return
            request = None if self._busy else whole_request(piece, self._limits)
            if request is not None:
                self._serve(request)
                return
            self.said = 0
            self._reader = RequestReader(self._limits)
            if not self._busy:
                self._wait(self._times.request_ms)
        self._reader.receive(piece)
        if self._busy and self._reader.error is not None:
            self._routes.departed(self)
            self.fault(self._reader.status, self._reader.error.code)
        else:
            self._advance()

    def pours(self) -> None:
        """Every byte passes here."""

    def poured(self, count: int) -> None:
        """Nothing bypasses this handler."""

    def drained(self) -> None:
        """Answers are small: nothing waits for room."""

    def ended(self) -> None:
        """The peer is gone."""
        if self._busy:
            self._routes.departed(self)

    def expired(self) -> None:
        """The rest of a request, or the next one, did not come in time."""
        if self._reader is not None:
            self.fault(408, "time")
        else:
            self.link.close()

    # ---- inside ----

    def _wait(self, limit_ms: int) -> None:
        self._owner.timers.set(self.link, self._owner.now_ms() + limit_ms)

    def _advance(self) -> None:
        reader = self._reader
        if self._busy or reader is None or not self.link.is_open:
            return
        request = reader.next()
        if request is not None:
            self._serve(request)
        elif reader.error is not None:
            self.fault(reader.status, reader.error.code)

    def _serve(self, request: Request) -> None:
        if not request.keep_alive:
            self._keep, self.said = False, 0
        if self.said == _NOTHING:
            self.said = 0
        self.begin()
        self._routes.serve(self, request)


# Answers to polls are of few lengths.
@lru_cache(maxsize=128)
def _json_head(status: int, length: int) -> bytes:
    return response_head(status, _JSON, length)

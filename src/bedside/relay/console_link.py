"""The relay's side of the console: one long poll for news, one post for what is owed, EST between.

The console may be away for as long as it likes: polls are answered, splices go on, the spool keeps.
Each request carries a fresh assertion signed by the relay's own key (RFC 7519, ES256).
"""

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import cast
from urllib.parse import quote

from joserfc import jwt
from joserfc.jwk import ECKey

from bedside.protocol.batch import Batch, parse_batch_reply
from bedside.protocol.errors import ProtocolError
from bedside.protocol.feed import MAX_FEED, FeedReply, parse_feed
from bedside.protocol.http import HttpLimits, Response, ResponseReader, request
from bedside.relay.clock import wall_ms
from bedside.relay.log import Log
from bedside.relay.owed import Owed
from bedside.vocabulary import RelayName

__all__ = [
    "Assertions",
    "ConsoleError",
    "ConsoleIdentity",
    "ConsoleLink",
    "ConsolePlace",
    "HttpClient",
    "LinkTimes",
]

_WAIT_S = 25
_LIMITS = HttpLimits(body=MAX_FEED)


class ConsoleError(ConnectionError):
    """The console could not be asked, or its answer was not one."""


@dataclass(frozen=True, slots=True)
class ConsolePlace:
    """Where the console's live process is, and the name its certificate must carry."""

    host: str
    port: int
    server_name: str


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """How long to wait for the console (`relay.config` says the defaults)."""

    answer_ms: int = 10_000
    retry_ms: int = 500
    retry_most_ms: int = 30_000


class Assertions:
    """Signs who asks: short-lived, for this console only, each used once.

    It says besides when the certificate that the relay shows to devices runs out, where that is given.
    """

    def __init__(
        self, relay: RelayName, key_file: Path, *, certificate_ends_ms: int | None = None
    ) -> None:
        self._relay = relay
        self._key = ECKey.import_key(key_file.read_bytes())
        self._more = {} if certificate_ends_ms is None else {"crt": certificate_ends_ms // 1000}

    def header(self) -> Mapping[str, str]:
        """Return a fresh Authorization header."""
        now = wall_ms() // 1000
        claims = {
            "iss": self._relay,
            "aud": "bedside-live",
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(16),
            **self._more,
        }
        token = jwt.encode({"alg": "ES256"}, claims, self._key, algorithms=["ES256"])
        return {"authorization": f"Bearer {token}"}


@dataclass(frozen=True, slots=True)
class ConsoleIdentity:
    """Whom the console must prove to be, and how this relay proves itself."""

    context: ssl.SSLContext
    assertions: Assertions


class HttpClient:
    """One keep-alive connection to the console; a broken one is replaced at the next request.

    Args:
        place: where the console is.
        identity: gives the identity of the moment; a connection that is open stays.
    """

    def __init__(self, place: ConsolePlace, identity: Callable[[], ConsoleIdentity]) -> None:
        self._place = place
        self._identity = identity
        self._connection: _Connection | None = None

    async def ask(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> Response:
        """Return the console's answer, whatever its status; raises ConsoleError."""
        host = f"{self._place.server_name}:{self._place.port}"
        proof = self._identity().assertions.header()
        sent = request(method, target, host, {**proof, **(headers or {})}, body)
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._connect()
                answer = await connection.exchange(sent)
        except (OSError, TimeoutError) as error:
            self.close()
            raise ConsoleError(f"{type(error).__name__}: {error}") from error
        except BaseException:
            self.close()
            raise
        if not answer.keep_alive:
            self.close()
        return answer

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connect(self) -> "_Connection":
        if self._connection is None or self._connection.is_lost:
            place = self._place
            _, self._connection = await asyncio.get_running_loop().create_connection(
                _Connection,
                place.host,
                place.port,
                ssl=self._identity().context,
                server_hostname=place.server_name,
            )
        return self._connection


class _Connection(asyncio.Protocol):
    """One request at a time, and its answer."""

    def __init__(self) -> None:
        self.is_lost = False
        self._transport: asyncio.Transport | None = None
        self._reader = ResponseReader(_LIMITS)
        self._answer: asyncio.Future[Response] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.receive(data)
        answer = self._reader.next()
        if answer is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
        elif self._reader.error is not None:
            self._fail(ConsoleError(str(self._reader.error)))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._fail(exc or ConsoleError("the console closed the connection"))

    async def exchange(self, sent: bytes) -> Response:
        """Return the answer to one request; raises OSError."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(sent)
        return await self._answer

    def close(self) -> None:
        """Close now; nothing is owed on this connection."""
        self.is_lost = True
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class ConsoleLink:
    """Two loops that never end by themselves: news in, what is owed out."""

    def __init__(
        self,
        relay: RelayName,
        client: Callable[[], HttpClient],
        owed: Owed,
        *,
        apply: Callable[[FeedReply], None],
        log: Log,
        times: LinkTimes,
        random: Random,
    ) -> None:
        self._relay = relay
        self._client = client
        self._owed = owed
        self._apply = apply
        self._log = log
        self._times = times
        self._random = random
        self._news_to_post = asyncio.Event()
        self.connected = False
        self.heard_ms: int | None = None
        """When the console last answered the feed (Unix milliseconds)."""

    def owes(self) -> None:
        """Something waits to be posted."""
        self._news_to_post.set()

    async def follow_feed(self) -> None:
        """Ask for news for ever; the first answer, and any after a gap, is a snapshot."""
        cursor, failures = "", 0
        with contextlib.closing(self._client()) as client:
            while True:
                try:
                    reply = await self._news(client, cursor)
                except (ConsoleError, ProtocolError) as error:
                    self._say("console_lost", failures, error)
                    failures += 1
                    await self._pause(failures)
                    continue
                if not self.connected:
                    count = len(reply.events)
                    self._log("console_connected", snapshot=reply.snapshot, events=count)
                self.connected, failures, cursor = True, 0, reply.cursor
                self.heard_ms = wall_ms()
                self._apply(reply)

    async def post_batches(self) -> None:
        """Post what is owed, in order, for ever."""
        failures = 0
        with contextlib.closing(self._client()) as client:
            while True:
                await self._news_to_post.wait()
                self._news_to_post.clear()
                while self._owed:
                    try:
                        await self._post(client)
                        failures = 0
                    except (ConsoleError, ProtocolError) as error:
                        self._say("batch_failed", failures, error)
                        failures += 1
                        await self._pause(failures)

    async def flush(self, timeout_s: float) -> bool:
        """Try to post all that is owed before the relay stops; False when some of it is left."""
        with (
            contextlib.closing(self._client()) as client,
            contextlib.suppress(ConsoleError, ProtocolError, TimeoutError),
        ):
            async with asyncio.timeout(timeout_s):
                while self._owed:
                    await self._post(client)
        return not self._owed

    async def _news(self, client: HttpClient, cursor: str) -> FeedReply:
        # The first answer after a loss comes at once: whoever looks at `connected` knows it soon.
        wait_s = _WAIT_S if self.connected else 0
        target = f"/relay/feed?cursor={quote(cursor, safe='')}&wait_s={wait_s}"
        limit_s = wait_s + self._times.answer_ms / 1000
        answer = await client.ask("GET", target, timeout_s=limit_s)
        if answer.status != 200:
            raise ConsoleError(_status_words(answer.status))
        return parse_feed(answer.body)

    async def _post(self, client: HttpClient) -> None:
        out = self._owed.batch()
        if out is None:
            return
        body = Batch(
            relay=self._relay,
            boot=out.boot,
            first=out.first,
            sequence=out.sequence,
            events=out.events,
        ).to_json()
        headers = {"content-type": "application/json"}
        limit_s = self._times.answer_ms / 1000
        answer = await client.ask(
            "POST", "/relay/batch", body=body, headers=headers, timeout_s=limit_s
        )
        if answer.status != 200:
            raise ConsoleError(_status_words(answer.status))
        self._owed.acknowledge(out.boot, parse_batch_reply(answer.body).sequence)

    async def _pause(self, failures: int) -> None:
        """Back off with full jitter: relays must not return to a console in step."""
        most = min(self._times.retry_ms * 2**failures, self._times.retry_most_ms)
        await asyncio.sleep(self._random.uniform(0, most) / 1000)

    def _say(self, event: str, failures: int, error: Exception) -> None:
        self.connected = False
        if failures.bit_count() <= 1:  # the first, second, fourth, eighth ... time
            self._log(
                event,
                level="warning",
                failures=failures + 1,
                error=str(error),
                owed=len(self._owed),
            )


def _status_words(status: int) -> str:
    if status != 401:
        return f"status {status}"
    return (
        "status 401: the console refuses this relay's proof. Either it does not know the relay by this "
        "key (bring it the key that `bedside console add-relay` made last), or the relay was retired, "
        "or a clock is wrong by ten minutes"
    )

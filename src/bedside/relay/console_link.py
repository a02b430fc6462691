"""The relay's side of the console: one long poll for news, one post for what is owed, EST between.

The console may be away for as long as it likes: polls are answered, splices go on, the spool keeps.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from bedside.protocol.batch import Batch, parse_batch_reply
from bedside.protocol.errors import ProtocolError
from bedside.protocol.feed import FeedReply, LoneMessage, parse_feed, read_lone_message
from bedside.protocol.http import Response
from bedside.relay.clock import wall_ms
from bedside.relay.console_client import HttpClient, Question
from bedside.relay.console_line import ConsoleError
from bedside.relay.log import Log
from bedside.relay.owed import Owed
from bedside.vocabulary import RelayName

__all__ = ["ConsoleLink", "LinkTimes"]

_WAIT_S = 25


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """How long to wait for the console (`relay.config` says the defaults)."""

    answer_ms: int = 10_000
    retry_ms: int = 500
    retry_most_ms: int = 30_000


class ConsoleLink:
    """Two loops that never end by themselves: news in, what is owed out."""

    def __init__(
        self,
        relay: RelayName,
        client: Callable[[], HttpClient],
        owed: Owed,
        *,
        hand_on: Callable[[LoneMessage], None],
        apply: Callable[[FeedReply], None],
        log: Log,
        times: LinkTimes,
        random: Random,
    ) -> None:
        self._relay = relay
        self._client = client
        self._owed = owed
        self._hand_on, self._apply = hand_on, apply
        self._log = log
        self._times = times
        self._random = random
        self._news_to_post = asyncio.Event()
        self._cursor = ""
        self._unheard = 0
        """Times that the feed failed since it was last heard."""
        self.connected = False
        self.heard_ms: int | None = None
        """When the console last answered the feed (Unix milliseconds)."""

    def owes(self) -> None:
        """Something waits to be posted."""
        self._news_to_post.set()

    async def follow_feed(self) -> None:
        """Ask for news for ever; the first answer, and any after a gap, is a snapshot."""
        with contextlib.closing(self._client()) as client:
            while True:
                try:
                    await client.follow(self._next_news, self._hear)
                except (ConsoleError, ProtocolError) as error:
                    self._say("console_lost", self._unheard, error)
                    self._unheard += 1
                    await self._pause(self._unheard)

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

    def _next_news(self) -> Question:
        # The first answer after a loss comes at once: whoever looks at `connected` knows it soon.
        wait_s = _WAIT_S if self.connected else 0
        cursor = quote(self._cursor, safe="")
        target = f"/relay/feed?cursor={cursor}&wait_s={wait_s}&boot={self._owed.boot}"
        return Question(target, wait_s + self._times.answer_ms / 1000)

    def _hear(self, answer: Response) -> None:
        """Take in news; a message that comes alone is on its way at once. Raises ConsoleError, ProtocolError."""
        if answer.status != 200:
            raise ConsoleError(_status_words(answer.status))
        lone = read_lone_message(answer.body)
        if lone is not None:
            self._hand_on(lone)
            self._heard(lone.cursor, snapshot=False, events=1)
        else:
            reply = parse_feed(answer.body)
            self._apply(reply)
            self._heard(reply.cursor, snapshot=reply.snapshot, events=len(reply.events))

    def _heard(self, cursor: str, *, snapshot: bool, events: int) -> None:
        was_connected, self.connected = self.connected, True
        self._unheard, self._cursor = 0, cursor
        self.heard_ms = wall_ms()
        if not was_connected:
            self._log("console_connected", snapshot=snapshot, events=events)

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

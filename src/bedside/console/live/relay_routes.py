"""What relays ask: news, a place for what they owe, and EST (`docs/protocol/feed.md`, `batch.md`)."""

import logging
import re
import time
from urllib.parse import parse_qs, urlsplit

from bedside.console.journal.actions import now_ms
from bedside.console.live.assertions import AssertionRefusedError, check_assertion
from bedside.console.live.batches import do_apply_batch
from bedside.console.live.database import Database
from bedside.console.live.est import Carried, answer_est
from bedside.console.live.server import Reply
from bedside.console.live.watch import Watch
from bedside.console.log import told
from bedside.console.relays.actions import do_note_begun
from bedside.console.relays.queries import feed_since
from bedside.protocol.batch import BatchReply, parse_batch
from bedside.protocol.errors import ProtocolError
from bedside.protocol.feed import FeedReply
from bedside.protocol.http import Request
from bedside.vocabulary import RelayName

__all__ = ["RelayRoutes"]

_log = logging.getLogger("bedside.live")
_MAX_WAIT_S = 60
_MAX_CURSOR = 200
_BOOT = re.compile(r"[0-9a-f]{32}")
_JSON = {"content-type": "application/json"}


class RelayRoutes:
    """Answers relays; every request proves its relay first, whatever it asks."""

    def __init__(self, database: Database, watch: Watch) -> None:
        self._database = database
        self._watch = watch

    async def __call__(self, request: Request, address: str) -> Reply:
        """Answer one request."""
        try:
            relay = await self._database.run(
                check_assertion, request.headers.get("authorization", ""), now=now_ms()
            )
        except AssertionRefusedError as error:
            _warn(error, address)
            return Reply(401, headers={"www-authenticate": "Bearer"})
        url = urlsplit(request.target)
        if (request.method, url.path) == ("GET", "/relay/feed"):
            return await self._feed(relay, url.query)
        if (request.method, url.path) == ("POST", "/relay/batch"):
            return await self._batch(relay, request.body)
        verb = url.path.removeprefix("/relay/est/")
        if request.method == "POST" and verb != url.path:
            return await self._est(verb, request)
        return Reply(404)

    async def _feed(self, relay: RelayName, query: str) -> Reply:
        try:
            cursor, wait_s, boot = _feed_query(query)
        except ValueError:
            return Reply(400)
        if not cursor:
            await self._database.run(do_note_begun, relay, boot)
        deadline = time.monotonic() + wait_s
        while True:
            reply = await self._database.run(feed_since, relay, cursor, now=now_ms())
            left_s = deadline - time.monotonic()
            if reply.events or reply.snapshot or left_s <= 0 or not _at_head(reply):
                return Reply(200, reply.to_json(), _JSON)
            cursor = reply.cursor
            if not await self._watch.feed_beyond(int(cursor), timeout_s=left_s):
                return Reply(200, reply.to_json(), _JSON)

    async def _batch(self, relay: RelayName, body: bytes) -> Reply:
        try:
            batch = parse_batch(body)
        except ProtocolError as error:
            _log.warning(
                "a batch of relay %s was refused: %s",
                relay,
                error,
                extra=told("batch_refused", relay=relay, reason=str(error)),
            )
            return Reply(400)
        if batch.relay != relay:
            return Reply(403)
        applied = await self._database.run(do_apply_batch, relay, batch, now=now_ms())
        self._watch.nudge()
        self._watch.devices_changed(applied.devices)
        return Reply(200, BatchReply(sequence=applied.sequence).to_json(), _JSON)

    async def _est(self, verb: str, request: Request) -> Reply:
        headers = request.headers
        carried = Carried(
            address=headers.get("bedside-address", "")[:64],
            peer=headers.get("bedside-peer", ""),
            serial=headers.get("bedside-peer-serial", ""),
        )
        reply = await self._database.run(answer_est, verb, request.body, carried, now=now_ms())
        self._watch.nudge()
        return reply


def _feed_query(query: str) -> tuple[str, float, str]:
    values = parse_qs(query, keep_blank_values=True, max_num_fields=4)
    cursor = values.get("cursor", [""])[-1]
    wait_s = float(values.get("wait_s", ["0"])[-1])
    if len(cursor) > _MAX_CURSOR or not 0 <= wait_s <= _MAX_WAIT_S:
        raise ValueError("cursor or wait_s is out of range")
    boot = values.get("boot", [""])[-1]
    if boot and not _BOOT.fullmatch(boot):
        raise ValueError("boot is no name of a run")
    return cursor, wait_s, boot


def _at_head(reply: FeedReply) -> bool:
    return "." not in reply.cursor


def _warn(error: AssertionRefusedError, address: str) -> None:
    fields = {"address": address, "reason": str(error)}
    if error.relay is None:
        fields_told = told("relay_refused", **fields)
        _log.warning("a request from %s was refused: %s", address, error, extra=fields_told)
        return
    _log.warning(
        "relay %s at %s is refused: its assertion is signed by another key than the one by which the "
        "console knows it",
        error.relay,
        address,
        extra=told("relay_refused", **fields, relay=error.relay),
    )

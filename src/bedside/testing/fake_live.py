"""The console's live process, as a relay sees it: real TLS, a feed that tests write, batches kept.

It checks what the real one checks: the assertion's signature, audience, age and single use, and that
a batch brings nothing twice. Everything else is the test's to say.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bedside.pki.contexts import console_server_context
from bedside.protocol.batch import BatchReply, RelayEvent, parse_batch
from bedside.protocol.feed import Event, FeedReply
from bedside.protocol.http import HttpLimits, Request, RequestReader, response
from bedside.testing.certificates import Credentials
from bedside.testing.streams import Stream

__all__ = ["FakeLive"]

_WAIT_S = 60


class FakeLive:
    """An HTTPS server that plays the console's live process for any number of relays."""

    def __init__(self, credentials: Credentials, server_name: str) -> None:
        self.server_name = server_name
        self.port = 0
        self.received: list[RelayEvent] = []
        self.enrolments: list[tuple[str, dict[str, str], bytes]] = []
        self.est_answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
        self.answer_est: Callable[[str, bytes], tuple[int, dict[str, str], bytes]] | None = None
        self.est_pause_s = 0.0
        self.feeds = 0
        self.runs: set[tuple[str, str]] = set()
        """The relays that asked for the feed, each with the name of the run that asked."""
        self.lose_batch_answers = 0
        """How many batches are taken in without an answer: the connection closes instead."""
        self.last_answers = 0
        """How many answers to batches say that they are the last of their connection."""
        self._context = console_server_context(
            credentials.certificate, credentials.key, server_name=server_name
        )
        self._events: list[Event] = []
        self._epoch = 0
        self._relays: dict[str, ECKey] = {}
        self._used: set[str] = set()
        self._sequences: dict[tuple[str, str], int] = {}
        self._changed = asyncio.Condition()
        self._open: dict[asyncio.Task[None], tuple[socket.socket, Stream]] = {}
        self._listener: socket.socket | None = None

    # ---- for tests ----

    def know(self, relay: str, certificate: Path) -> None:
        """Accept assertions that this relay's key signed."""
        public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
        pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._relays[relay] = ECKey.import_key(pem)

    async def start(self) -> None:
        """Listen: on a free port the first time, on the same one again after `stop`."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def stop(self) -> None:
        """Be away: close everything, keep what was received."""
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        tasks = list(self._open)
        for task, (sock, stream) in self._open.items():
            if stream.transport is not None:
                task.cancel()
            else:  # a handshake that is cancelled before it began would go on
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def push(self, *events: Event) -> None:
        """Put news into the feed."""
        async with self._changed:
            self._events += events
            self._changed.notify_all()

    async def reset(self, *events: Event) -> None:
        """Forget the feed's past: the next answer is a snapshot of these events."""
        async with self._changed:
            self._epoch += 1
            self._events = list(events)
            self._changed.notify_all()

    async def wait_for(self, wanted: Callable[[RelayEvent], Any]) -> RelayEvent:
        """Return the first event received for which `wanted` is true; TimeoutError after a minute."""
        async with asyncio.timeout(_WAIT_S), self._changed:
            while True:
                for event in self.received:
                    if wanted(event):
                        return event
                await self._changed.wait()

    async def wait_for_feeds(self, count: int) -> None:
        """Return once the feed was asked for so often; TimeoutError after a minute."""
        async with asyncio.timeout(_WAIT_S), self._changed:
            await self._changed.wait_for(lambda: self.feeds >= count)

    @property
    def told_by(self) -> set[tuple[str, str]]:
        """The relays that told anything, each with the runs whose events it told."""
        return set(self._sequences)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return sum(not stream.is_closed for _, stream in self._open.values())

    # ---- HTTP ----

    # asyncio's own server leaves a connection open that it accepts in the turn in which it is closed,
    # and does not know those that are in their handshake.
    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        stream = Stream()
        task = asyncio.get_running_loop().create_task(self._serve(sock, stream))
        self._open[task] = sock, stream
        task.add_done_callback(self._open.pop)

    async def _serve(self, sock: socket.socket, stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: stream, sock, ssl=self._context)
            await self._converse(stream)
        except OSError:  # no handshake: asyncio closed the socket
            return
        finally:
            if stream.transport is not None:
                stream.abort()
                await stream.rest()

    async def _converse(self, stream: Stream) -> None:
        requests = RequestReader(HttpLimits(body=8 * 1024 * 1024))
        while data := await _next(stream):
            requests.receive(data)
            while (request := requests.next()) is not None:
                answer = await self._answer(request)
                if self.lose_batch_answers and request.target == "/relay/batch":
                    self.lose_batch_answers -= 1
                    return
                if stream.is_closed:
                    return
                stream.send(answer)

    async def _answer(self, request: Request) -> bytes:
        relay = self._authenticate(request.headers.get("authorization", ""))
        if relay is None:
            return response(401, {})
        url = urlsplit(request.target)
        if (request.method, url.path) == ("GET", "/relay/feed"):
            query = parse_qs(url.query, keep_blank_values=True)
            self.runs.add((relay, query["boot"][0]))
            return await self._feed(query["cursor"][0], int(query["wait_s"][0]))
        if (request.method, url.path) == ("POST", "/relay/batch"):
            return await self._batch(request.body)
        if request.method == "POST" and url.path.startswith("/relay/est/"):
            verb = url.path.removeprefix("/relay/est/")
            self.enrolments.append((verb, dict(request.headers), request.body))
            if self.answer_est is not None:
                return response(*self.answer_est(verb, request.body))
            await asyncio.sleep(self.est_pause_s)
            return response(*self.est_answer)
        return response(404, {})

    def _authenticate(self, header: str) -> str | None:
        scheme, _, token = header.partition(" ")
        now = int(time.time())
        for relay, key in self._relays.items():
            try:
                claims = jwt.decode(token, key, algorithms=["ES256"]).claims
            except (JoseError, ValueError):
                continue
            young = now - 60 <= claims["iat"] <= now + 1 and claims["exp"] <= claims["iat"] + 60
            fresh = claims["jti"] not in self._used
            meant = claims["iss"] == relay and claims["aud"] == "bedside-live"
            if scheme == "Bearer" and young and fresh and meant:
                self._used.add(claims["jti"])
                return relay
        return None

    async def _feed(self, cursor: str, wait_s: int) -> bytes:
        async with self._changed:
            self.feeds += 1
            self._changed.notify_all()
            epoch, _, seen = cursor.partition(".")
            snapshot = not seen or int(epoch) != self._epoch
            if not snapshot:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait_for(
                            lambda: int(epoch) != self._epoch or len(self._events) > int(seen)
                        )
                snapshot = int(epoch) != self._epoch
            events = self._events if snapshot else self._events[int(seen) :]
            position = f"{self._epoch}.{len(self._events)}"
            reply = FeedReply(cursor=position, snapshot=snapshot, events=tuple(events))
        return response(200, {"content-type": "application/json"}, reply.to_json())

    async def _batch(self, body: bytes) -> bytes:
        batch = parse_batch(body)
        key = (batch.relay, batch.boot)
        last = self._sequences.get(key, 0)
        if batch.first > last:
            last = self._sequences[key] = batch.sequence
            async with self._changed:
                self.received += batch.events
                self._changed.notify_all()
        answer = BatchReply(sequence=last).to_json()
        headers = {"content-type": "application/json"}
        if self.last_answers:
            self.last_answers -= 1
            headers["connection"] = "close"
        return response(200, headers, answer)


async def _next(stream: Stream) -> bytes:
    """Return what comes next; a relay may be silent for as long as it likes."""
    while True:
        with contextlib.suppress(TimeoutError):
            return await stream.some()

"""Orders that nobody gave, so that the next one finds its way warm.

An order comes once in a while, and what it passes has left the processor's caches by then: it takes
four times as long as when it passes again and again (docs/rfd, 8). So a relay with a fleet plays one
to itself: a console that is none says an order to a device that is none, over the same TLS, through
the same calls, up to the bytes that leave. Nothing of it meets a device, the console or the network:
both are the far ends of socket pairs in this process, and no other is told.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from bedside.protocol.feed import FeedReply, MessageOffered, read_lone_message
from bedside.protocol.http import HttpLimits, Request, Response, request, response
from bedside.protocol.poll import PollRequest
from bedside.protocol.shapes import JournalHead
from bedside.relay.clock import wall_ms
from bedside.relay.connection import HttpConnection, HttpTimes
from bedside.relay.console_line import ConsoleLine
from bedside.relay.polls import PollLimits, Polls
from bedside.relay.roles import Driver
from bedside.vocabulary import Activity, DeviceId, Gate, MessageKind, PollMode

__all__ = ["FLEET", "Rehearsal", "SelfContexts"]

FLEET = 1_000
"""Polls that are held at once where an order's way is worth a tenth of a core."""
_LOOK_S = 1.0
_BUSY_READS = 16
_DEVICE = DeviceId("SELF-1")
_MESSAGE = "00000000000000000000000000"
_SEALED_BYTES = 1024
_SAID = 1
_NEVER_MS = 10**15 - 1
_PACE = 60_000
_ROUNDS = 16
_TIMEOUT_S = 60
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class SelfContexts:
    """By which the relay shakes hands with itself."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    server_name: str


class _NoRoutes:
    """The device that is none asks nothing."""

    def serve(self, connection: HttpConnection, request: Request) -> None:
        """Nothing comes."""
        del request
        connection.refuse(403, Gate.CERTIFICATE)

    def again(self, connection: HttpConnection, piece: bytes) -> bool:
        """Nothing comes."""
        del connection, piece
        return False

    def departed(self, connection: HttpConnection) -> None:
        """Nobody waits for it."""


class Rehearsal:
    """Plays orders to the relay itself, in quiet moments.

    Args:
        driver: whose loop, timers and room for a record the ways use.
        limits: of the polls.
        times: of a connection.
        contexts: gives the TLS contexts of the moment. May raise OSError, ValueError.
        every_ms: between two orders.
        held: says how many polls are held; with fewer than `FLEET` nothing is played.
    """

    def __init__(
        self,
        driver: Driver,
        limits: PollLimits,
        times: HttpTimes,
        *,
        contexts: Callable[[], SelfContexts],
        every_ms: int,
        held: Callable[[], int],
    ) -> None:
        self._driver = driver
        self._limits = replace(limits, polls_per_minute=_PACE)
        self._times = times
        self._contexts = contexts
        self._every_s = every_ms / 1000
        self._held = held
        self.played = 0
        """Orders that came to the end of their way."""

    async def run(self) -> None:
        """Play for ever. What cannot be, as with a certificate that ran out, is tried again."""
        while True:
            if self._held() >= FLEET:
                with contextlib.suppress(OSError, ValueError):
                    await self._play()
            await asyncio.sleep(_LOOK_S)

    async def _play(self) -> None:
        """Play until a way is broken or the fleet has left. Raises OSError, ValueError."""
        contexts = self._contexts()
        with contextlib.ExitStack() as stack:
            console, asking = await self._way(stack, contexts, to_us=False)
            device, answering = await self._way(stack, contexts, to_us=True)
            stage = _Stage(asking, answering, self._limits, self._times)
            stage.ask()
            reads = self._driver.reads
            before = reads.count
            while not (asking.is_lost or answering.is_lost) and self._held() >= FLEET:
                await asyncio.sleep(self._every_s)
                # Whoever has much to do is warm, and has no time.
                if reads.count - before < _BUSY_READS:
                    _empty(device)
                    _empty(console)
                    stage.hold()
                    console.send(_ORDER)
                before = reads.count
                self.played += stage.take_played()

    async def _way(
        self, stack: contextlib.ExitStack, contexts: SelfContexts, *, to_us: bool
    ) -> tuple[ssl.SSLSocket, ConsoleLine]:
        """Return the far end of a new way, and the line that has ours; `to_us` we are its server."""
        server, client = _pair(contexts)
        ours, far = (server, client) if to_us else (client, server)
        line = ConsoleLine(self._driver)
        stack.callback(far.close)
        stack.callback(line.close)
        await line.begin(ours, "")
        return far, line


class _Stage:
    """One order's way: from the line to the console to the connection of the device that is none."""

    def __init__(
        self, asking: ConsoleLine, answering: ConsoleLine, limits: PollLimits, times: HttpTimes
    ) -> None:
        self._asking = asking
        self._polls = Polls(limits, Random(0), now_ms=wall_ms())  # noqa: S311  # spreads nothing
        self._connection = HttpConnection(
            answering.link, answering, _NoRoutes(), limits=HttpLimits(), times=times
        )
        self._polls.poll(self._connection, _DEVICE, _POLL, address="", now_ms=wall_ms(), said=_SAID)
        self._played = 0

    def hold(self) -> None:
        """The device polls again, as its words of before say."""
        self._connection.begin()
        self._polls.again(self._connection, _DEVICE, _SAID, address="", now_ms=wall_ms())

    def ask(self) -> None:
        """Ask the console that is none for its next order."""
        self._asking.ask(_question(), self._hear, timeout_s=_TIMEOUT_S)

    def take_played(self) -> int:
        """Return how many came to their end since it was asked."""
        played, self._played = self._played, 0
        return played

    def _hear(self, answer: Response | OSError) -> None:
        if isinstance(answer, OSError):
            return  # the line says that it is lost
        lone = read_lone_message(answer.body)
        reply = None if lone is None else self._polls.hand_on(lone, wall_ms())
        if reply is not None:
            self._connection.answer(200, reply.body)
            self._played += 1
        self.ask()


def _pair(contexts: SelfContexts) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Return the two ends of a TLS connection within this process. Raises OSError."""
    with contextlib.ExitStack() as undo:
        ours, theirs = (undo.enter_context(end) for end in socket.socketpair())
        ours.setblocking(False)
        theirs.setblocking(False)
        server = undo.enter_context(
            contexts.server.wrap_socket(ours, server_side=True, do_handshake_on_connect=False)
        )
        client = undo.enter_context(
            contexts.client.wrap_socket(
                theirs, server_hostname=contexts.server_name, do_handshake_on_connect=False
            )
        )
        for _ in range(_ROUNDS):
            if all([_shaken(client), _shaken(server)]):
                undo.pop_all()
                return server, client
    raise TimeoutError("no handshake with oneself")


def _shaken(end: ssl.SSLSocket) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _empty(far: ssl.SSLSocket) -> None:
    """Take away what was said to the far end; nobody reads it."""
    with contextlib.suppress(BlockingIOError):
        os.read(far.fileno(), _PIECE)


def _question() -> bytes:
    return request("GET", "/relay/feed?cursor=0&wait_s=25&boot=0", "self:1", _PROOF, None)


# As long as what it stands for.
_PROOF = {"authorization": "Bearer " + "0" * 320}
_POLL = PollRequest(
    instance="0" * 32,
    sequence=0,
    mode=PollMode.HELD,
    acks=(),
    activity=Activity.IDLE,
    journal=JournalHead(size=0, head="0" * 64),
    version="0",
    configuration=0,
)
_ORDER = response(
    200,
    {"content-type": "application/json"},
    FeedReply(
        cursor="0",
        snapshot=False,
        events=(
            MessageOffered(
                device=_DEVICE,
                id=_MESSAGE,
                message_kind=MessageKind.ORDER,
                sealed=bytes(_SEALED_BYTES),
                expires_ms=_NEVER_MS,
            ),
        ),
    ).to_json(),
)

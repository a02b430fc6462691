"""Orders that nobody gave, so that the next one finds its way warm.

An order comes once in a while, and what it passes has left the processor's caches by then: it takes
four times as long as when it passes again and again (docs/rfd, 8). So a relay with a fleet plays one
to itself: a console that is none says an order to a device that is none, over the same TLS, through
the same calls, up to the bytes that leave. Nothing of it meets a device, the console or the network:
both are the far ends of socket pairs in this process, and no other is told.

More records may pass under one key than RFC 8446, 5.5 allows: the bound keeps secrets, and what is
said here are zeros.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import time
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
from bedside.relay.link import Link
from bedside.relay.log import Log
from bedside.relay.polls import PollLimits, Polls
from bedside.relay.roles import Driver
from bedside.vocabulary import Activity, DeviceId, Gate, MessageKind, PollMode

__all__ = ["FLEET", "STAYS", "Rehearsal", "SelfContexts"]

FLEET = 1_000
"""Polls that are held at once where an order's way is worth a tenth of a core."""
STAYS = 750
"""With fewer it plays no more: a device that is between two polls is not held."""
_LOOK_S = 1.0
"""How often it looks for a fleet, or tries again what failed."""
_LOOK_MOST_S = 60.0
"""The same, after it failed again and again."""
_BUSY = 0.5
"""Share of its core above which a relay has no time: its way is warm as it is."""
_LATE_S = 0.003
"""Behind its time, where others had the loop meanwhile, or the core."""
_FOREVER_MS = 10**12
_DEVICE = DeviceId("SELF-1")
_MESSAGE = "00000000000000000000000000"
_SEALED_BYTES = 1024
_SAID = 1
"""Stands for the words of the device that is none."""
_NEVER_MS = 10**15 - 1
_PACE = 60_000
"""Polls a minute: nothing of what is played waits for its turn."""
_ROUNDS = 16
"""Of a handshake, at most; it takes three."""


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


class _Pauses:
    """Moments between which a relay does what it is there for."""

    def __init__(self) -> None:
        self._used, self._at = time.thread_time(), time.monotonic()

    async def over(self, seconds: float) -> bool:
        """Wait so long; whether there is time then: the relay had little to do since the last one."""
        due = time.monotonic() + seconds
        await asyncio.sleep(seconds)
        used, at = time.thread_time(), time.monotonic()
        is_busy = used - self._used > (at - self._at) * _BUSY
        self._used, self._at = used, at
        return not is_busy and at - due < _LATE_S


class Rehearsal:
    """Plays orders to the relay itself, while it has time.

    Args:
        driver: whose loop, timers and room for a record the ways use.
        limits: of the polls.
        contexts: gives the TLS contexts of the moment.
        every_ms: between two orders.
        held: says how many polls are held (`FLEET`, `STAYS`).
        log: has a line for the first, second, fourth, eighth ... time in turn that it fails.
    """

    def __init__(
        self,
        driver: Driver,
        limits: PollLimits,
        *,
        contexts: Callable[[], SelfContexts],
        every_ms: int,
        held: Callable[[], int],
        log: Log,
    ) -> None:
        self._driver = driver
        self._limits = replace(limits, polls_per_minute=_PACE)
        self._contexts = contexts
        self._every_s = every_ms / 1000
        self._held = held
        self._log = log
        self._pauses = _Pauses()
        self.played = 0
        """Orders that came to the end of their way."""

    async def run(self) -> None:
        """Play for ever. Whatever fails costs its warmth and nobody anything else: it is tried again."""
        failures = 0
        while True:
            pause_s = min(_LOOK_S * 2 ** min(failures, 10), _LOOK_MOST_S)
            if await self._pauses.over(pause_s) and self._held() >= FLEET:
                began_ms = self._driver.now_ms()
                try:
                    await self._play()
                    failures = 0
                except Exception as error:  # noqa: BLE001  # no fault of these may stop a relay
                    lasted_s = (self._driver.now_ms() - began_ms) / 1000
                    failures = 1 if lasted_s > _LOOK_MOST_S else failures + 1
                    if failures.bit_count() == 1:
                        words = f"{type(error).__name__}: {error}"
                        self._log(
                            "rehearsal_failed", level="warning", failures=failures, error=words
                        )

    async def _play(self) -> None:
        """Play until the fleet has left. Raises ConnectionError for a way that is broken, and others."""
        contexts = self._contexts()
        with contextlib.ExitStack() as stack:
            console, asking, _ = await self._way(stack, contexts, to_us=False)
            device, answering, link = await self._way(stack, contexts, to_us=True)
            connection = HttpConnection(
                link,
                answering,
                _NoRoutes(),
                limits=HttpLimits(),
                times=HttpTimes(request_ms=_FOREVER_MS, idle_ms=_FOREVER_MS),
            )
            stage = _Stage(asking, connection, self._limits, self._count)
            while self._held() >= STAYS:
                has_time = await self._pauses.over(self._every_s)
                if asking.is_lost or answering.is_lost:
                    raise ConnectionError("a way to itself broke")
                if has_time:
                    self._empty(device)
                    self._empty(console)
                    stage.hold()
                    console.send(_ORDER)

    async def _way(
        self, stack: contextlib.ExitStack, contexts: SelfContexts, *, to_us: bool
    ) -> tuple[ssl.SSLSocket, ConsoleLine, Link]:
        """Return the far end of a new way, and who owns ours with it; `to_us` we are its server.

        The device's is owned by such a line too, which knows when it is lost, and is in no count.
        """
        server, client = await _pair(contexts)
        ours, far = (server, client) if to_us else (client, server)
        line = ConsoleLine(self._driver)
        stack.callback(far.close)
        stack.callback(line.close)
        return far, line, await line.begin(ours, "")

    def _count(self) -> None:
        self.played += 1

    def _empty(self, far: ssl.SSLSocket) -> None:
        """Take away what was said to the far end; nobody reads it."""
        with contextlib.suppress(BlockingIOError):
            os.readv(far.fileno(), [self._driver.record])


class _Stage:
    """One order's way: from the line to the console to the connection of the device that is none."""

    def __init__(
        self,
        asking: ConsoleLine,
        connection: HttpConnection,
        limits: PollLimits,
        played: Callable[[], None],
    ) -> None:
        self._asking, self._connection = asking, connection
        self._polls = Polls(limits, Random(0), now_ms=wall_ms())  # noqa: S311  # spreads nothing
        self._played = played
        self._polls.poll(connection, _DEVICE, _POLL, address="", now_ms=wall_ms(), said=_SAID)
        self._ask()

    def hold(self) -> None:
        """The device polls again, as its words of before say."""
        self._connection.begin()
        self._polls.again(self._connection, _DEVICE, _SAID, address="", now_ms=wall_ms())

    def _ask(self) -> None:
        """Ask the console that is none for its next order."""
        self._asking.ask(_question(), self._hear, timeout_s=_FOREVER_MS / 1000)

    def _hear(self, answer: Response | OSError) -> None:
        if isinstance(answer, OSError):
            return  # the line says that it is lost
        lone = read_lone_message(answer.body)
        reply = None if lone is None else self._polls.hand_on(lone, wall_ms())
        if reply is not None:
            self._connection.answer(200, reply.body)
            self._played()
        self._ask()


async def _pair(contexts: SelfContexts) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Return the two ends of a TLS connection within this process. Raises OSError.

    Each round takes a millisecond or two: others have their turn in between.
    """
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
            await asyncio.sleep(0)
    raise TimeoutError("no handshake with oneself")


def _shaken(end: ssl.SSLSocket) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


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

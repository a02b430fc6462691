"""The poll: asks the relays of the rota in turn for what the console has for this device.

In `held` mode one connection stays and each answer comes when there is work or the period ends; in
`interval` mode a connection lives for one question (S13, S15). Message ids that the worker has
handled are acknowledged by the next poll; delivery is at least once until then.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedside.agent.link import Link, Target
from bedside.agent.poll_plan import PollPlan
from bedside.agent.proxy import Proxy
from bedside.agent.reactor import Reactor, Timer
from bedside.protocol.errors import ProtocolError
from bedside.protocol.http import HttpLimits, Response, ResponseReader, request
from bedside.protocol.poll import (
    MAX_HOLD_MS,
    MAX_POLL_REPLY,
    Message,
    PollReply,
    PollRequest,
    Spans,
    parse_poll_reply,
    parse_refusal,
)
from bedside.protocol.shapes import JournalHead, Relay
from bedside.vocabulary import Activity, Gate, PollMode, RelayName

__all__ = ["PollEvents", "PollState", "Poller"]

_ANSWER_GRACE_MS = 10_000
_ACK_WAIT_MS = 2_000
_MAX_REMEMBERED = 256
_ONE_BY_ONE = ("malformed", "timeout")
_LIMITS = HttpLimits(body=MAX_POLL_REPLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollState:
    """What a poll says of the device at the moment it is sent."""

    activity: Activity
    journal: JournalHead
    version: str
    configuration: int
    mode: PollMode


@dataclass(frozen=True, slots=True, kw_only=True)
class PollEvents:
    """What the supervisor hears from the poller."""

    state: Callable[[], PollState]
    message: Callable[[Message, Relay, int], None]
    answered: Callable[[Relay, int], None]
    refused: Callable[[Relay, Gate], None]
    failed: Callable[[Relay, str], None]


class Poller:
    """Polls for the life of the supervisor.

    Args:
        reactor: the loop that drives it.
        plan: where the next poll goes.
        context: gives the TLS context of the moment (the certificate may be renewed).
        events: whom to tell.
        instance: this start of the supervisor, 32 hex digits.
    """

    def __init__(
        self,
        reactor: Reactor,
        plan: PollPlan,
        context: Callable[[], ssl.SSLContext],
        *,
        events: PollEvents,
        instance: str,
        proxy: Proxy | None = None,
    ) -> None:
        self._reactor = reactor
        self._plan = plan
        self._context = context
        self._events = events
        self._instance = instance
        self._proxy = proxy
        self._sequence = 0
        self._link: Link | None = None
        self._linked: tuple[Relay, int] | None = None
        self._reader = ResponseReader(_LIMITS)
        self._timer: Timer | None = None
        self._waiting: Timer | None = None
        self._unhandled: dict[str, None] = {}
        self._acks: list[str] = []
        self._handled: dict[str, None] = {}
        self._next_in_ms = 0
        self._spans = Spans()
        self._leave_in_ms: int | None = None
        self._asked = False
        self._seen_by: set[RelayName] = set()
        """The relays that may think that it is with them: asked since one answered, and that one."""

    def start(self) -> None:
        """Poll as soon as the plan says."""
        self._schedule()

    def use_relays(self, relays: Sequence[Relay]) -> None:
        """Go on with another list of relays; a connection to one that is still there stays."""
        before = self._plan.attempt.relay
        self._plan.follow(relays, self._reactor.now_ms())
        if self._plan.attempt.relay != before:
            self.hang_up()
            self._schedule()

    def hang_up(self) -> None:
        """Close the connection and stop; `start` begins again."""
        for timer in (self._timer, self._waiting):
            if timer is not None:
                timer.cancel()
        self._timer = self._waiting = None
        self._drop()

    def handled(self, message_id: str) -> None:
        """Acknowledge a message with the next poll, and never hand it out again."""
        self._acks.append(message_id)
        self._handled[message_id] = None
        while len(self._handled) > _MAX_REMEMBERED:
            del self._handled[next(iter(self._handled))]
        self._unhandled.pop(message_id, None)
        if not self._unhandled and self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._go_on()

    def _schedule(self) -> None:
        self._set_timer(self._plan.attempt.at_ms - self._reactor.now_ms(), self._ask)

    def _set_timer(self, delay_ms: int, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.later(delay_ms, callback)

    def _ask(self) -> None:
        attempt = self._plan.attempt
        place = (attempt.relay, attempt.port)
        if self._link is not None and self._linked == place:
            self._send()
            return
        self._drop()
        self._linked = place
        self._reader = ResponseReader(_LIMITS)
        self._link = Link(
            self._reactor,
            Target(
                host=attempt.relay.host,
                port=attempt.port,
                server_name=attempt.relay.server_name,
                proxy=self._proxy,
            ),
            self._context(),
            on_open=self._send,
            on_data=self._receive,
            on_closed=self._closed,
        )

    def _send(self) -> None:
        assert self._link is not None
        assert self._linked is not None
        state = self._events.state()
        self._sequence += 1
        body = PollRequest(
            instance=self._instance,
            sequence=self._sequence,
            mode=state.mode,
            acks=tuple(self._acks[:64]),
            activity=state.activity,
            journal=state.journal,
            version=state.version,
            configuration=state.configuration,
            moved=not self._seen_by <= {self._linked[0].name},
        ).to_json()
        self._seen_by.add(self._linked[0].name)
        headers = {"content-type": "application/json"}
        limit = (MAX_HOLD_MS if state.mode is PollMode.HELD else 0) + _ANSWER_GRACE_MS
        self._asked = True
        self._plan.taken()
        # Before it is sent: a connection that breaks there sets the timer of what follows.
        self._set_timer(limit, lambda: self._fail("timeout"))
        self._link.send(request("POST", "/v1/poll", self._linked[0].server_name, headers, body))

    def _receive(self, data: bytes) -> None:
        if not self._asked:
            self._fail("malformed")
            return
        self._reader.receive(data)
        response = self._reader.next()
        if self._reader.error is not None:
            self._fail("malformed")
        elif response is not None:
            self._answer(response)

    def _answer(self, response: Response) -> None:
        assert self._linked is not None
        self._asked = False
        if self._timer is not None:
            self._timer.cancel()
        relay, port = self._linked
        try:
            if response.status != 200:
                self._turned_away(relay, response)
                return
            reply = parse_poll_reply(response.body)
        except ProtocolError:
            self._fail("malformed")
            return
        del self._acks[:64]
        self._seen_by = {relay.name}
        self._next_in_ms, self._spans = reply.next_in_ms, reply.spans
        self._leave_in_ms = reply.leave_in_ms
        self._events.answered(relay, reply.now_ms)
        if self._events.state().mode is PollMode.INTERVAL:
            self._drop()
        self._hand_out(reply, relay, port)

    def _hand_out(self, reply: PollReply, relay: Relay, port: int) -> None:
        for message in reply.messages:
            if message.id in self._handled:
                self._acks.append(message.id)
            else:
                self._unhandled[message.id] = None
                self._events.message(message, relay, port)
        if self._unhandled:
            # The next poll carries the acknowledgement, so it waits a moment for the worker.
            self._waiting = self._reactor.later(_ACK_WAIT_MS, self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._waiting = None
        # With something to acknowledge, or something refused to wait for, there is no pause.
        pause = min(self._next_in_ms, 50) if self._acks else self._next_in_ms
        self._unhandled.clear()
        if self._leave_in_ms is None:
            self._plan.answered(self._reactor.now_ms(), pause, self._spans)
        else:
            self._plan.leave(self._reactor.now_ms(), self._leave_in_ms)
        self._schedule()

    def _turned_away(self, relay: Relay, response: Response) -> None:
        refusal = parse_refusal(response.body)
        self._drop()
        self._plan.turned_away(self._reactor.now_ms(), refusal.retry_in_ms)
        self._events.refused(relay, refusal.gate)
        self._schedule()

    def _closed(self, reason: str) -> None:
        self._link = None
        if self._waiting is not None:
            return
        idle = self._timer is not None and self._plan.attempt.at_ms > self._reactor.now_ms()
        if not idle:
            self._fail(reason)

    def _fail(self, reason: str) -> None:
        relay = self._plan.attempt.relay
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._drop()
        record = self._plan.busy if reason == "busy" else self._plan.failed
        record(self._reactor.now_ms(), at_once=self._hurries(reason))
        self._events.failed(relay, reason)
        self._schedule()

    def _hurries(self, reason: str) -> bool:
        """Whether this failure is not one that a fleet shares in one moment (rule 3 of the plan).

        Devices at intervals, and those of a relay that hangs, notice one by one.
        """
        if reason in _ONE_BY_ONE:
            return True
        state = self._events.state()
        return state.mode is PollMode.INTERVAL or state.activity is not Activity.IDLE

    def _drop(self) -> None:
        self._asked = False
        if self._link is not None:
            self._link.close()
            self._link = None

"""Who polls, what waits for whom, when to answer: a pure machine, told everything, asked nothing.

Rules (docs/protocol/poll.md):
1. A held poll is answered at once when a message waits, else when its hold is over; an interval
   poll is answered at once.
2. A message is sent until it is acknowledged, expires or is withdrawn (`relay.waiting`).
3. A device's first hold, or first interval, has a random length: a fleet that came back together
   must not pulse together.
4. The console hears of a device's first poll, and of its first since it was elsewhere, of what changed
   since, of a poll that is late, of a device that is given up (`protocol.presence`), and
   once that this relay has run so long that whoever it has not told of does not poll here.
5. An instance that was superseded by another and comes back proves two live copies: it is told, and
   the device is refused until the console restores it. The first time it is answered with nothing:
   a process that has ended may have left a poll on the way, and only one that lives asks again.
6. A device has so many polls a minute, as many at once: one more is answered when its turn comes, and
   the one that it overtakes is refused.
7. Once it drains, a relay sends each device away once, with an answer that brings nothing: those
   that poll at moments spread over a span, without holding any poll longer for it, everybody who
   comes at once. Orders wait for where the device goes. Who comes back has no other relay, and is
   held. Who comes from another relay, as one that comes home does, is sent back there, and the
   console hears nothing of it. A relay that is not to stop after all sends nobody away any more.
8. A poll that says word for word what the device's last one said is served without being read.
9. A message that comes alone is sent before it is booked (`hand_on`, then `offer`) to a device whose
   poll is held and for whom nothing else waits, unless this relay drains: a person may wait for it.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from bedside.protocol.batch import (
    Absent,
    Delivered,
    Overdue,
    Presence,
    Settled,
    SupersededInstanceReturned,
)
from bedside.protocol.feed import LoneMessage, MessageOffered
from bedside.protocol.poll import (
    MAX_LEAVE_MS,
    MAX_MESSAGES,
    Message,
    PollReply,
    PollRequest,
    Spans,
    message_text,
    messages_text,
    reply_body,
    reply_ends,
)
from bedside.protocol.presence import offline_after_ms, overdue_after_ms
from bedside.relay.waiting import WaitingMessages
from bedside.relay.wheel import Wheel
from bedside.vocabulary import Contact, DeviceId, Gate, PollMode

__all__ = ["Answer", "Command", "PollLimits", "Polls", "RefusePoll", "Tell"]

_PAST_INSTANCES = 16
_UNTOLD = -1
"""No hash is this number."""
# In Python 3.11, to look a member up in its class costs what three calls cost.
_ONLINE, _OFFLINE = Contact.ONLINE, Contact.OFFLINE
_HELD, _INTERVAL = PollMode


@dataclass(frozen=True, slots=True)
class PollLimits:
    """Periods and bounds (`relay.config` says the defaults)."""

    hold_ms: int = 30_000
    interval_ms: int = 30_000
    interval_jitter_percent: int = 10
    resend_ms: int = 5_000
    refused_retry_ms: int = 60_000
    messages_per_device: int = 64
    polls_per_minute: int = 120
    spans: Spans = field(default_factory=Spans)


# ---- Commands ----


class Answer(NamedTuple):
    """Answer the poll that this connection asked, with a PollReply's JSON."""

    key: Hashable
    body: bytes


@dataclass(frozen=True, slots=True)
class RefusePoll:
    """Refuse the poll that this connection asked."""

    key: Hashable
    gate: Gate
    retry_in_ms: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Let the console know."""

    event: Presence | Overdue | Absent | Settled | Delivered | SupersededInstanceReturned


Command = Answer | RefusePoll | Tell


@dataclass(slots=True)
class _Device:
    """What is kept of a device's last poll: little, because a fleet has tens of thousands."""

    instance: str
    mode: PollMode
    state: int
    """Stands for all that the console wants to hear of (rule 4)."""
    address: str
    held: Hashable = None
    said: int = 0
    """Stands for its last poll, word for word; 0 for none (rule 8)."""
    past: tuple[str, ...] = ()
    contact: Contact = Contact.ONLINE
    pace_ms: int = 0
    """When all polls so far would have come at the even pace of rule 6."""


class Polls:
    """All devices that poll this relay, and what they are to be told."""

    def __init__(self, limits: PollLimits, random: Random, *, now_ms: int) -> None:
        self._limits = limits
        self._random = random
        self._devices: dict[DeviceId, _Device] = {}
        self._messages = WaitingMessages(
            per_device=limits.messages_per_device, resend_ms=limits.resend_ms
        )
        self._addressed = self._messages.by_device  # asked at every poll
        self._refused: dict[DeviceId, Gate] = {}
        self._doubted: dict[DeviceId, tuple[str, ...]] = {}
        """Superseded instances that came back once (rule 5)."""
        self.delayed = 0
        """Polls that had to wait for their turn (rule 6)."""
        self._holds: Wheel[DeviceId] = Wheel(20)
        self._ripe: deque[DeviceId] = deque()
        """Those whose holds are over, and who were not answered yet."""
        self._silences: Wheel[DeviceId] = Wheel(1000)
        self.draining = False
        """Whether devices are sent away (rule 7)."""
        self._leaves: dict[DeviceId, int] = {}
        """When each of those that poll is to be sent away."""
        self._told: dict[DeviceId, int] = {}
        """When each of those that were sent away was."""
        self._started_ms = now_ms
        # A device that waits as long as we dictate before it tries again is not gone for it.
        patience = max(limits.spans.lost_ms, limits.spans.retry_most_ms)
        self._settles_ms: int | None = now_ms + patience + max(map(self._offline_after, PollMode))
        # What would otherwise be found anew at each poll.
        self._late_ms = {mode: self._overdue_after(mode) for mode in PollMode}
        self._gap_ms = 60_000 // limits.polls_per_minute
        self._ends = reply_ends(limits.hold_ms, limits.spans)

    @property
    def counts(self) -> dict[str, int]:
        """Devices present, polls held and messages waiting now."""
        return {
            "devices": len(self._silences),
            "held": self.held,
            "messages": len(self._messages),
        }

    @property
    def held(self) -> int:
        """Polls that are held now."""
        return len(self._holds) + len(self._ripe)

    @property
    def untold(self) -> int:
        """Devices that poll here and were not sent away yet (rule 7)."""
        here = (each for each, known in self._devices.items() if known.contact is not _OFFLINE)
        return sum(each not in self._told for each in here)

    @property
    def waits_for_intervals(self) -> bool:
        """Whether any of these polls at intervals: it comes within one, and is sent away then."""
        return any(
            known.mode is PollMode.INTERVAL
            and known.contact is not Contact.OFFLINE
            and device not in self._told
            for device, known in self._devices.items()
        )

    def drain(self, now_ms: int, span_ms: int) -> None:
        """Send every device away within `span_ms`, from now on (rule 7)."""
        self.draining = True
        for device, known in self._devices.items():
            if known.mode is PollMode.HELD and known.contact is not Contact.OFFLINE:
                self._leaves[device] = at_ms = now_ms + self._random.randrange(span_ms + 1)
                self._holds.hasten(device, at_ms)

    def stay(self) -> None:
        """Send nobody away any more: the relay is not to stop after all."""
        self.draining = False
        self._told.clear()
        self._leaves.clear()

    # ---- from the console ----

    def hand_on(self, lone: LoneMessage, now_ms: int) -> Answer | None:
        """Answer a poll that is held with a message that is offered next, as sent to the answer's key.

        None where it would not be sent at once (rule 9).
        """
        device = lone.device
        known = self._devices.get(device)
        if (
            known is None
            or known.held is None
            or known.mode is not _HELD
            or self.draining
            or device in self._addressed
            or lone.expires_ms <= now_ms
        ):
            return None
        key, known.held = known.held, None
        self._holds.cancel(device)
        text = message_text(lone.id, lone.kind, lone.sealed)
        return Answer(key, reply_body(self._ends, text, next_in_ms=0, now_ms=now_ms))

    def offer(
        self, offered: MessageOffered, now_ms: int, *, sent_to: Hashable = None
    ) -> list[Command]:
        """A message waits for a device; a poll that is held is answered with it (rule 1).

        `sent_to` is the connection on which it was sent already (rule 9).
        """
        if not self._messages.offer(offered, now_ms, sent_to=sent_to):
            return []
        device = self._devices.get(offered.device)
        return [] if device is None else self._end_hold(offered.device, device, now_ms)

    def withdraw(self, device: DeviceId, message: str) -> None:
        """A message waits no longer."""
        self._messages.withdraw(device, message)

    def waiting(self) -> list[tuple[DeviceId, str]]:
        """Every message that waits, by device and id."""
        return self._messages.names()

    def refuse(self, device: DeviceId, gate: Gate) -> list[Command]:
        """Refuse a device's polls from now on, the held one included."""
        self._refused[device] = gate
        known = self._devices.get(device)
        if known is None or known.held is None:
            return []
        key, known.held = known.held, None
        self._holds.cancel(device)
        return [RefusePoll(key, gate, self.refused_retry())]

    def restore(self, device: DeviceId) -> None:
        """Serve a device again; which of its copies was the right one starts afresh (rule 5)."""
        self._refused.pop(device, None)
        self._doubted.pop(device, None)
        if device in self._devices:
            self._devices[device].past = ()

    def refused(self, device: DeviceId) -> Gate | None:
        """The gate by which a device is refused, or None."""
        return self._refused.get(device)

    def all_refused(self) -> frozenset[DeviceId]:
        """Every device that is refused."""
        return frozenset(self._refused)

    def tell_anew(self) -> None:
        """The console may have forgotten what it was told: each device's next poll is told (rule 4)."""
        for known in self._devices.values():
            known.state, known.said = _UNTOLD, 0

    # ---- from the devices ----

    def poll(
        self,
        key: Hashable,
        device: DeviceId,
        request: PollRequest,
        *,
        address: str,
        now_ms: int,
        said: int = 0,
    ) -> list[Command]:
        """A poll arrived on connection `key`: answer, hold or refuse it.

        `said` are its words (`protocol.poll.poll_words`), for when they come again.
        """
        if device in self._refused:
            return [RefusePoll(key, self._refused[device], self.refused_retry())]
        known = self._devices.get(device)
        if known is not None and request.instance in known.past:
            return self._find_copy(key, device, request, now_ms)
        if self.draining and request.moved and self._has_elsewhere(device, now_ms):
            return [self._send_away(device, key, request.mode, now_ms, fresh=True)]
        commands = self._acknowledge(device, request, now_ms) if request.acks else []
        wait_ms = 0
        fresh = (
            known is None or known.contact is Contact.OFFLINE or known.instance != request.instance
        )
        if known is None:
            state = _state(request)
            known = _Device(request.instance, request.mode, state, address)
            self._devices[device] = known
            commands.append(_presence(device, request, address=address, at_ms=now_ms))
        else:
            wait_ms = self._pace(known, now_ms)
            if known.held is not None:
                commands += self._let_go(device, known, now_ms, early=wait_ms > 0)
            commands += _renew(device, known, request, address=address, now_ms=now_ms)
        known.said = 0 if request.moved else said
        self._silences.set(device, now_ms + self._late_ms[request.mode])
        at_once = request.mode is PollMode.INTERVAL or self._goes(device, now_ms)
        if wait_ms:
            known.held = key
            self._holds.set(device, now_ms + wait_ms)
        elif at_once or (device in self._addressed and self._due(device, key, now_ms)):
            commands.append(self._answer(device, known, key, now_ms, fresh=fresh))
        else:
            known.held = key
            self._holds.set(device, now_ms + self._hold(device, now_ms, fresh=fresh))
        return commands

    def again(
        self, key: Hashable, device: DeviceId, said: int, *, address: str, now_ms: int
    ) -> bytes | None:
        """A poll of these words arrived: serve it as `poll` would, or None: it must be read (rule 8).

        Only where nothing is to be told or sent: returns what to answer, which is nothing for a poll
        that is held.
        """
        known = self._devices.get(device)
        if (
            known is None
            or known.said != said
            or known.address != address
            or known.held is not None
            or known.contact is not _ONLINE
            or self.draining
            or device in self._addressed
            or device in self._refused
        ):
            return None
        wait_ms = self._pace(known, now_ms)
        self._silences.set(device, now_ms + self._late_ms[known.mode])
        if not wait_ms and known.mode is _INTERVAL:
            return reply_body(self._ends, next_in_ms=self._interval(), now_ms=now_ms)
        known.held = key
        self._holds.set(device, now_ms + (wait_ms or self._limits.hold_ms))
        return b""

    def departed(self, key: Hashable, device: DeviceId) -> None:
        """The connection of a held poll closed."""
        known = self._devices.get(device)
        if known is not None and known.held == key:
            known.held = None
            self._holds.cancel(device)

    @property
    def behind(self) -> int:
        """How many holds that are over `tick` left."""
        return len(self._ripe)

    def tick(self, now_ms: int, *, most: int | None = None) -> list[Command]:
        """What time alone brings: ends of holds, of `most` at a time, absences, expired messages."""
        commands: list[Command] = []
        for device in self._silences.due(now_ms):
            commands += self._miss(device, self._devices[device], now_ms)
        self._ripe.extend(self._holds.due(now_ms))
        for _ in range(min(len(self._ripe), most or len(self._ripe))):
            device = self._ripe.popleft()
            if device not in self._holds:  # else it was answered since, and is held anew
                commands += self._end_hold(device, self._devices[device], now_ms)
        self._messages.expire(now_ms)
        return commands + self._settle(now_ms)

    # ---- inside ----

    def _period(self, mode: PollMode) -> int:
        return self._limits.hold_ms if mode is PollMode.HELD else self._limits.interval_ms

    def _jitter(self, mode: PollMode) -> int:
        return 0 if mode is PollMode.HELD else self._limits.interval_jitter_percent

    def _overdue_after(self, mode: PollMode) -> int:
        return overdue_after_ms(self._period(mode), jitter_percent=self._jitter(mode))

    def _offline_after(self, mode: PollMode) -> int:
        return offline_after_ms(self._period(mode), jitter_percent=self._jitter(mode))

    def _miss(self, device: DeviceId, known: _Device, now_ms: int) -> list[Command]:
        """A poll is late (rule 4): first it is waited for, then its device is given up."""
        overdue, offline = self._overdue_after(known.mode), self._offline_after(known.mode)
        if known.contact is Contact.ONLINE:
            if known.held is not None:
                # It waits for us: we stood still.
                self._silences.set(device, now_ms + overdue)
                return []
            known.contact = Contact.OVERDUE
            self._silences.set(device, now_ms + offline - overdue)
            return [Tell(Overdue(device=device, at_ms=now_ms, polled_ms=now_ms - overdue))]
        known.contact = Contact.OFFLINE
        self._told.pop(device, None)
        absent = Tell(Absent(device=device, at_ms=now_ms, polled_ms=now_ms - offline))
        return [*self._let_go(device, known, now_ms), absent]

    def _settle(self, now_ms: int) -> list[Command]:
        """The end of rule 4."""
        if self._settles_ms is None or now_ms < self._settles_ms:
            return []
        self._settles_ms = None
        return [Tell(Settled(started_ms=self._started_ms, at_ms=now_ms))]

    def refused_retry(self) -> int:
        """A refused device comes back, but not in step with the others."""
        retry = self._limits.refused_retry_ms
        return retry + self._random.randrange(retry)

    def _goes(self, device: DeviceId, now_ms: int) -> bool:
        """Whether this device is to be sent away, and was not yet (rule 7)."""
        if not self.draining or device in self._told:
            return False
        return self._leaves.get(device, now_ms) <= now_ms or self._messages.has_order(device)

    def _has_elsewhere(self, device: DeviceId, now_ms: int) -> bool:
        """Whether a device that asked another relay may be sent back there (rule 7).

        One that was sent away, and found another relay, stays there for `home_ms` at least: who is
        here again before found none. For whom something waits here, the console believes them here.
        """
        told_ms = self._told.get(device)
        found_one = told_ms is None or now_ms - told_ms >= self._limits.spans.home_ms
        return found_one and device not in self._addressed

    def _hold(self, device: DeviceId, now_ms: int, *, fresh: bool) -> int:
        hold = self._limits.hold_ms
        if device in self._addressed:  # sent here already: another try before the period ends
            hold = min(hold, self._limits.resend_ms)
        if self.draining and device not in self._told:
            return min(hold, self._leaves[device] - now_ms)
        return self._random.randrange(hold) if fresh else hold

    def _acknowledge(self, device: DeviceId, request: PollRequest, now_ms: int) -> list[Command]:
        """Rule 2; what is not known (any more) was told before."""
        return [
            Tell(Delivered(device=device, id=message, at_ms=now_ms))
            for message in request.acks
            if self._messages.withdraw(device, message)
        ]

    def _pace(self, known: _Device, now_ms: int) -> int:
        """Rule 6: how long this poll must wait for its turn, in milliseconds."""
        gap_ms = self._gap_ms
        pace_ms = known.pace_ms + gap_ms if known.pace_ms > now_ms else now_ms + gap_ms
        known.pace_ms = pace_ms
        wait_ms = pace_ms - now_ms - 60_000
        if wait_ms <= 0:
            return 0
        # Polls that are refused for being too many do not push the next turn away.
        wait_ms = min(wait_ms, gap_ms)
        known.pace_ms = now_ms + 60_000 + wait_ms
        self.delayed += 1
        return wait_ms

    def _let_go(
        self, device: DeviceId, known: _Device, now_ms: int, *, early: bool = False
    ) -> list[Command]:
        """A device polls once at a time: the poll that was held is answered with nothing."""
        if known.held is None:
            return []
        key, known.held = known.held, None
        self._holds.cancel(device)
        if early:
            return [RefusePoll(key, Gate.LIMIT, self.refused_retry())]
        return [self._nothing(key, known.mode, now_ms)]

    def _end_hold(self, device: DeviceId, known: _Device, now_ms: int) -> list[Command]:
        """The poll that is held, if one is, is answered with what is due."""
        if known.held is None:
            return []
        key, known.held = known.held, None
        self._holds.cancel(device)
        return [self._answer(device, known, key, now_ms)]

    def _due(self, device: DeviceId, key: Hashable, now_ms: int) -> bool:
        return bool(self._messages.due(device, key, now_ms, orders=not self.draining))

    def _answer(
        self, device: DeviceId, known: _Device, key: Hashable, now_ms: int, *, fresh: bool = False
    ) -> Answer:
        messages: tuple[Message, ...] = ()
        if device in self._addressed:
            messages = self._messages.take(device, key, now_ms, orders=not self.draining)
        if not messages:
            if self._goes(device, now_ms):
                return self._send_away(device, key, known.mode, now_ms, fresh=fresh)
            return self._nothing(key, known.mode, now_ms, fresh=fresh)
        at_once = known.mode is _HELD or len(messages) == MAX_MESSAGES
        next_in_ms = 0 if at_once else self._interval(fresh=fresh)
        text = messages_text(messages)
        body = reply_body(self._ends, text, next_in_ms=next_in_ms, now_ms=now_ms)
        return Answer(key, body)

    def _nothing(
        self, key: Hashable, mode: PollMode, now_ms: int, *, fresh: bool = False
    ) -> Answer:
        next_in_ms = 0 if mode is _HELD else self._interval(fresh=fresh)
        return Answer(key, reply_body(self._ends, next_in_ms=next_in_ms, now_ms=now_ms))

    def _send_away(
        self, device: DeviceId, key: Hashable, mode: PollMode, now_ms: int, *, fresh: bool
    ) -> Answer:
        """Rule 7; those who poll at intervals spread by themselves."""
        self._told[device] = now_ms
        held = mode is _HELD
        next_in_ms = 0 if held else self._interval(fresh=fresh)
        leave_in_ms = 0 if held else min(self._limits.interval_ms, MAX_LEAVE_MS)
        reply = PollReply(
            messages=(),
            next_in_ms=next_in_ms,
            hold_ms=self._limits.hold_ms,
            now_ms=now_ms,
            spans=self._limits.spans,
            leave_in_ms=leave_in_ms,
        )
        return Answer(key, reply.to_json())

    def _interval(self, *, fresh: bool = False) -> int:
        """Rule 3."""
        interval = self._limits.interval_ms
        if fresh:
            return self._random.randrange(1, interval + 1)
        spread = interval * self._limits.interval_jitter_percent // 100
        return interval + int((2 * self._random.random() - 1) * spread)

    def _find_copy(
        self, key: Hashable, device: DeviceId, request: PollRequest, now_ms: int
    ) -> list[Command]:
        """Rule 5: refuse both copies, whether or not the console can be reached."""
        doubted = self._doubted.get(device, ())
        if request.instance not in doubted:
            self._doubted[device] = (*doubted, request.instance)[-_PAST_INSTANCES:]
            return [self._nothing(key, request.mode, now_ms)]
        event = SupersededInstanceReturned(device=device, instance=request.instance, at_ms=now_ms)
        return [
            Tell(event),
            *self.refuse(device, Gate.DEVICE_CLONED),
            RefusePoll(key, Gate.DEVICE_CLONED, self.refused_retry()),
        ]


def _renew(
    device: DeviceId, known: _Device, request: PollRequest, *, address: str, now_ms: int
) -> list[Command]:
    """Rule 4 and the first half of rule 5."""
    state = _state(request)
    stayed = known.contact is Contact.ONLINE and not request.moved
    if stayed and state == known.state and address == known.address:
        return []
    if request.instance != known.instance:
        known.past = (*known.past, known.instance)[-_PAST_INSTANCES:]
    known.instance, known.mode, known.state = request.instance, request.mode, state
    known.contact, known.address = Contact.ONLINE, address
    return [_presence(device, request, address=address, at_ms=now_ms)]


def _state(request: PollRequest) -> int:
    """What the console wants to hear of in a poll, as a hash: two are the same once in 2^61."""
    journal = request.journal
    return hash(
        (
            request.instance,
            request.mode,
            request.activity,
            request.version,
            request.configuration,
            journal.size,
            journal.head,
        )
    )


def _presence(device: DeviceId, request: PollRequest, *, address: str, at_ms: int) -> Tell:
    return Tell(
        Presence(
            device=device,
            instance=request.instance,
            at_ms=at_ms,
            mode=request.mode,
            activity=request.activity,
            version=request.version,
            configuration=request.configuration,
            journal=request.journal,
            address=address,
        )
    )

"""A relay in an attacker's hands: it has a relay's certificate, its feed and both legs, and cheats.

It is the real relay with its decisions turned: what it gives devices, what it answers them, whom it
pairs, what becomes of the bytes between two legs. Everything it could see is kept, so that a journey
can ask whether a word of plain text was among it (`saw`).
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bedside.protocol.batch import RelayEvent, Report
from bedside.protocol.feed import Event, FeedReply, LoneMessage, MessageOffered, TunnelOffered
from bedside.protocol.http import Request
from bedside.protocol.poll import Message, parse_poll_reply
from bedside.protocol.tunnel import TunnelRequest, is_tunnel, proof, proof_digests
from bedside.relay.clock import wall_ms
from bedside.relay.config import RelayConfig
from bedside.relay.connection import HttpConnection
from bedside.relay.est import EstForwarder
from bedside.relay.link import Link
from bedside.relay.log import Log
from bedside.relay.pairing import Command as PairingCommand
from bedside.relay.pairing import Leg as PairingLeg
from bedside.relay.pairing import Pair, Pairing, PairingLimits, Side
from bedside.relay.polls import Answer, Command
from bedside.relay.routes import PeerRoutes
from bedside.relay.server import Relay
from bedside.relay.splice import Splice
from bedside.relay.tunnels import Tunnels
from bedside.vocabulary import DeviceId, MessageKind, SessionId

__all__ = [
    "HostileRelay",
    "Replayer",
    "StreamFlipper",
    "Tricks",
    "forge",
    "relabel",
    "reorder",
    "swap_bytes",
    "truncate",
]

Messages = tuple[Message, ...]


def reorder(messages: Messages) -> Messages:
    """Deliver the last first."""
    return messages[::-1]


def truncate(messages: Messages) -> Messages:
    """Deliver half of each."""
    return tuple(replace(each, sealed=each.sealed[: len(each.sealed) // 2]) for each in messages)


def swap_bytes(messages: Messages) -> Messages:
    """Swap two neighbouring bytes in the middle of each, or change one where they are equal."""
    return tuple(replace(each, sealed=_damaged(each.sealed)) for each in messages)


def forge(messages: Messages) -> Messages:
    """Deliver bytes of our own making under the right ids."""
    return tuple(replace(each, sealed=os.urandom(len(each.sealed))) for each in messages)


def relabel(messages: Messages) -> Messages:
    """Call each document something else than it is."""
    others = {MessageKind.ORDER: MessageKind.CONFIGURATION}
    return tuple(replace(each, kind=others.get(each.kind, MessageKind.ORDER)) for each in messages)


def _damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    pair = data[middle : middle + 2][::-1]
    if pair == data[middle : middle + 2]:
        pair = bytes([pair[0] ^ 1]) + pair[1:]
    return data[:middle] + pair + data[middle + 2 :]


class Replayer:
    """Delivers everything again with every answer, each time under an id that was never used."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Message] = {}
        self._number = 0

    def __call__(self, messages: Messages) -> Messages:
        """Return the messages, and up to four earlier ones."""
        again = [self._anew(each) for each in list(self._kept.values())[:4]]
        self._kept.update({each.sealed: each for each in messages})
        return (*messages, *again)

    def _anew(self, message: Message) -> Message:
        self._number += 1
        return replace(message, id=f"7ZZZZZZZZZZZZZZZZZZZ{self._number:06}")


class StreamFlipper:
    """Changes one byte of a tunnel's stream, so many bytes after its start."""

    def __init__(self, side: Side, after: int) -> None:
        self._side = side
        self._left = after
        self.has_struck = False

    def __call__(self, side: Side, data: bytes) -> bytes:
        """Return the bytes, one of them changed when its turn has come."""
        if side is not self._side or self.has_struck:
            return data
        if self._left >= len(data):
            self._left -= len(data)
            return data
        self.has_struck = True
        at = self._left
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@dataclass(slots=True)
class Tricks:
    """What the attacker does; nothing by default. May be changed while the relay runs."""

    messages: Callable[[Messages], Messages] | None = None
    """Turns what a device is given in an answer to its poll."""
    stream: Callable[[Side, bytes], bytes] | None = None
    """Turns what a leg sent, on its way to the other."""
    answer: bytes | None = None
    """Sent instead of every answer to a poll: whatever bytes these are."""
    answer_legs: bytes | None = None
    """Sent to every leg of a tunnel."""
    also_to: DeviceId | None = None
    """Every document is given to this device too."""
    pairs_anyone: bool = False
    """Any leg of a session is paired, whatever proof and name it shows."""


@dataclass(slots=True)
class _Seen:
    streams: dict[Side, bytearray] = field(
        default_factory=lambda: {side: bytearray() for side in Side}
    )
    documents: list[MessageOffered] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    """What peers asked, with its body: polls, reports, legs."""
    feed: list[bytes] = field(default_factory=list)
    """What the console said."""


class HostileRelay(Relay):
    """A relay that plays `tricks`; use it as a Relay: `open`, then `serve`."""

    def __init__(self, config: RelayConfig, log: Log, tricks: Tricks) -> None:
        self.tricks = tricks
        self.seen = _Seen()
        super().__init__(config, log)

    def saw(self, word: bytes) -> bool:
        """Whether `word` stood in anything that passed through here."""
        seen = self.seen
        streams = [bytes(stream) for stream in seen.streams.values()]
        documents = (each.sealed for each in seen.documents)
        rest = (*documents, *seen.reports, *seen.requests, *seen.feed)
        return any(word in data for data in (*streams, *rest))

    def apply(self, reply: FeedReply) -> None:
        """Keep what the console said."""
        self.seen.feed.append(reply.to_json())
        super().apply(reply)

    def hand_on(self, lone: LoneMessage) -> None:
        """Nobody is given anything without a look at it."""
        self.apply(FeedReply(cursor=lone.cursor, snapshot=False, events=(lone.offered,)))

    def tell(self, event: RelayEvent) -> None:
        """Keep what the real relay could have kept."""
        if isinstance(event, Report):
            self.seen.reports.append(event.sealed)
        super().tell(event)

    def _apply_one(self, event: Event, now: int) -> None:
        if isinstance(event, MessageOffered):
            self.seen.documents.append(event)
            if self.tricks.also_to is not None:
                super()._apply_one(replace(event, device=self.tricks.also_to), now)
        super()._apply_one(event, now)

    def _make_pairing(self) -> Pairing:
        return _Pairing(self.config.limits.pairing(), self.tricks)

    def _make_tunnels(self) -> Tunnels:
        tunnels = _Tunnels(
            self.door, self.pairing, clock=wall_ms, tell=self.tell, refused=self.guard.note
        )
        tunnels.relay = self
        return tunnels

    def _make_routes(self, enrolment: EstForwarder) -> PeerRoutes:
        routes = _Routes(
            self.polls,
            self.tunnels,
            guard=self.guard,
            owed=self.owed,
            enrolment=enrolment,
            clock=wall_ms,
            tell=self.tell,
        )
        routes.tricks, routes.seen = self.tricks, self.seen
        return routes


class _Routes(PeerRoutes):
    tricks: Tricks
    seen: _Seen

    def again(self, connection: HttpConnection, piece: bytes) -> bool:
        """Read everything."""
        del connection, piece
        return False

    def serve(self, connection: HttpConnection, request: Request) -> None:
        self.seen.requests.append(f"{request.method} {request.target} ".encode() + request.body)
        if self.tricks.answer_legs is not None and is_tunnel(request):
            connection.link.write(self.tricks.answer_legs)
            connection.link.close()
            return
        super().serve(connection, request)

    def execute(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, Answer):
                self._answer(command)
            else:
                super().execute([command])

    def _answer(self, command: Answer) -> None:
        tricks, connection = self.tricks, command.key
        if tricks.answer is not None and isinstance(connection, HttpConnection):
            connection.link.write(tricks.answer)
            connection.link.close()
            return
        if tricks.messages is not None:
            reply = parse_poll_reply(command.body)
            turned = replace(reply, messages=tricks.messages(reply.messages))
            command = Answer(command.key, turned.to_json())
        super().execute([command])


class _Pairing(Pairing):
    """Checks nothing, when it pairs anyone: it puts the right names and proofs in place itself."""

    _SEED = bytes(32)

    def __init__(self, limits: PairingLimits, tricks: Tricks) -> None:
        super().__init__(limits)
        self._tricks = tricks
        self._devices: dict[SessionId, DeviceId] = {}
        self._next = dict.fromkeys(Side, 0)

    def offer(self, terms: TunnelOffered, now_ms: int) -> list[PairingCommand]:
        if self._tricks.pairs_anyone:
            self._devices[terms.session] = terms.device
            terms = replace(
                terms,
                device_proofs=proof_digests(self._SEED, "device"),
                specialist_proofs=proof_digests(self._SEED, "specialist"),
            )
        return super().offer(terms, now_ms)

    def arrive(self, leg: PairingLeg, asked: TunnelRequest, now_ms: int) -> list[PairingCommand]:
        device = self._devices.get(asked.session)
        if device is not None:
            side, index = leg.side, self._next[leg.side]
            self._next[side] += 1
            leg = replace(leg, owner=device if side is Side.DEVICE else asked.session)
            made = proof(self._SEED, side.value, index)
            asked = replace(asked, index=index, proof=made)
        return super().arrive(leg, asked, now_ms)


class _Tunnels(Tunnels):
    relay: HostileRelay

    def _make_splice(self, device: Link, specialist: Link, pair: Pair) -> Splice:
        return _Splice(self.relay, device, specialist, pair)


class _Splice(Splice):
    """Looks at everything, and may change it."""

    def __init__(self, relay: HostileRelay, device: Link, specialist: Link, pair: Pair) -> None:
        super().__init__(device, specialist, budget=pair.budget, idle_ms=pair.idle_ms)
        self._relay = relay
        self.looks = True

    def passes(self, side: Side, data: memoryview) -> memoryview:
        """Keep the bytes, and return what the other leg is to get."""
        self._relay.seen.streams[side] += data
        stream = self._relay.tricks.stream
        return data if stream is None else memoryview(stream(side, bytes(data)))

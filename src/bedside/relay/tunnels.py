"""Legs and splices in service: what `pairing` decides, done to links."""

from collections import Counter
from collections.abc import Callable, Sequence

from bedside.protocol.batch import RelayEvent
from bedside.protocol.tunnel import TunnelRequest, tunnel_accepted, tunnel_refused
from bedside.relay.connection import HttpConnection
from bedside.relay.link import Link
from bedside.relay.pairing import (
    CloseReason,
    Command,
    End,
    Leg,
    Pair,
    Pairing,
    Refuse,
    Side,
    Tell,
    Traffic,
)
from bedside.relay.roles import Owner
from bedside.relay.splice import Splice
from bedside.vocabulary import Gate

__all__ = ["Tunnels"]

_EARLY_BYTES = 16 * 1024


class _WaitingLeg:
    """The handler of a leg that waits for its partner."""

    __slots__ = ("early", "link", "since_ms", "tunnels")

    def __init__(self, link: Link, tunnels: "Tunnels", *, since_ms: int) -> None:
        self.link = link
        self.since_ms = since_ms
        self.tunnels = tunnels
        self.early = bytearray()

    def received(self, data: memoryview) -> None:
        """Bytes before the answer belong to the stream; more than a little of them must wait."""
        self.early += data
        if len(self.early) > _EARLY_BYTES:
            self.link.pause()

    def pours(self) -> None:
        """Every byte passes here."""

    def poured(self, count: int) -> None:
        """Nothing bypasses this handler."""

    def drained(self) -> None:
        """Nothing was sent."""

    def ended(self) -> None:
        """It gave up."""
        self.tunnels.left(self)

    def expired(self) -> None:
        """The pairing keeps the time."""


class Tunnels:
    """All legs and splices of this process."""

    def __init__(
        self,
        owner: Owner,
        pairing: Pairing,
        *,
        clock: Callable[[], int],
        tell: Callable[[RelayEvent], None],
        refused: Callable[[Link, Gate], None],
    ) -> None:
        self._owner = owner
        self._pairing = pairing
        self._clock = clock
        self._tell = tell
        self._refused = refused
        self._splices: dict[tuple[str, int], Splice] = {}
        self._past = Traffic(0, 0)
        self.ended: Counter[CloseReason] = Counter()
        """How the connections ended that are over."""
        self.paired: Callable[[Pair, int], None] | None = None
        """Told of each pair, and since when its first leg waited; nobody is told by default."""

    @property
    def moved(self) -> Traffic:
        """The bytes that all connections have moved since the start, the open ones included."""
        return sum((splice.traffic for splice in self._splices.values()), self._past)

    def arrive(self, connection: HttpConnection, side: Side, asked: TunnelRequest) -> None:
        """A leg asks to be paired."""
        link = connection.link
        assert link.peer is not None
        assert link.peer.name is not None
        waiting = _WaitingLeg(link, self, since_ms=self._clock())
        connection.take_over(waiting)
        leg = Leg(waiting, side, link.peer.name.id)
        self.execute(self._pairing.arrive(leg, asked, self._clock()))

    def left(self, leg: _WaitingLeg) -> None:
        """A waiting leg is gone."""
        self.execute(self._pairing.depart(leg))

    def tick(self) -> None:
        """Let time pass."""
        self.execute(self._pairing.tick(self._clock()))

    def close_link(self, link: Link, reason: CloseReason) -> None:
        """End whatever this link carries."""
        for splice in list(self._splices.values()):
            if link in splice.links:
                splice.finish(reason, at_once=True)

    def stop(self) -> None:
        """End every splice; its reason reaches the console."""
        for splice in list(self._splices.values()):
            splice.finish(CloseReason.STOPPING)

    def execute(self, commands: Sequence[Command]) -> None:
        """Do what the pairing decided."""
        for command in commands:
            match command:
                case Refuse():
                    self._refuse(command)
                case Pair():
                    self._splice(command)
                case End():
                    splice = self._splices.get((command.session, command.index))
                    if splice is not None:
                        splice.finish(command.reason, at_once=True)
                case Tell():
                    self._tell(command.event)

    def _refuse(self, command: Refuse) -> None:
        leg = command.key
        assert isinstance(leg, _WaitingLeg)
        if command.status == 403 and not command.late:
            self._refused(leg.link, command.gate)
        answer = tunnel_refused(
            command.gate, retry_in_ms=command.retry_in_ms, status=command.status
        )
        leg.link.write(answer)
        leg.link.close()

    def _make_splice(self, device: Link, specialist: Link, pair: Pair) -> Splice:
        return Splice(device, specialist, budget=pair.budget, idle_ms=pair.idle_ms)

    def _splice(self, pair: Pair) -> None:
        device, specialist = pair.device, pair.specialist
        assert isinstance(device, _WaitingLeg)
        assert isinstance(specialist, _WaitingLeg)
        splice = self._make_splice(device.link, specialist.link, pair)
        self._splices[pair.session, pair.index] = splice

        def closed(reason: CloseReason, traffic: Traffic) -> None:
            del self._splices[pair.session, pair.index]
            self.ended[reason] += 1
            self._past += traffic
            self.execute(self._pairing.closed(pair, traffic, reason, self._clock()))

        if self.paired is not None:
            self.paired(pair, min(device.since_ms, specialist.since_ms))
        splice.start(self._owner.timers, self._owner.now_ms, closed)
        for leg in (device, specialist):
            leg.link.write(tunnel_accepted())
        for leg, side in ((device, Side.DEVICE), (specialist, Side.SPECIALIST)):
            leg.link.resume()
            splice.early(side, bytes(leg.early))

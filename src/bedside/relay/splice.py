"""Raw bytes between two paired legs, both ways; what they say is not the relay's to read.

Rules:
1. What one leg sends goes to the other untouched, in order.
2. A leg is not read while more than the high mark waits for its partner: buffers are bounded.
3. When one leg closes, what it sent is delivered, then the other is closed.
4. Silence both ways for the idle limit, or more bytes than the session may move, close both.
5. A leg whose host vanished has closed (`dead_leg`): no word of it comes.
"""

from collections.abc import Callable

from bedside.relay import dead_leg
from bedside.relay.link import HIGH_MARK, RECORD_BYTES, Link
from bedside.relay.pairing import Budget, CloseReason, Side, Traffic
from bedside.relay.roles import Timed
from bedside.relay.wheel import Wheel

__all__ = ["Leg", "Splice"]

_RECORDS_A_TURN = 64


class Leg:
    """One side of a splice, as the handler of its link."""

    __slots__ = ("count", "link", "partner", "side", "splice")

    partner: "Leg"

    def __init__(self, link: Link, side: Side, splice: "Splice") -> None:
        self.link = link
        self.side = side
        self.splice = splice
        self.count = 0

    def received(self, data: memoryview) -> None:
        """Rules 1 and 4 for one record: pass it on, within the budget."""
        data = self.splice.passes(self.side, data)
        if self._counts(len(data)):
            self.partner.link.write(data)
            self._hold_back()

    def pours(self) -> tuple[Link, int] | None:
        """Rule 4: whole records may bypass this handler while the budget covers them."""
        if self.splice.looks:
            return None
        records = self.splice.budget.left // RECORD_BYTES
        return (self.partner.link, min(records, _RECORDS_A_TURN)) if records else None

    def poured(self, count: int) -> None:
        """Rules 1, 2 and 4 for a turn's records."""
        if self._counts(count):
            self._hold_back()

    def _counts(self, count: int) -> bool:
        splice = self.splice
        if not splice.budget.spend(count):
            splice.finish(CloseReason.BYTES)
            return False
        splice.active = True
        self.count += count
        return True

    def _hold_back(self) -> None:
        """Rule 2."""
        if self.partner.link.pending > HIGH_MARK:
            self.link.pause()

    def drained(self) -> None:
        """The slow side caught up: read the other again."""
        self.partner.link.resume()

    def ended(self) -> None:
        """Rule 3."""
        self.splice.finish(
            CloseReason.BY_DEVICE if self.side is Side.DEVICE else CloseReason.BY_SPECIALIST
        )

    def expired(self) -> None:
        """A leg has no deadline of its own: the splice has."""


class Splice:
    """Two legs of one session, until the first of its ends."""

    def __init__(self, device: Link, specialist: Link, *, budget: Budget, idle_ms: int) -> None:
        self.budget = budget
        self.active = False
        self.looks = False
        """Whether every byte must pass `passes`."""
        self.reason: CloseReason | None = None
        self._idle_ms = idle_ms
        self._idle_from = 0
        self._device = Leg(device, Side.DEVICE, self)
        self._specialist = Leg(specialist, Side.SPECIALIST, self)
        self._device.partner, self._specialist.partner = self._specialist, self._device

    def start(
        self,
        timers: Wheel[Timed],
        clock: Callable[[], int],
        closed: Callable[[CloseReason, Traffic], None],
    ) -> None:
        """Take over both links; `closed` is called once, with the reason and the bytes moved."""
        self._timers, self._clock, self._closed = timers, clock, closed
        self._idle_from = clock()
        self._look_later(self._idle_from)
        for leg in (self._device, self._specialist):
            leg.link.handler = leg
            leg.link.ask_when_silent()

    @property
    def links(self) -> tuple[Link, Link]:
        """Both legs' links."""
        return self._device.link, self._specialist.link

    @property
    def traffic(self) -> Traffic:
        """The bytes that each side has sent."""
        return Traffic(self._device.count, self._specialist.count)

    def passes(self, side: Side, data: memoryview) -> memoryview:
        """Rule 1: what a leg sent is what the other gets."""
        del side
        return data

    def early(self, side: Side, data: bytes) -> None:
        """Bytes that a leg sent right behind its upgrade request belong to the stream."""
        if data and self.reason is None:
            leg = self._device if side is Side.DEVICE else self._specialist
            leg.received(memoryview(data))

    def expired(self) -> None:
        """Rules 4 (idle: activity since the last look moves the deadline) and 5."""
        for leg in (self._device, self._specialist):
            if leg.link.is_gone:
                leg.ended()
                return
        now = self._clock()
        if self.active:
            self.active = False
            self._idle_from = now
        if now - self._idle_from >= self._idle_ms:
            self.finish(CloseReason.IDLE)
        else:
            self._look_later(now)

    def _look_later(self, now: int) -> None:
        """A quarter of the limit is the tolerance: no clock is read for each piece of data."""
        self._timers.set(self, now + min(max(self._idle_ms // 4, 1), dead_leg.LOOK_MS))

    def finish(self, reason: CloseReason, *, at_once: bool = False) -> None:
        """Close both legs, after draining unless `at_once`; later calls change nothing."""
        if self.reason is not None:
            return
        self.reason = reason
        self._timers.cancel(self)
        for leg in (self._device, self._specialist):
            if at_once:
                leg.link.abort()
            else:
                leg.link.close()
        self._closed(reason, self.traffic)

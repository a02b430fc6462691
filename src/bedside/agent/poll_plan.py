"""Where and when the next poll goes: a pure rota over relays and their ports.

Rules held here:

1. A relay's ports are tried in the configured order; the port that answered is tried first next.
2. A relay that answered and is lost is tried once more, soon, because a firewall may have cut the
   connection only. Is it gone, the next relay is dialled at a moment of the dictated span, so that
   the fleet that lost it does not arrive in one second (N9), and in its first nine tenths, so that
   all are served within it (S6).
3. What is no such loss stays quick: a port that never answered, an answer that is none, a relay
   that hangs (its devices notice one by one), and whoever is asked or has somebody inside.
4. When a whole round over all relays failed, the next round waits: full jitter over a doubling
   range, so that a fleet does not return in one moment (N9).
5. A relay that is there and has no turn for a newcomer is asked again at a moment of the span, and
   the next one when that was in vain too. Who has waited for longer than a span waits up to as long
   again, to `retry_most_ms`, so that relays with room for a part of a fleet are asked less often. On
   the way home it is left at once for where the device was.
6. The relay dictates the pause after an answer and every span here; a refusal waits as long as it
   says.
7. Away from its first relay, the device tries it again at a moment of the dictated span.
8. The bootstrap list is never shortened: a configuration's relays come first, the others after, and
   within both the device's own order (`rendezvous`).
9. A new list moves a device only where its relay is no longer there, or is no longer its first: over
   the spans of 2 and 7.
10. A relay that is to stop sends the device to the next one, as it says; that is no failure. Where
   there is no next one, it is asked again as in 4.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedside.agent.rendezvous import in_order
from bedside.protocol.poll import Spans
from bedside.protocol.shapes import Relay

__all__ = ["Attempt", "PollPlan", "merge"]

_RETRY_LIMIT_MS = 60 * 60_000
_BUSY_TRIES = 2
"""So often a relay without a turn is asked before the next one is."""
_LOSSES = 5
"""A relay that takes so many polls in turn and answers none is left, though it is there."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Dial this relay at this port, at this moment (monotonic milliseconds)."""

    at_ms: int
    relay: Relay
    port: int


def merge(
    device: str,
    bootstrap: Sequence[Relay],
    configured: Sequence[Relay],
    preferred: Sequence[str] = (),
) -> tuple[Relay, ...]:
    """Return the relays that this device uses, in its order (8).

    The configured ones come first, then what only the bundle names; where both have a name, the
    configuration says where that relay is.
    """
    names = {relay.name for relay in configured}
    others = [relay for relay in bootstrap if relay.name not in names]
    return in_order(device, configured, preferred) + in_order(device, others, preferred)


class PollPlan:
    """The rota of one device. Feed it what happened; ask `attempt` for what comes next.

    Args:
        relays: in order of preference, at least one, each with at least one port.
        random: returns a number from 0 to below 1.
    """

    def __init__(self, relays: Sequence[Relay], random: Callable[[], float]) -> None:
        self._relays = tuple(relays)
        self._random = random
        self._spans = Spans()
        self._place = 0
        self._ports = {relay.name: 0 for relay in relays}
        self._proven: set[str] = set()
        self._tried_ports = 0
        self._tried_relays = 0
        self._failed_rounds = 0
        self._at_ms = 0
        self._losses = 0
        self._busy = 0
        self._busy_since_ms = 0
        self._homing = False
        self._leave_by_ms: int | None = None
        self._home_at_ms: int | None = None

    @property
    def attempt(self) -> Attempt:
        """The next dial."""
        relay = self._relays[self._place]
        return Attempt(self._at_ms, relay, relay.ports[self._ports[relay.name]])

    def follow(self, relays: Sequence[Relay], now_ms: int) -> None:
        """Go on with another list (9); the relay that is polled now stays, where it is in it."""
        here = self._relays[self._place]
        self._relays = tuple(relays)
        self._ports = {
            each.name: self._ports.get(each.name, 0) % len(each.ports) for each in relays
        }
        self._tried_ports = self._tried_relays = 0
        if here in self._relays:
            self._place = self._relays.index(here)
            home_ms = now_ms + int(self._random() * self._spans.home_spread_ms)
            self._home_at_ms = home_ms if self._place else None
        else:
            self._proven.discard(here.name)
            self._place, self._home_at_ms, self._leave_by_ms = 0, None, None
            self._at_ms = now_ms + int(self._random() * self._dial_within_ms)

    def answered(self, now_ms: int, next_in_ms: int, spans: Spans | None = None) -> None:
        """Record that the poll was answered: the relay asks for a pause, and dictates its spans."""
        self._spans = spans or Spans()
        self._tried_ports = self._tried_relays = self._failed_rounds = 0
        self._leave_by_ms, self._losses, self._busy, self._homing = None, 0, 0, False
        self._at_ms = now_ms + min(max(next_in_ms, 0), _RETRY_LIMIT_MS)
        self._proven.add(self._relays[self._place].name)
        if self._place == 0:
            self._home_at_ms = None
        elif self._home_at_ms is None:
            self._home_at_ms = self._next_homing(now_ms)
        elif now_ms >= self._home_at_ms:
            self._home_at_ms = self._next_homing(now_ms)
            self._place, self._homing = 0, True

    def leave(self, now_ms: int, within_ms: int) -> None:
        """Record that the relay answered and sends the device to its next one: it is to stop (10)."""
        self._busy, self._at_ms = 0, now_ms
        self._leave(now_ms, now_ms + within_ms)

    def hurry(self, now_ms: int) -> None:
        """Let the next poll wait for nothing: no pause and no span."""
        self._at_ms = min(self._at_ms, now_ms)

    def taken(self) -> None:
        """Record that a connection stands and the poll is asked on it: the relay is there."""
        self._leave_by_ms = None

    def failed(self, now_ms: int, *, at_once: bool = False) -> None:
        """Record that the current attempt came to nothing, at whatever stage.

        `at_once` is a failure that no fleet shares in one moment, or a device that cannot wait (3).
        """
        relay = self._relays[self._place]
        self._at_ms = now_ms
        if relay.name not in self._proven:
            self._tried_ports += 1
            self._ports[relay.name] = (self._ports[relay.name] + 1) % len(relay.ports)
            if self._tried_ports >= len(relay.ports):
                self._next_relay(now_ms)
        elif at_once:
            self._leave(now_ms, now_ms)
        elif self._leave_by_ms is None and self._losses < _LOSSES:
            self._losses += 1
            self._leave_by_ms = now_ms + self._dial_within_ms
            reach = min(self._spans.retry_ms, self._dial_within_ms)
            self._at_ms = now_ms + int(self._random() * reach)
        else:
            self._leave(now_ms, self._leave_by_ms or now_ms + self._dial_within_ms)

    def busy(self, now_ms: int, *, at_once: bool = False) -> None:
        """Record that the relay is there and has no turn for newcomers; `at_once` as for `failed`."""
        self._leave_by_ms = None
        if not self._busy:
            self._busy_since_ms = now_ms
        self._busy += 1
        if self._homing:
            self._at_ms = now_ms
            self._next_relay(now_ms)
            return
        if self._busy % _BUSY_TRIES == 0:
            self._next_relay(now_ms)
        spans = self._spans
        least = spans.retry_ms if at_once else spans.lost_ms
        waited = min(now_ms - self._busy_since_ms, spans.retry_most_ms)
        self._at_ms = now_ms + int(self._random() * max(least, waited))

    def turned_away(self, now_ms: int, retry_in_ms: int) -> None:
        """Record that this relay answered with a refusal: the next relay, not sooner than it says."""
        self._tried_ports = self._busy = 0
        self._leave_by_ms = None
        self._place = (self._place + 1) % len(self._relays)
        self._at_ms = now_ms + min(max(retry_in_ms, 1000), _RETRY_LIMIT_MS)

    def _next_homing(self, now_ms: int) -> int:
        spans = self._spans
        return now_ms + spans.home_ms + int(self._random() * spans.home_spread_ms)

    @property
    def _dial_within_ms(self) -> int:
        """Rule 2: the span's last tenth is for those handshakes that wait for their turn."""
        return self._spans.lost_ms * 9 // 10

    def _leave(self, now_ms: int, leave_by_ms: int) -> None:
        """Rules 2 and 10: what is left of the span is shared out among all who lost this relay."""
        self._proven.discard(self._relays[self._place].name)
        self._leave_by_ms, self._losses = None, 0
        self._next_relay(now_ms)
        wait = int(self._random() * max(leave_by_ms - now_ms, 0))
        self._at_ms = max(self._at_ms, now_ms + wait)

    def _next_relay(self, now_ms: int) -> None:
        self._tried_ports = 0
        self._homing = False
        self._tried_relays += 1
        self._place = (self._place + 1) % len(self._relays)
        if self._tried_relays >= len(self._relays):
            self._tried_relays = 0
            spans = self._spans
            reach = min(spans.retry_ms * 2 ** min(self._failed_rounds, 16), spans.retry_most_ms)
            self._failed_rounds += 1
            self._at_ms = now_ms + int(reach * self._random())

"""Where and when the next poll goes: a pure rota over relays and their ports.

Rules held here:

1. A relay's ports are tried in the configured order; the port that answered is tried first next.
2. When no port of a relay answers, or the port that did answer no longer does, the next relay is
   tried at once: a device finds another relay within one period (S6).
3. When a whole round over all relays failed, the next round waits: full jitter over a doubling
   range, so that a fleet does not return in one moment (N9).
4. The relay dictates the pause after an answer; a refusal waits as long as it says.
5. Away from its first relay, the device tries it again every COME_HOME_MS.
6. The bootstrap list is never shortened: a configuration's relays come first, the others after.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedside.protocol.shapes import Relay

__all__ = ["BACKOFF_FIRST_MS", "BACKOFF_LIMIT_MS", "COME_HOME_MS", "Attempt", "PollPlan", "merge"]

BACKOFF_FIRST_MS = 2_000
BACKOFF_LIMIT_MS = 120_000
COME_HOME_MS = 10 * 60_000
_RETRY_LIMIT_MS = 60 * 60_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """Dial this relay at this port, at this moment (monotonic milliseconds)."""

    at_ms: int
    relay: Relay
    port: int


def merge(bootstrap: Sequence[Relay], configured: Sequence[Relay]) -> tuple[Relay, ...]:
    """Return the relays to use: the configured ones first, then what only the bundle names (6)."""
    merged = {relay.name: relay for relay in bootstrap}
    merged.update({relay.name: relay for relay in configured})
    order = [relay.name for relay in configured] + [relay.name for relay in bootstrap]
    return tuple(merged[name] for name in dict.fromkeys(order))


class PollPlan:
    """The rota of one device. Feed it what happened; ask `attempt` for what comes next.

    Args:
        relays: in order of preference, at least one, each with at least one port.
        random: returns a number from 0 to below 1.
    """

    def __init__(self, relays: Sequence[Relay], random: Callable[[], float]) -> None:
        self._relays = tuple(relays)
        self._random = random
        self._place = 0
        self._ports = {relay.name: 0 for relay in relays}
        self._proven: set[str] = set()
        self._tried_ports = 0
        self._tried_relays = 0
        self._failed_rounds = 0
        self._at_ms = 0
        self._left_home_ms: int | None = None

    @property
    def attempt(self) -> Attempt:
        """The next dial."""
        relay = self._relays[self._place]
        return Attempt(self._at_ms, relay, relay.ports[self._ports[relay.name]])

    def answered(self, now_ms: int, next_in_ms: int) -> None:
        """Record that the poll was answered and the relay asked for a pause of `next_in_ms`."""
        self._tried_ports = self._tried_relays = self._failed_rounds = 0
        self._at_ms = now_ms + min(max(next_in_ms, 0), _RETRY_LIMIT_MS)
        self._proven.add(self._relays[self._place].name)
        if self._place == 0:
            self._left_home_ms = None
        elif self._left_home_ms is None:
            self._left_home_ms = now_ms
        elif now_ms - self._left_home_ms >= COME_HOME_MS:
            self._left_home_ms = now_ms
            self._place = 0

    def failed(self, now_ms: int) -> None:
        """Record that the current attempt came to nothing, at whatever stage."""
        relay = self._relays[self._place]
        self._at_ms = now_ms
        if relay.name in self._proven:
            self._proven.discard(relay.name)
            self._next_relay(now_ms)
            return
        self._tried_ports += 1
        self._ports[relay.name] = (self._ports[relay.name] + 1) % len(relay.ports)
        if self._tried_ports >= len(relay.ports):
            self._next_relay(now_ms)

    def turned_away(self, now_ms: int, retry_in_ms: int) -> None:
        """Record that this relay answered with a refusal: the next relay, not sooner than it says."""
        self._tried_ports = 0
        self._place = (self._place + 1) % len(self._relays)
        self._at_ms = now_ms + min(max(retry_in_ms, 1000), _RETRY_LIMIT_MS)

    def _next_relay(self, now_ms: int) -> None:
        self._tried_ports = 0
        self._tried_relays += 1
        self._place = (self._place + 1) % len(self._relays)
        if self._tried_relays >= len(self._relays):
            self._tried_relays = 0
            reach = min(BACKOFF_FIRST_MS * 2 ** min(self._failed_rounds, 16), BACKOFF_LIMIT_MS)
            self._failed_rounds += 1
            self._at_ms = now_ms + int(reach * self._random())

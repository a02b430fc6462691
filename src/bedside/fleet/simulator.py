"""Many devices in one process, each with the agent's own poller, rota and connection."""

import secrets
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from bedside import __version__
from bedside.agent.poll_plan import PollPlan
from bedside.agent.poller import Poller, PollEvents, PollState
from bedside.agent.reactor import Reactor
from bedside.agent.rendezvous import in_order
from bedside.fleet.identities import Identity
from bedside.fleet.plan import Storm, Tally
from bedside.protocol.poll import Message
from bedside.protocol.shapes import JournalHead, Relay
from bedside.vocabulary import Activity, Gate, PollMode

__all__ = ["Simulator"]

_EMPTY = JournalHead(size=0, head="0" * 64)


class _Device:
    """One device: a poller, and what it tells the tally."""

    def __init__(
        self, number: int, identity: Identity, fleet: "Simulator", *, relays: Sequence[Relay]
    ) -> None:
        self._number = number
        self._identity = identity
        self._fleet = fleet
        self._dialled_ms: int | None = None
        self._plan = PollPlan(relays, fleet.random.random)
        self.poller = Poller(
            fleet.reactor,
            self._plan,
            self._dial,
            events=PollEvents(
                state=self._say,
                message=self._take,
                answered=self._answered,
                refused=self._refused,
                failed=self._failed,
            ),
            instance=secrets.token_hex(16),
        )

    def come(self) -> None:
        """Poll now, whatever pause the last answer asked for."""
        self._plan.hurry(self._fleet.reactor.now_ms())
        self.poller.start()

    def _dial(self) -> ssl.SSLContext:
        self._dialled_ms = self._fleet.reactor.now_ms()
        return self._identity.context()

    def _say(self) -> PollState:
        now = self._fleet.reactor.now_ms()
        self._fleet.tally.asked(self._number, now, dialled_ms=self._dialled_ms)
        self._dialled_ms = None
        return self._fleet.state

    def _take(self, message: Message, _relay: Relay, _port: int) -> None:
        self._fleet.tally.messages += 1
        self.poller.handled(message.id)

    def _answered(self, _relay: Relay, _now_ms: int) -> None:
        self._fleet.tally.answers += 1

    def _refused(self, relay: Relay, gate: Gate) -> None:
        self._fleet.tally.turned_away(self._number, _cause(relay, gate))

    def _failed(self, relay: Relay, reason: str) -> None:
        self._fleet.tally.lost(self._number, _cause(relay, reason))


class Simulator:
    """Devices that poll, storms that break them, a tally.

    Args:
        reactor: the loop that drives all of them.
        identities: one for each device.
        relays: which relays; each device has its own order of them, as real ones have.
        mode: how they poll.
        span_s: within how many seconds devices come, at first and after a storm.
    """

    def __init__(
        self,
        reactor: Reactor,
        identities: Sequence[Identity],
        relays: Sequence[Relay],
        *,
        mode: PollMode,
        span_s: float,
    ) -> None:
        self.reactor = reactor
        self.random = Random()  # noqa: S311  # spreads moments; nothing is kept secret by it
        self.tally = Tally(len(identities))
        self.state = PollState(
            activity=Activity.IDLE,
            journal=_EMPTY,
            version=__version__,
            configuration=0,
            mode=mode,
        )
        self._span_s = span_s
        self._devices = [
            _Device(number, identity, self, relays=in_order(identity.device, relays))
            for number, identity in enumerate(identities)
        ]

    def run(
        self, seconds: float, storms: Sequence[Storm], *, every_s: float, tell: Callable[[], None]
    ) -> Tally:
        """Poll for so many seconds, calling `tell` now and then; return what came of it."""
        self._start(Storm(0, obeys=True))
        for storm in storms:
            self.reactor.later(int(storm.at_s * 1000), partial(self._break, storm))
        self._tell_later(every_s, tell)
        self.reactor.later(int(seconds * 1000), self.reactor.stop)
        self.reactor.run()
        for device in self._devices:
            device.poller.hang_up()
        return self.tally

    def _start(self, storm: Storm) -> None:
        for device in self._devices:
            delay = storm.delay_ms(self.random.random(), self._span_s)
            self.reactor.later(delay, device.come)

    def _break(self, storm: Storm) -> None:
        for device in self._devices:
            device.poller.hang_up()
        self.tally.storm(self.reactor.now_ms())
        self._start(storm)

    def _tell_later(self, every_s: float, tell: Callable[[], None]) -> None:
        def told() -> None:
            tell()
            self._tell_later(every_s, tell)

        self.reactor.later(int(every_s * 1000), told)


def _cause(relay: Relay, word: str) -> str:
    """Return where and why a poll was lost, the relay as the command line names it."""
    return f"{relay.server_name}@{relay.host}:{relay.ports[0]} ({word})"

"""Simulated devices that poll the relays of a world while something befalls it."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bedside.fleet.identities import Identity, open_authority
from bedside.fleet.plan import Tally
from bedside.fleet.simulator import Simulator
from bedside.fleet.timers import FleetReactor
from bedside.vocabulary import DeviceId, PollMode
from tests.journeys.chaos_world import ChaosWorld

__all__ = ["Fleet"]

_DEVICES = 6


@dataclass(slots=True)
class _EachTally(Tally):
    """Counts each device's polls besides."""

    polls: Counter[int] = field(default_factory=Counter)

    def asked(self, device: int, now_ms: int, *, dialled_ms: int | None) -> None:
        """See Tally."""
        Tally.asked(self, device, now_ms, dialled_ms=dialled_ms)
        self.polls[device] += 1


class Fleet:
    """Simulated devices that poll all the relays of a world, in one mode, from a thread of this process."""

    def __init__(self, world: ChaosWorld, mode: PollMode, folder: Path) -> None:
        authority = open_authority(world.folder / "console")
        now_ms = time.time_ns() // 1_000_000
        folder.mkdir()
        first = 1_000 * list(PollMode).index(mode)
        names = [DeviceId(f"SIM-{first + number:06}") for number in range(_DEVICES)]
        self._reactor = FleetReactor()
        self._over = threading.Event()
        identities = [Identity(authority, name, folder=folder, now_ms=now_ms) for name in names]
        relays = [world.relay_address(name) for name in ("a", "b")]
        self._simulator = Simulator(self._reactor, identities, relays, mode=mode, span_s=1)
        self._tally = self._simulator.tally = _EachTally(_DEVICES)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(10)

    @property
    def missed(self) -> Counter[str]:
        """Polls that came to nothing, by relay and cause: a connection that failed or broke, a refusal."""
        return Counter(self._tally.causes)

    def asked(self) -> Counter[int]:
        """Return how often each device has polled; when it polls again, it was answered before."""
        return Counter(self._tally.polls)

    def has_polled(self, since: Counter[int]) -> bool:
        """Whether every device is served, and had an answer since then."""
        polls = self._tally.polls
        more = all(polls[each] >= since[each] + 2 for each in range(_DEVICES))
        return more and self._tally.served == _DEVICES

    def _run(self) -> None:
        self._simulator.run(86_400, (), every_s=0.2, tell=self._look)

    def _look(self) -> None:
        if self._over.is_set():
            self._reactor.stop()

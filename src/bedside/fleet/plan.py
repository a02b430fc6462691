"""What a simulated fleet is to do, and what came of it: pure, times come in as arguments.

A storm is a moment at which every device loses its connection. Those that obey come back at random
within the span; those that do not come back at once.
"""

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["MAX_DEVICES", "MAX_SECONDS", "Storm", "Tally", "parse_storm"]

MAX_DEVICES = 100_000
MAX_SECONDS = 7 * 86_400
_RUSH = "rush"


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm: seconds after the start, and whether devices keep to the span."""

    at_s: float
    obeys: bool

    def delay_ms(self, chance: float, span_s: float) -> int:
        """When one device comes back; `chance` is a random number from 0 to below 1."""
        return int(chance * span_s * 1000) if self.obeys else 0


def parse_storm(text: str) -> Storm:
    """Return the storm that `SECONDS` or `SECONDS:rush` means; raises ValueError."""
    at, colon, manner = text.partition(":")
    if not at.isdecimal() or (colon and manner != _RUSH):
        raise ValueError(f"not SECONDS or SECONDS:{_RUSH}: {text}")
    return Storm(float(at), obeys=not colon)


@dataclass(slots=True)
class Tally:
    """What the devices of one fleet have seen; times are monotonic milliseconds."""

    devices: int
    answers: int = 0
    messages: int = 0
    refused: int = 0
    failed: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    """How often each cause, a refusal among them, cost a poll."""
    dials_ms: list[int] = field(default_factory=list)
    returns_ms: list[int] = field(default_factory=list)
    """For each storm, how long until its last device was served."""
    _served: set[int] = field(default_factory=set)
    _storm_ms: int | None = None

    @property
    def served(self) -> int:
        """Devices that have a poll at a relay, or had one answered last."""
        return len(self._served)

    def storm(self, now_ms: int) -> None:
        """Every device has lost its connection."""
        self._served.clear()
        self._storm_ms = now_ms

    def asked(self, device: int, now_ms: int, *, dialled_ms: int | None) -> None:
        """A device has sent a poll; `dialled_ms` is when its connection was begun, if it is new."""
        if dialled_ms is not None:
            self.dials_ms.append(now_ms - dialled_ms)
        self._served.add(device)
        if self._storm_ms is not None and self.served == self.devices:
            self.returns_ms.append(now_ms - self._storm_ms)
            self._storm_ms = None

    def lost(self, device: int, cause: str) -> None:
        """A device's connection failed or broke: where and why."""
        self.failed += 1
        self.causes[cause] += 1
        self._served.discard(device)

    def turned_away(self, device: int, cause: str) -> None:
        """A relay refused a device: which one, and by which gate."""
        self.refused += 1
        self.causes[cause] += 1
        self._served.discard(device)

    def dial_ms(self, share: float) -> int:
        """The time to connect that this share of the connections needed at most; 0 for none."""
        ordered = sorted(self.dials_ms)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0

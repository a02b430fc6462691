"""What the relay owes the console: kept in memory, in order, within bounds, until acknowledged.

Rules (`docs/protocol/batch.md`):
1. A batch keeps its number and its content until the console has acknowledged it; numbers rise by
   one, so that the console applies each once.
2. A device's presence that waits is replaced by its newer one: an outage of the console costs the
   spool a place for each device, not for each change.
3. Reports may fill three quarters of the room; a device whose report found no room keeps it.
4. What finds no room at all is counted, by kind.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from bedside.protocol.batch import Presence, RelayEvent, Report
from bedside.protocol.events import MAX_EVENTS

__all__ = ["Spool", "SpoolLimits"]

_EVENT_BYTES = 400
_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much may wait (`relay.config` says the default)."""

    bytes: int = 64 * 1024 * 1024


class Spool:
    """Events on their way to the console."""

    def __init__(self, limits: SpoolLimits) -> None:
        self._limits = limits
        self._waiting: dict[Hashable, RelayEvent] = {}
        self._on_way: tuple[RelayEvent, ...] = ()
        self._next_key = 0
        self._sequence = 0
        self._size = 0
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._on_way)

    @property
    def size(self) -> int:
        """The bytes that what waits is counted with."""
        return self._size

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest event that waits happened (Unix milliseconds), None where none waits."""
        if self._on_way:
            return self._on_way[0].at_ms
        return next(iter(self._waiting.values())).at_ms if self._waiting else None

    def has_room(self, reports: int, size: int) -> bool:
        """Whether that many reports of that many bytes in all may be promised (rule 3)."""
        needed = self._size + size + reports * _EVENT_BYTES
        return needed <= self._limits.bytes * 3 // 4

    def add(self, event: RelayEvent) -> bool:
        """Keep an event; False, and counted, when there is no room (rules 2 and 4)."""
        key: Hashable = self._next_key
        if isinstance(event, Presence):
            key = (event.device, event.instance)
            if self._waiting.pop(key, None) is not None:
                self._waiting[key] = event  # at the end: it may follow its own absence
                return True
        else:
            self._next_key += 1
        size = _size(event)
        if self._size + size > self._limits.bytes:
            self.dropped[str(event.FIXED["kind"])] += 1
            return False
        self._size += size
        self._waiting[key] = event
        return True

    def batch(self) -> tuple[int, tuple[RelayEvent, ...]] | None:
        """Return the batch to post, the same one until it is acknowledged (rule 1)."""
        if not self._on_way:
            if not self._waiting:
                return None
            self._on_way = self._take()
            self._sequence += 1
        return self._sequence, self._on_way

    def acknowledge(self, sequence: int) -> None:
        """The console has this batch."""
        if self._on_way and sequence == self._sequence:
            self._size -= sum(map(_size, self._on_way))
            self._on_way = ()

    def _take(self) -> tuple[RelayEvent, ...]:
        taken: list[Hashable] = []
        size = 0
        for key, event in self._waiting.items():
            size += _size(event)
            if taken and (size > _BATCH_BYTES or len(taken) == MAX_EVENTS):
                break
            taken.append(key)
        return tuple(self._waiting.pop(key) for key in taken)


def _size(event: RelayEvent) -> int:
    return _EVENT_BYTES + (len(event.sealed) if isinstance(event, Report) else 0)

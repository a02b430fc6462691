"""What the relay owes the console: in order, within bounds, until the console has it. Pure.

Rules (`docs/protocol/batch.md`):
1. Every event has a number, higher than all before it; the console says up to which it has them,
   so that each is applied once whatever was posted twice.
2. A device's presence that waits is replaced by its newer one: an outage of the console costs the
   spool a place for each device, not for each change.
3. Reports may fill three quarters of the room; a device whose report found no room keeps it.
4. What finds no room at all is counted, by kind.
5. What an earlier run of the relay left is posted first, under that run's name.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from bedside.protocol.batch import Presence, RelayEvent, Report
from bedside.protocol.events import MAX_EVENTS

__all__ = ["EVENT_BYTES", "Entry", "Outgoing", "Spool", "SpoolLimits"]

EVENT_BYTES = 640
"""The most that an event takes beside its report (`spool_record`; a test compares)."""
_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much may wait (`relay.config` says the default)."""

    bytes: int = 64 * 1024 * 1024

    @property
    def waiting(self) -> int:
        """What may wait: an eighth of the files is for what waits no longer and is still there."""
        return self.bytes * 7 // 8


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its number, and the name of the run of the relay in which it happened."""

    number: int
    boot: str
    event: RelayEvent

    @property
    def size(self) -> int:
        """How much room it takes, in bytes."""
        return EVENT_BYTES + (len(self.event.sealed) if isinstance(self.event, Report) else 0)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Events of one run, to be posted together."""

    boot: str
    first: int
    sequence: int
    events: tuple[RelayEvent, ...]


class Spool:
    """Events on their way to the console; `boot` is the name of this run of the relay."""

    def __init__(self, limits: SpoolLimits, boot: str) -> None:
        self._limits = limits
        self._boot = boot
        self._waiting: dict[Hashable, Entry] = {}
        self._next = 1
        self.size = 0
        """Bytes of what waits."""
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Entry]:
        """What waits, in order."""
        return iter(self._waiting.values())

    @property
    def boot(self) -> str:
        """The name of this run of the relay."""
        return self._boot

    @property
    def newest(self) -> int:
        """The highest number given so far."""
        return self._next - 1

    @property
    def oldest(self) -> int:
        """The lowest number that waits; where nothing waits, the next to be given."""
        for entry in self:
            return entry.number
        return self._next

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest event that waits happened (Unix milliseconds), None where none waits."""
        for entry in self:
            return entry.event.at_ms
        return None

    def recover(self, entry: Entry) -> None:
        """Take back what an earlier run left; by rising numbers, before anything is added (rule 5)."""
        self._keep((entry.boot, _key(entry)), entry)
        self._next = max(self._next, entry.number + 1)

    def begin_after(self, number: int) -> None:
        """Give no number up to this one."""
        self._next = max(self._next, number + 1)

    def has_room(self, reports: int, size: int) -> bool:
        """Whether that many reports of that many bytes in all may be promised (rule 3)."""
        needed = self.size + size + reports * EVENT_BYTES
        return needed <= self._limits.waiting * 3 // 4

    def add(self, event: RelayEvent) -> Entry | None:
        """Keep an event under a new number; None, and counted, when there is no room (rule 4)."""
        entry = Entry(self._next, self._boot, event)
        key = (self._boot, _key(entry))
        replaced = self._waiting.get(key)
        gone = replaced.size if replaced else 0
        if self.size - gone + entry.size > self._limits.waiting:
            self.dropped[str(event.FIXED["kind"])] += 1
            return None
        self._keep(key, entry)
        self._next += 1
        return entry

    def withdraw(self, entry: Entry) -> None:
        """Forget an event that was not promised to anybody after all."""
        gone = self._waiting.pop((entry.boot, _key(entry)), None)
        self.size -= gone.size if gone else 0

    def batch(self) -> Outgoing | None:
        """Return what is to be posted now: the oldest events, of one run (rules 1 and 5)."""
        taken: list[Entry] = []
        size = 0
        for entry in self:
            size += entry.size
            if taken and (
                entry.boot != taken[0].boot or size > _BATCH_BYTES or len(taken) == MAX_EVENTS
            ):
                break
            taken.append(entry)
        if not taken:
            return None
        events = tuple(entry.event for entry in taken)
        return Outgoing(taken[0].boot, taken[0].number, taken[-1].number, events)

    def acknowledge(self, boot: str, number: int) -> None:
        """The console has every event of that run up to this number (rule 1)."""
        had: list[Hashable] = []
        for key, entry in self._waiting.items():
            if entry.boot != boot or entry.number > number:
                break
            had.append(key)
        for key in had:
            self.size -= self._waiting.pop(key).size

    def _keep(self, key: Hashable, entry: Entry) -> None:
        """At the end: a presence may follow its own absence (rule 2)."""
        replaced = self._waiting.pop(key, None)
        self.size += entry.size - (replaced.size if replaced else 0)
        self._waiting[key] = entry


def _key(entry: Entry) -> Hashable:
    event = entry.event
    return (event.device, event.instance) if isinstance(event, Presence) else entry.number

"""Where the devices are, as the relays tell it, and the proof of two living copies.

1. What is older than what is known changes nothing: batches of different relays cross.
2. A running agent keeps one random instance from its start to its end. An instance that another
   one has replaced can therefore not return, unless two copies of the device run.
3. What a batch says of many devices is read at once, decided in memory and written at once: how many
   statements that takes grows with the thousands of devices, not with the devices.
4. A relay that has settled has told of whoever polls it: what an earlier run of it had told, and this
   one has not, is no longer so.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bedside.console.relays.actions.messages import do_move_messages, waiting_orders
from bedside.console.relays.actions.tunnels import do_move_tunnels
from bedside.console.relays.models import (
    DeviceMessage,
    DevicePresence,
    RetiredInstance,
    UnseenDevice,
)
from bedside.protocol.batch import Absent, Overdue, Presence
from bedside.vocabulary import DeviceId

__all__ = [
    "ContactChange",
    "Noted",
    "Sighting",
    "do_expect_device",
    "do_note_sightings",
    "do_settle",
]

Sighting = Presence | Overdue | Absent
"""What a relay says of a device's polls."""

# Clocks of two relays may differ by this much; a real second copy polls again within a period.
_SKEW_MS = 10_000
_KEPT_INSTANCES = 64
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class ContactChange:
    """A device that came, went, or came to another relay than the one where it was."""

    device: DeviceId
    online: bool
    at_ms: int
    moved_from: str = ""
    first: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """What news of devices came to, taken together: who comes and goes at once has not changed."""

    changes: tuple[ContactChange, ...] = ()
    clones: tuple[tuple[DeviceId, str], ...] = ()
    """Devices of which a replaced instance came back, with that instance."""
    moved: frozenset[str] = frozenset()
    """Sessions whose orders, and tunnels, followed their device to this relay."""

    @property
    def lost(self) -> frozenset[DeviceId]:
        """The devices that poll nowhere any more."""
        return frozenset(change.device for change in self.changes if not change.online)


def do_expect_device(device: str) -> None:
    """Note that a device is known and is to be seen; nothing where it was seen already."""
    if not DevicePresence.objects.filter(pk=device).exists():
        UnseenDevice.objects.get_or_create(device=device)


def do_note_sightings(relay: str, told: Sequence[Sighting], *, now: int) -> Noted:
    """Note what a relay says of devices, and let what waits for them follow them there.

    Args:
        relay: who says it.
        told: in the order of what happened; times by the console's clock.
        now: Unix milliseconds.
    """
    notebook = _Notebook(relay, told)
    for each in told:
        notebook.take(each)
    notebook.write()
    noted = notebook.noted()
    moved = _follow(relay, [change.device for change in noted.changes if _is_new(change)], now)
    return replace(noted, moved=frozenset(moved))


def do_settle(relay: str, *, started_ms: int, at_ms: int) -> Noted:
    """Give up whom a relay's earlier run had told of, and the run that began at `started_ms` has not."""
    stale = DevicePresence.objects.filter(relay=relay, online=True, at_ms__lt=started_ms)
    gone = [DeviceId(device) for device in stale.values_list("device", flat=True)]
    if gone:
        stale.update(online=False, late=False, at_ms=at_ms)
    return Noted(tuple(ContactChange(device, online=False, at_ms=at_ms) for device in gone))


@dataclass
class _Notebook:
    """The rows that some news speaks of: read once, changed here, written once (rule 3)."""

    relay: str
    told: Sequence[Sighting]
    rows: dict[str, DevicePresence] = field(init=False)
    before: dict[str, tuple[str, bool]] = field(init=False)
    retired: dict[str, dict[str, int]] = field(init=False)
    changed: dict[str, DevicePresence] = field(default_factory=dict)
    fresh: list[RetiredInstance] = field(default_factory=list)
    clones: list[tuple[DeviceId, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        devices = list({each.device for each in self.told})
        self.rows = {
            row.device: row
            for some in _pieces(devices)
            for row in DevicePresence.objects.filter(pk__in=some)
        }
        self.before = {device: (row.relay, row.online) for device, row in self.rows.items()}
        self.retired = self._retired()

    def _retired(self) -> dict[str, dict[str, int]]:
        """Only of devices that do not go on as they were: a fleet's daily news asks nothing."""
        retired: defaultdict[str, dict[str, int]] = defaultdict(dict)
        new = {each.device for each in self.told if self._is_other_instance(each)}
        for some in _pieces(list(new)):
            for row in RetiredInstance.objects.filter(device__in=some).order_by("id"):
                retired[row.device][row.instance] = row.at_ms
        return retired

    def _is_other_instance(self, told: Sighting) -> bool:
        row = self.rows.get(told.device)
        return isinstance(told, Presence) and row is not None and row.instance != told.instance

    def take(self, told: Sighting) -> None:
        """Take in one sighting."""
        if isinstance(told, Presence):
            self._see(told)
        else:
            self._miss(told)

    def _see(self, seen: Presence) -> None:
        row = self.rows.get(seen.device)
        if row is not None and seen.instance != row.instance:
            retired_ms = self.retired.get(seen.device, {}).get(seen.instance)
            if retired_ms is not None:
                if seen.at_ms > retired_ms + _SKEW_MS:
                    self.clones.append((seen.device, seen.instance))  # 2
                return
        if row is not None and seen.at_ms < row.at_ms:  # 1
            return
        if row is not None and seen.instance != row.instance:
            self._retire(row, seen.at_ms)
        self._put(_seen(row or DevicePresence(device=seen.device), self.relay, seen))

    def _miss(self, missed: Overdue | Absent) -> None:
        row = self.rows.get(missed.device)
        if row is None or row.relay != self.relay or not row.online or missed.at_ms < row.at_ms:
            return
        row.online, row.late = isinstance(missed, Overdue), isinstance(missed, Overdue)
        row.at_ms, row.polled_ms = missed.at_ms, missed.polled_ms
        self._put(row)

    def _put(self, row: DevicePresence) -> None:
        self.rows[row.device] = self.changed[row.device] = row

    def _retire(self, row: DevicePresence, at_ms: int) -> None:
        self.retired.setdefault(row.device, {})[row.instance] = at_ms
        self.fresh.append(RetiredInstance(device=row.device, instance=row.instance, at_ms=at_ms))

    def write(self) -> None:
        """Write what has changed, and forget instances beyond the newest few."""
        DevicePresence.objects.bulk_create(
            self.changed.values(),
            update_conflicts=True,
            unique_fields=["device"],
            update_fields=_FIELDS,
        )
        for some in _pieces([device for device in self.changed if device not in self.before]):
            UnseenDevice.objects.filter(pk__in=some).delete()
        if self.fresh:
            RetiredInstance.objects.bulk_create(self.fresh, ignore_conflicts=True)
        for device, instances in self.retired.items():
            if len(instances) > _KEPT_INSTANCES:
                old = list(instances)[:-_KEPT_INSTANCES]
                RetiredInstance.objects.filter(device=device, instance__in=old).delete()

    def noted(self) -> Noted:
        """Return what the news came to."""
        changes = []
        for device, row in self.changed.items():
            place, online = self.before.get(device, ("", False))
            moved_from = place if row.online and place not in ("", row.relay) else ""
            if online != row.online or moved_from:
                first = device not in self.before
                change = ContactChange(
                    DeviceId(device), online=row.online, at_ms=row.at_ms, first=first
                )
                changes.append(replace(change, moved_from=moved_from))
        return Noted(tuple(changes), tuple(self.clones))


_FIELDS = [each.name for each in DevicePresence._meta.concrete_fields if not each.primary_key]


def _seen(row: DevicePresence, relay: str, seen: Presence) -> DevicePresence:
    row.relay = relay
    row.online, row.late = True, False
    row.instance = seen.instance
    row.at_ms = row.polled_ms = seen.at_ms
    row.mode = seen.mode
    row.activity = seen.activity
    row.version = seen.version
    row.configuration = seen.configuration
    row.journal_size = seen.journal.size
    row.journal_head = seen.journal.head
    row.address = seen.address
    return row


def _is_new(change: ContactChange) -> bool:
    return change.online and (change.first or bool(change.moved_from))


def _follow(relay: str, devices: list[DeviceId], now: int) -> set[str]:
    moved: set[str] = set()
    waiting = DeviceMessage.objects.filter(closed_ms=None, expires_ms__gt=now).exclude(relay=relay)
    for some in _pieces(devices):
        # Few devices have anything that waits: those that have are moved one by one, in order.
        owed = waiting.filter(device__in=some).order_by("device").values_list("device", flat=True)
        for device in owed.distinct():
            # The tunnel first: the relay must know it before the device can answer its order.
            orders = waiting_orders(device, relay, now=now)
            do_move_tunnels(orders, relay, now=now)
            do_move_messages(device, relay, now=now)
            moved |= orders
    return moved


def _pieces(devices: list[DeviceId] | list[str]) -> Iterable[list[str]]:
    return ([*devices[at : at + _AT_ONCE]] for at in range(0, len(devices), _AT_ONCE))

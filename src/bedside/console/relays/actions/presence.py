"""Where the devices are, as the relays tell it, and the proof of two living copies.

1. What is older than what is known changes nothing: batches of different relays cross.
2. A running agent keeps one random instance from its start to its end. An instance that another
   one has replaced can therefore not return, unless two copies of the device run.
"""

from dataclasses import dataclass

from bedside.console.relays.actions.messages import do_move_messages, waiting_orders
from bedside.console.relays.actions.tunnels import do_move_tunnels
from bedside.console.relays.models import DevicePresence, RetiredInstance, UnseenDevice
from bedside.protocol.batch import Presence

__all__ = ["PresenceChange", "do_expect_device", "do_note_absent", "do_note_presence"]

# Clocks of two relays may differ by this much; a real second copy polls again within a period.
_SKEW_MS = 10_000
_KEPT_INSTANCES = 64


@dataclass(frozen=True)
class PresenceChange:
    """What one sighting changed: `cloned` says that a replaced instance came back."""

    came_online: bool = False
    moved_from: str = ""
    cloned: bool = False
    new_journal: bool = False


def do_expect_device(device: str) -> None:
    """Note that a device is known and is to be seen; nothing where it was seen already."""
    if not DevicePresence.objects.filter(pk=device).exists():
        UnseenDevice.objects.get_or_create(device=device)


def do_note_presence(relay: str, seen: Presence, *, now: int) -> PresenceChange:
    """Note a device at a relay, and let what waits for it follow it there."""
    known = DevicePresence.objects.filter(pk=seen.device).first()
    if known is None:
        _save(DevicePresence(device=seen.device), relay, seen)
        UnseenDevice.objects.filter(pk=seen.device).delete()
        _follow(seen.device, relay, now)
        return PresenceChange(came_online=True, new_journal=seen.journal.size > 0)
    if seen.instance != known.instance:
        retired = RetiredInstance.objects.filter(device=seen.device, instance=seen.instance).first()
        if retired:
            return PresenceChange(cloned=seen.at_ms > retired.at_ms + _SKEW_MS)
    if seen.at_ms < known.at_ms:  # 1
        return PresenceChange()
    if seen.instance != known.instance:
        _retire(seen.device, known.instance, seen.at_ms)
    change = PresenceChange(
        came_online=not known.online,
        moved_from=known.relay if known.relay != relay else "",
        new_journal=(seen.journal.size, seen.journal.head)
        != (known.journal_size, known.journal_head),
    )
    _save(known, relay, seen)
    if change.moved_from:
        _follow(seen.device, relay, now)
    return change


def do_note_absent(relay: str, device: str, *, at_ms: int) -> bool:
    """Note that a device stopped polling at a relay; return whether it is now nowhere."""
    here = DevicePresence.objects.filter(pk=device, relay=relay, online=True, at_ms__lte=at_ms)
    return bool(here.update(online=False, at_ms=at_ms))


def _save(row: DevicePresence, relay: str, seen: Presence) -> None:
    row.relay = relay
    row.online = True
    row.instance = seen.instance
    row.at_ms = seen.at_ms
    row.mode = seen.mode
    row.activity = seen.activity
    row.version = seen.version
    row.configuration = seen.configuration
    row.journal_size = seen.journal.size
    row.journal_head = seen.journal.head
    row.address = seen.address
    row.save()


def _follow(device: str, relay: str, now: int) -> None:
    # The tunnel first: the relay must know it before the device can answer its order.
    do_move_tunnels(waiting_orders(device, relay, now=now), relay, now=now)
    do_move_messages(device, relay, now=now)


def _retire(device: str, instance: str, at_ms: int) -> None:
    RetiredInstance.objects.get_or_create(
        device=device, instance=instance, defaults={"at_ms": at_ms}
    )
    old = RetiredInstance.objects.filter(device=device).order_by("-id")[_KEPT_INSTANCES:]
    RetiredInstance.objects.filter(pk__in=[row.pk for row in old]).delete()

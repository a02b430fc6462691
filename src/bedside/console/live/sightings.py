"""What relays say of devices' polls, applied together, and journalled where somebody will look for it.

A few changes are entries of their own. Many at once, a fleet after a power cut, are one entry that
counts them; a device with an open session keeps its own, because its session will be looked into.
"""

from collections.abc import Sequence

from bedside.audit.entry import Thing
from bedside.console.enrolment.actions import do_quarantine_clone
from bedside.console.journal.actions import device_actor, record, relay_actor
from bedside.console.relays.actions import (
    ContactChange,
    Noted,
    Sighting,
    do_note_sightings,
    do_settle,
)
from bedside.console.service_sessions import actions as sessions
from bedside.console.service_sessions.queries import devices_in_session
from bedside.protocol.batch import Settled
from bedside.vocabulary import DeviceId, JournalAction

__all__ = ["do_apply_settled", "do_apply_sightings", "do_quarantine"]

_FEW = 20


def do_apply_sightings(relay: str, told: Sequence[Sighting], *, now: int) -> frozenset[DeviceId]:
    """Apply what a relay says of devices; return those that poll nowhere any more."""
    noted = do_note_sightings(relay, told, now=now)
    for device, instance in dict.fromkeys(noted.clones):
        do_quarantine(relay, device, instance, now=now)
    if noted.moved:
        sessions.do_note_moved(noted.moved, relay=relay)
    _tell(relay, noted, now)
    return noted.lost


def do_apply_settled(relay: str, event: Settled, *, now: int) -> frozenset[DeviceId]:
    """Give up whom only an earlier run of a relay has seen; return those devices."""
    noted = do_settle(relay, started_ms=event.started_ms, at_ms=event.at_ms)
    _tell(relay, noted, now)
    return noted.lost


def do_quarantine(relay: str, device: str, instance: str, *, now: int) -> None:
    """Let a device of which two copies live be refused everywhere."""
    actor = relay_actor(relay)
    if do_quarantine_clone(device, instance=instance, relay=relay, actor=actor, now=now):
        sessions.do_mark_cloned(device, now=now)


def _tell(relay: str, noted: Noted, now: int) -> None:
    if not noted.changes:
        return
    told: Sequence[ContactChange] = noted.changes
    if len(told) > _FEW:
        watched = devices_in_session()
        told = [change for change in noted.changes if change.device in watched]
        online = sum(change.online for change in noted.changes)
        record(
            JournalAction.RELAY_PRESENCE_CHANGED,
            actor=relay_actor(relay),
            thing=Thing("relay", relay),
            detail={"devices_online": online, "devices_offline": len(noted.changes) - online},
            at_ms=now,
        )
    for change in told:
        record(
            JournalAction.DEVICE_PRESENCE_CHANGED,
            actor=device_actor(change.device),
            thing=Thing("device", change.device),
            detail={"presence": "online" if change.online else "offline", "relay": relay},
            at_ms=change.at_ms,
        )

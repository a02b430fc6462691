"""Taking a relay out of service for good: its name is never used again, and its history stays."""

from django.db.models import Value
from django.db.models.functions import Greatest

from bedside.audit.entry import Actor, Thing
from bedside.console.journal.actions import record
from bedside.console.relays.actions.refusals import do_revoke_certificates
from bedside.console.relays.models import DevicePresence, Relay, RelayCertificate
from bedside.vocabulary import DeviceId, JournalAction

__all__ = ["RelayKeptError", "do_retire_relay"]


class RelayKeptError(Exception):
    """A relay that stays: so many devices poll it, or it is the only one (0)."""

    def __init__(self, devices: int) -> None:
        super().__init__(f"devices that poll it: {devices}" if devices else "it is the only one")
        self.devices = devices


def do_retire_relay(
    name: str, *, reason: str, despite_devices: bool, actor: Actor, now: int
) -> frozenset[DeviceId]:
    """Retire a relay; return the devices that polled it, which are given up until seen elsewhere.

    Its certificates are revoked, its assertions prove nothing any more, and no list names it. The
    caller tells the devices, and ends what waits for those that are returned.

    Args:
        name: of a relay in service.
        reason: why, for the journal.
        despite_devices: whether it goes although devices poll it.
        actor: who decides it.
        now: Unix milliseconds.

    Raises:
        LookupError: there is no such relay, or it was retired.
        RelayKeptError: it is the only one, or devices poll it.
    """
    # All of them: two relays that are retired at once must not each count on the other.
    rows = {row.name: row for row in Relay.objects.select_for_update().filter(retired_ms=None)}
    if name not in rows:
        raise LookupError(name)
    if len(rows) == 1:
        raise RelayKeptError(0)
    there = DevicePresence.objects.filter(relay=name, online=True)
    devices = frozenset(map(DeviceId, there.values_list("device", flat=True)))
    if devices and not despite_devices:
        raise RelayKeptError(len(devices))
    # It was heard, so they polled: their silence begins now. When they changed last stays, so that
    # another relay's news of them, which may be on its way, is not too old.
    heard_ms = min(rows[name].seen_ms or 0, now)
    there.filter(late=False).update(polled_ms=Greatest("polled_ms", Value(heard_ms)))
    there.update(online=False, late=False)
    certificates = RelayCertificate.objects.filter(relay=name, not_after_ms__gt=now)
    serials = dict(certificates.order_by("not_after_ms").values_list("serial", "not_after_ms"))
    do_revoke_certificates(serials, now=now)
    Relay.objects.filter(pk=name).update(retired_ms=now, lost_ms=None, clock_off=False)
    record(
        JournalAction.RELAY_RECORD_RETIRED,
        actor=actor,
        thing=Thing("relay", name),
        detail={
            "reason": reason,
            "devices_offline": len(devices),
            "count": len(serials),
            "serial": next(reversed(serials), ""),
        },
        at_ms=now,
    )
    return devices

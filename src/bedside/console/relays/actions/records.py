"""The relays themselves: who they are, what they have said before, what may be forgotten."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from bedside.audit.entry import Actor, Thing
from bedside.console.journal.actions import record, worker_actor
from bedside.console.relays.models import (
    Assertion,
    Batch,
    DeviceMessage,
    DevicePresence,
    FeedEvent,
    FeedHead,
    Relay,
    RelayCertificate,
    RevokedCertificate,
    Tunnel,
)
from bedside.protocol.presence import CLOCK_OFF_MS, is_relay_lost
from bedside.protocol.shapes import Relay as RelayAddress
from bedside.vocabulary import JournalAction, RelayName

__all__ = [
    "AssertionTimes",
    "do_accept_batch",
    "do_add_relay",
    "do_begin_feed_anew",
    "do_forget_old",
    "do_hold_relay",
    "do_note_begun",
    "do_note_draining",
    "do_note_relay_certificate",
    "do_note_relay_refused",
    "do_note_relays",
    "do_use_assertion",
]

_DAY_MS = 24 * 3600 * 1000
_CLOCK_GRAIN_MS = 2_000
_REFUSED_GRAIN_MS = 10_000
_LEAP = 2**32
"""More events than any console told between two backups."""


@dataclass(frozen=True, slots=True)
class AssertionTimes:
    """What an assertion says of times (Unix milliseconds): of itself, and of its relay's certificate."""

    issued_ms: int
    expires_ms: int
    certificate_ends_ms: int | None = None


def do_add_relay(address: RelayAddress, assertion_key: str, *, actor: Actor, now: int) -> None:
    """Enter a relay into the signed list, or replace its address and key.

    Args:
        address: what devices and specialists dial.
        assertion_key: the public key (PEM, P-256) by which the relay proves itself at the feed.
        actor: who adds it.
        now: Unix milliseconds.
    """
    Relay.objects.update_or_create(
        name=address.name,
        defaults={
            "host": address.host,
            "server_name": address.server_name,
            "ports": ",".join(map(str, address.ports)),
            "assertion_key": assertion_key,
            "created_ms": now,
        },
    )
    record(
        JournalAction.RELAY_RECORD_CREATED,
        actor=actor,
        thing=Thing("relay", address.name),
        detail={"host": address.host, "server_name": address.server_name},
        at_ms=now,
    )


def do_hold_relay(name: RelayName) -> None:
    """Let nobody retire a relay, or replace its key, until this transaction is over.

    Whoever issues it a certificate asks what it is after this: one that is noted behind a
    retirement or a new key would be revoked by neither.

    A relay that is not there yet has no row to hold: of two who add it, the second begins its
    transaction once the first is over, as every transaction does (`console.project`).
    """
    Relay.objects.select_for_update().filter(pk=name).first()


def do_note_relay_certificate(relay: str, serial: str, *, not_after_ms: int) -> None:
    """Note a certificate that a relay was given, so that it can be revoked with the relay."""
    RelayCertificate.objects.create(serial=serial, relay=relay, not_after_ms=not_after_ms)


def do_note_relay_refused(relay: RelayName, *, now: int) -> None:
    """Note that somebody came in a relay's name with another key.

    Whoever reaches the listener can do so: it is written every ten seconds at most, and is an alarm
    only where the relay itself is not heard.
    """
    before = Q(refused_ms=None) | Q(refused_ms__lt=now - _REFUSED_GRAIN_MS)
    Relay.objects.filter(before, pk=relay).update(refused_ms=now)


def do_begin_feed_anew() -> None:
    """Let every relay take a snapshot: none of its cursors is one of ours, however far it was.

    For a database that is older than what relays have heard. Nobody is online until seen again.
    """
    if not FeedHead.objects.filter(pk=1).update(cursor=F("cursor") + _LEAP):
        FeedHead.objects.create(pk=1, cursor=_LEAP)
    DevicePresence.objects.update(online=False)


def do_accept_batch(
    relay: str, boot: str, sequence: int, *, now: int, first: int | None = None
) -> tuple[bool, int]:
    """Take the events numbered `first` to `sequence` of a run of a relay, all of them or none.

    Return whether they are to be applied, which is so while we have none of them, and the highest
    number that we have afterwards. Without `first`, the batch itself has the number.
    """
    run, begun = Batch.objects.select_for_update().get_or_create(
        relay=relay, boot=boot, defaults={"sequence": -1, "at_ms": now}
    )
    if begun:
        Relay.objects.filter(pk=relay, draining_until_ms__isnull=False).update(
            draining_until_ms=None, begun_anew=False
        )
    if run.sequence >= (sequence if first is None else first):
        return False, run.sequence
    run.sequence = sequence
    run.at_ms = now
    run.save(update_fields=["sequence", "at_ms"])
    return True, sequence


def do_note_draining(relay: str, boot: str, *, until_ms: int, over: bool) -> None:
    """Note that run `boot` of a relay said that it is about to stop, at the latest at `until_ms`.

    A later run may tell it, from the spool of the one that stopped: what that cut off ended by it
    still, and nothing is about to stop. So it is where the time is `over`. Which run is later is not
    a matter of clocks: it is the one that asked.
    """
    rows = Relay.objects.filter(pk=relay)
    rows.update(draining_until_ms=until_ms, begun_anew=over)
    rows.exclude(begun_boot__in=("", boot)).update(begun_anew=True)


def do_note_begun(relay: str, boot: str) -> None:
    """Note that run `boot` of a relay begins: it asks from nothing, as no later question of it does.

    What it tells first may come minutes later, where no device polls it. Until then a session that
    its stop cut off still ended by that (14.3), so `draining_until_ms` stays. `boot` is empty where
    the relay did not say.
    """
    # A run whose first answer was lost asks from nothing again, and may be about to stop by then.
    is_known = Q(begun_boot=boot) & ~Q(begun_boot="")
    Relay.objects.filter(~is_known, pk=relay).update(begun_anew=True, begun_boot=boot)


def do_use_assertion(relay: str, jti: str, *, key: str, said: AssertionTimes, now: int) -> bool:
    """Return whether this assertion is used for the first time; note that its relay lives.

    Nothing is noted where `key`, which signed it, has been replaced since it was read. The relay's clock said `issued_ms` when ours says `now`: what is between them is how far it is off.
    """
    noted = {"seen_ms": now, "offset_ms": said.issued_ms - now}
    if said.certificate_ends_ms is not None:
        noted["certificate_ends_ms"] = said.certificate_ends_ms
    try:
        with transaction.atomic():
            Assertion.objects.create(relay=relay, jti=jti, expires_ms=said.expires_ms)
            Relay.objects.filter(pk=relay, assertion_key=key).update(**noted)
    except IntegrityError:
        return False
    return True


def do_note_relays(*, now: int, awake_ms: int) -> list[RelayName]:
    """Journal which relays are lost and which are back, and whose clock is wrong; return who is lost now.

    Nothing is written for their devices: whether a relay is lost is asked where a device is shown.

    Args:
        now: Unix milliseconds.
        awake_ms: since when everybody could be heard.
    """
    lost = []
    long_awake = is_relay_lost(awake_ms, now=now)
    for row in Relay.objects.filter(retired_ms=None).exclude(seen_ms=None):
        # One that is lost already is back when it is heard, and not because we were away since.
        gone = is_relay_lost(row.seen_ms, now=now) and (long_awake or row.lost_ms is not None)
        # What was said is not taken back for a second more or less.
        off = abs(row.offset_ms) >= CLOCK_OFF_MS - (_CLOCK_GRAIN_MS if row.clock_off else 0)
        if gone and row.lost_ms is None:
            lost.append(RelayName(row.name))
            _tell(row, JournalAction.RELAY_CONTACT_LOST, {"seen_ms": row.seen_ms or 0}, now)
        elif not gone and row.lost_ms is not None:
            _tell(row, JournalAction.RELAY_CONTACT_RESTORED, {}, now)
        if off != row.clock_off:
            _tell(
                row,
                JournalAction.RELAY_CLOCK_CHANGED,
                {"clock_offset_s": row.offset_ms // 1000},
                now,
            )
        if (gone, off) != (row.lost_ms is not None, row.clock_off):
            lost_ms = (row.lost_ms or now) if gone else None
            Relay.objects.filter(pk=row.pk).update(lost_ms=lost_ms, clock_off=off)
    return lost


def _tell(row: Relay, action: JournalAction, detail: dict[str, int], now: int) -> None:
    thing = Thing("relay", row.name)
    record(action, actor=worker_actor(), thing=thing, detail=detail, at_ms=now)


def do_forget_old(*, now: int) -> None:
    """Drop what no relay needs any more: a relay with a cursor older than that takes a snapshot."""
    Assertion.objects.filter(expires_ms__lt=now - _DAY_MS // 24).delete()
    Batch.objects.filter(at_ms__lt=now - 30 * _DAY_MS).delete()
    FeedEvent.objects.filter(at_ms__lt=now - _DAY_MS).delete()
    DeviceMessage.objects.filter(closed_ms__lt=now - _DAY_MS).delete()
    Tunnel.objects.filter(not_after_ms__lt=now - _DAY_MS).delete()
    RevokedCertificate.objects.filter(not_after_ms__lt=now).delete()
    RelayCertificate.objects.filter(not_after_ms__lt=now).delete()

"""What a relay tells, applied: each batch once, each event by itself.

An event that we fail to apply is logged and passed over, because the relay would otherwise offer
the same batch for ever; nothing signed is lost by that: a device repeats what was not receipted.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from bedside.audit.entry import Thing
from bedside.console.enrolment.actions import do_quarantine_clone
from bedside.console.journal.actions import device_actor, record, relay_actor
from bedside.console.journal.queries import count_since
from bedside.console.live.reports import do_receive_report
from bedside.console.log import told
from bedside.console.relays.actions import (
    do_accept_batch,
    do_note_absent,
    do_note_delivered,
    do_note_presence,
    do_note_tunnel_opened,
)
from bedside.console.relays.queries import tunnel_place
from bedside.console.service_sessions import actions as sessions
from bedside.protocol.batch import (
    Absent,
    Batch,
    Delivered,
    Presence,
    Refused,
    RelayEvent,
    Report,
    SupersededInstanceReturned,
    TunnelClosed,
    TunnelOpened,
)
from bedside.vocabulary import JournalAction, MessageKind, Outcome

__all__ = ["Applied", "do_apply_batch", "do_note_lost_device"]

_log = logging.getLogger("bedside.live")
_MINUTE_MS = 60_000
_REFUSALS_A_MINUTE = 20


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a batch: the highest number we have of its boot, the devices it spoke of."""

    sequence: int
    devices: frozenset[str] = frozenset()


def do_apply_batch(relay: str, batch: Batch, *, now: int) -> Applied:
    """Apply a batch unless any of it was applied before (`docs/protocol/batch.md`, 14.4)."""
    with transaction.atomic():
        is_new, has = do_accept_batch(relay, batch.boot, batch.sequence, first=batch.first, now=now)
        if not is_new:
            return Applied(has)
        for event in batch.events:
            try:
                with transaction.atomic():
                    _APPLY[type(event)](relay, event, now)
            except Exception:  # noqa: BLE001 - see above
                kind = str(event.FIXED["kind"])
                _log.exception(
                    "an event %s of relay %s was passed over",
                    kind,
                    relay,
                    extra=told("event_passed_over", kind=kind, relay=relay, device=_device(event)),
                )
    return Applied(has, frozenset(filter(None, map(_device, batch.events))))


def do_note_lost_device(relay: str, device: str, *, at_ms: int, now: int) -> None:
    """Note that a device polls nowhere any more, and end what waited for it there."""
    if do_note_absent(relay, device, at_ms=at_ms):
        _tell_presence(device, relay, "offline", at_ms)
        sessions.do_end_sessions_of_lost_device(device, now=now)


def _presence(relay: str, event: Presence, now: int) -> None:
    # A clock that is ahead must not make what really happens next look old.
    event = replace(event, at_ms=min(event.at_ms, now))
    change = do_note_presence(relay, event, now=now)
    if change.cloned:
        _quarantine(relay, event.device, event.instance, now)
    elif change.came_online or change.moved_from:
        _tell_presence(event.device, relay, "online", event.at_ms)


def _absent(relay: str, event: Absent, now: int) -> None:
    do_note_lost_device(relay, event.device, at_ms=min(event.at_ms, now), now=now)


def _report(relay: str, event: Report, now: int) -> None:
    do_receive_report(event.device, event.sealed, relay=relay, now=now)


def _delivered(relay: str, event: Delivered, now: int) -> None:
    known = do_note_delivered(event.device, event.id, now=now)
    if known and known[0] is MessageKind.ORDER:
        sessions.do_note_delivered(known[1], at_ms=min(event.at_ms, now), relay=relay)


def _tunnel_opened(relay: str, event: TunnelOpened, now: int) -> None:
    device = _device_of_tunnel(relay, event.session)
    if device is None:
        return
    do_note_tunnel_opened(event.session)
    sessions.do_apply_tunnel_event(
        event.session, "opened", relay=relay, at_ms=min(event.at_ms, now)
    )
    record(
        JournalAction.SESSION_TUNNEL_OPENED,
        actor=relay_actor(relay),
        thing=Thing("session", event.session),
        device=device,
        session=event.session,
        detail={"index": event.index, "relay": relay},
        at_ms=min(event.at_ms, now),
    )


def _tunnel_closed(relay: str, event: TunnelClosed, now: int) -> None:
    device = _device_of_tunnel(relay, event.session)
    if device is None:
        return
    moved: dict[str, Any] = {
        "bytes_from_device": event.bytes_from_device,
        "bytes_from_specialist": event.bytes_from_specialist,
    }
    sessions.do_apply_tunnel_event(
        event.session,
        "closed",
        relay=relay,
        reason=event.reason,
        at_ms=min(event.at_ms, now),
        **moved,
    )
    record(
        JournalAction.SESSION_TUNNEL_CLOSED,
        actor=relay_actor(relay),
        thing=Thing("session", event.session),
        device=device,
        session=event.session,
        detail={"index": event.index, "relay": relay, "reason_code": event.reason, **moved},
        at_ms=min(event.at_ms, now),
    )


def _refused(relay: str, event: Refused, now: int) -> None:
    # Whoever can reach a relay can be refused as often as they like: the journal hears the first.
    told = count_since(
        JournalAction.RELAY_CONNECTION_REFUSED,
        device=event.device or "",
        gate=event.gate,
        since_ms=now - _MINUTE_MS,
    )
    if told >= _REFUSALS_A_MINUTE:
        return
    thing = Thing("device", event.device) if event.device else Thing("address", event.address)
    detail = {"address": event.address, "relay": relay}
    record(
        JournalAction.RELAY_CONNECTION_REFUSED,
        actor=relay_actor(relay),
        thing=thing,
        outcome=Outcome.REFUSED,
        gate=event.gate,
        detail={**detail, "serial": event.serial} if event.serial else detail,
        at_ms=min(event.at_ms, now),
    )


def _superseded(relay: str, event: SupersededInstanceReturned, now: int) -> None:
    _quarantine(relay, event.device, event.instance, now)


def _quarantine(relay: str, device: str, instance: str, now: int) -> None:
    actor = relay_actor(relay)
    if do_quarantine_clone(device, instance=instance, relay=relay, actor=actor, now=now):
        sessions.do_mark_cloned(device, now=now)


def _tell_presence(device: str, relay: str, presence: str, at_ms: int) -> None:
    record(
        JournalAction.DEVICE_PRESENCE_CHANGED,
        actor=device_actor(device),
        thing=Thing("device", device),
        detail={"presence": presence, "relay": relay},
        at_ms=at_ms,
    )


def _device_of_tunnel(relay: str, session: str) -> str | None:
    """Return whose tunnel it is, None where this relay has no business with the session."""
    place = tunnel_place(session)
    return place.device if place and place.relay == relay else None


def _device(event: RelayEvent) -> str | None:
    return getattr(event, "device", None)


_APPLY: dict[type[RelayEvent], Callable[[str, Any, int], None]] = {
    Absent: _absent,
    Delivered: _delivered,
    Presence: _presence,
    Refused: _refused,
    Report: _report,
    SupersededInstanceReturned: _superseded,
    TunnelClosed: _tunnel_closed,
    TunnelOpened: _tunnel_opened,
}

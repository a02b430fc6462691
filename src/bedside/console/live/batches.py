"""What a relay tells, applied: each batch once, what it says of polls together, the rest by itself.

An event that we fail to apply is logged and passed over, because the relay would otherwise offer
the same batch for ever; nothing signed is lost by that: a device repeats what was not receipted.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from django.db import transaction

from bedside.audit.entry import Thing
from bedside.console.journal.actions import record, relay_actor
from bedside.console.journal.queries import count_since
from bedside.console.live.reports import do_receive_report
from bedside.console.live.sightings import (
    do_apply_settled,
    do_apply_sightings,
    do_quarantine,
)
from bedside.console.log import told
from bedside.console.relays.actions import (
    Sighting,
    do_accept_batch,
    do_note_delivered,
    do_note_draining,
    do_note_tunnel_opened,
)
from bedside.console.relays.queries import relay_offset, tunnel_place
from bedside.console.service_sessions import actions as sessions
from bedside.protocol.batch import (
    Absent,
    Batch,
    Delivered,
    Draining,
    Overdue,
    Presence,
    Refused,
    RelayEvent,
    Report,
    Settled,
    SupersededInstanceReturned,
    TunnelClosed,
    TunnelOpened,
)
from bedside.protocol.presence import relay_time
from bedside.vocabulary import JournalAction, MessageKind, Outcome

__all__ = ["Applied", "do_apply_batch"]

_log = logging.getLogger("bedside.live")
_MINUTE_MS = 60_000
_REFUSALS_A_MINUTE = 20
_TIMES = ("at_ms", "polled_ms", "started_ms")


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a batch: the highest number we have of its boot, the devices it spoke of."""

    sequence: int
    devices: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Run:
    """Who tells: a relay, and which run of it; a later one hands on what the one before left."""

    relay: str
    boot: str


def do_apply_batch(relay: str, batch: Batch, *, now: int) -> Applied:
    """Apply a batch unless any of it was applied before (`docs/protocol/batch.md`, 14.4).

    What a batch says of polls is applied first and together; whatever else it says, one by one, in
    order; and what has waited for devices that are now nowhere ends last.
    """
    with transaction.atomic():
        is_new, has = do_accept_batch(relay, batch.boot, batch.sequence, first=batch.first, now=now)
        if not is_new:
            return Applied(has)
        offset_ms = relay_offset(relay)
        events = [_put_right(event, offset_ms, now) for event in batch.events]
        run = _Run(relay, batch.boot)
        lost = _apply_sightings(run, [each for each in events if _is_sighting(each)], now)
        for event in events:
            if not _is_sighting(event):
                lost |= _apply(run, event, now)
        sessions.do_end_sessions_of_lost_devices(lost, now=now)
    return Applied(has, frozenset(filter(None, map(_device, events))) | lost)


def _apply_sightings(run: _Run, events: list[Any], now: int) -> set[str]:
    if not events:
        return set()
    relay = run.relay
    try:
        with transaction.atomic():
            return set(do_apply_sightings(relay, events, now=now))
    except Exception:  # noqa: BLE001 - one of them must not cost the others
        _log.exception(
            "the sightings of relay %s are applied one by one",
            relay,
            extra=told("sightings_failed", relay=relay),
        )
    return set().union(*(_apply(run, event, now) for event in events))


def _apply(run: _Run, event: RelayEvent, now: int) -> set[str]:
    """Apply one event; return the devices that are nowhere by it."""
    relay = run.relay
    try:
        with transaction.atomic():
            if _is_sighting(event):
                return set(do_apply_sightings(relay, [event], now=now))
            if isinstance(event, Settled):
                return set(do_apply_settled(relay, event, now=now))
            _APPLY[type(event)](run, event, now)
    except Exception:  # noqa: BLE001 - see above
        kind = str(event.FIXED["kind"])
        _log.exception(
            "an event %s of relay %s was passed over",
            kind,
            relay,
            extra=told("event_passed_over", kind=kind, relay=relay, device=_device(event)),
        )
    return set()


def _is_sighting(event: RelayEvent) -> TypeGuard[Sighting]:
    return isinstance(event, Presence | Overdue | Absent)


def _put_right(event: RelayEvent, offset_ms: int, now: int) -> RelayEvent:
    # A clock that is ahead must not make what really happens next look old.
    times: dict[str, Any] = {
        name: relay_time(getattr(event, name), offset_ms=offset_ms, now=now)
        for name in _TIMES
        if hasattr(event, name)
    }
    return replace(event, **times)


def _report(run: _Run, event: Report, now: int) -> None:
    do_receive_report(event.device, event.sealed, relay=run.relay, now=now)


def _draining(run: _Run, event: Draining, now: int) -> None:
    relay = run.relay
    over = relay_time(event.until_ms, offset_ms=relay_offset(relay), now=now) < now
    do_note_draining(relay, run.boot, until_ms=event.until_ms, over=over)
    record(
        JournalAction.RELAY_DRAIN_STARTED,
        actor=relay_actor(relay),
        thing=Thing("relay", relay),
        at_ms=event.at_ms,
    )


def _delivered(run: _Run, event: Delivered, now: int) -> None:
    known = do_note_delivered(event.device, event.id, now=now)
    if known and known[0] is MessageKind.ORDER:
        sessions.do_note_delivered(known[1], at_ms=event.at_ms, relay=run.relay)


def _tunnel_opened(run: _Run, event: TunnelOpened, _now: int) -> None:
    device = _device_of_tunnel(run.relay, event.session)
    if device is None:
        return
    do_note_tunnel_opened(event.session)
    sessions.do_apply_tunnel_event(event.session, "opened", relay=run.relay, at_ms=event.at_ms)
    record(
        JournalAction.SESSION_TUNNEL_OPENED,
        actor=relay_actor(run.relay),
        thing=Thing("session", event.session),
        device=device,
        session=event.session,
        detail={"index": event.index, "relay": run.relay},
        at_ms=event.at_ms,
    )


def _tunnel_closed(run: _Run, event: TunnelClosed, _now: int) -> None:
    device = _device_of_tunnel(run.relay, event.session)
    if device is None:
        return
    moved: dict[str, Any] = {
        "bytes_from_device": event.bytes_from_device,
        "bytes_from_specialist": event.bytes_from_specialist,
    }
    record(
        JournalAction.SESSION_TUNNEL_CLOSED,
        actor=relay_actor(run.relay),
        thing=Thing("session", event.session),
        device=device,
        session=event.session,
        detail={"index": event.index, "relay": run.relay, "reason_code": event.reason, **moved},
        at_ms=event.at_ms,
    )
    sessions.do_apply_tunnel_event(
        event.session,
        "closed",
        relay=run.relay,
        reason=event.reason,
        at_ms=event.at_ms,
        **moved,
    )


def _refused(run: _Run, event: Refused, now: int) -> None:
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
    detail = {"address": event.address, "relay": run.relay}
    record(
        JournalAction.RELAY_CONNECTION_REFUSED,
        actor=relay_actor(run.relay),
        thing=thing,
        outcome=Outcome.REFUSED,
        gate=event.gate,
        detail={**detail, "serial": event.serial} if event.serial else detail,
        at_ms=event.at_ms,
    )


def _superseded(run: _Run, event: SupersededInstanceReturned, now: int) -> None:
    do_quarantine(run.relay, event.device, event.instance, now=now)


def _device_of_tunnel(relay: str, session: str) -> str | None:
    """Return whose tunnel it is, None where this relay has no business with the session."""
    place = tunnel_place(session)
    return place.device if place and place.relay == relay else None


def _device(event: RelayEvent) -> str | None:
    return getattr(event, "device", None)


_APPLY: dict[type[RelayEvent], Callable[[_Run, Any, int], None]] = {
    Delivered: _delivered,
    Draining: _draining,
    Refused: _refused,
    Report: _report,
    SupersededInstanceReturned: _superseded,
    TunnelClosed: _tunnel_closed,
    TunnelOpened: _tunnel_opened,
}

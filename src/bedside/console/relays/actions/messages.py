"""The outbox: a sealed document waits for its device at the relay where the device was last seen."""

from django.db.models import QuerySet

from bedside.console.identifiers import new_ulid
from bedside.console.relays.actions.events import EventKind, add_event
from bedside.console.relays.models import DeviceMessage, DevicePresence
from bedside.vocabulary import MessageKind

__all__ = [
    "do_expire_messages",
    "do_move_messages",
    "do_note_delivered",
    "do_send_message",
    "do_withdraw_messages",
    "waiting_orders",
]

# A newer one of these makes the older ones worthless: only the newest waits.
_LATEST_ONLY = frozenset({MessageKind.CONFIGURATION, MessageKind.RECEIPT, MessageKind.SITE_POLICY})


def do_send_message(
    device: str,
    kind: MessageKind,
    sealed: bytes,
    *,
    expires_ms: int,
    now: int,
    session: str = "",
) -> str | None:
    """Put a sealed document into the outbox; return the relay that is told, None where none is yet.

    Args:
        device: whose it is.
        kind: of the document; a newer configuration, receipt or policy replaces a waiting one.
        sealed: the document, signed and then sealed to the device.
        expires_ms: after this nobody delivers it.
        now: Unix milliseconds.
        session: the session it belongs to, so that it can be withdrawn with it.
    """
    if kind in _LATEST_ONLY:
        _close(DeviceMessage.objects.filter(device=device, kind=kind, closed_ms=None), now)
    seen = DevicePresence.objects.filter(pk=device).first()
    message = DeviceMessage.objects.create(
        id=new_ulid(now),
        device=device,
        kind=kind,
        sealed=sealed,
        session=session,
        relay=seen.relay if seen else "",
        created_ms=now,
        expires_ms=expires_ms,
    )
    if not message.relay:
        return None
    add_event(EventKind.MESSAGE, message.id, relay=message.relay, now=now)
    return message.relay


def do_withdraw_messages(session: str, kind: MessageKind, *, now: int) -> int:
    """Take back what has not been delivered for a session; return how many there were."""
    return _close(DeviceMessage.objects.filter(session=session, kind=kind, closed_ms=None), now)


def do_note_delivered(device: str, message_id: str, *, now: int) -> tuple[MessageKind, str] | None:
    """Note that the device has a message; return its kind and session, None if that was known."""
    open_ = DeviceMessage.objects.filter(pk=message_id, device=device, delivered=False)
    message = open_.first()
    if message is None:
        return None
    open_.update(delivered=True, closed_ms=message.closed_ms or now)
    return MessageKind(message.kind), message.session


def do_move_messages(device: str, relay: str, *, now: int) -> None:
    """Give what waits for a device to the relay where it is now."""
    for message in _elsewhere(device, relay, now):
        if message.relay:
            add_event(EventKind.MESSAGE_WITHDRAWN, message.id, relay=message.relay, now=now)
        message.relay = relay
        message.save(update_fields=["relay"])
        add_event(EventKind.MESSAGE, message.id, relay=relay, now=now)


def waiting_orders(device: str, relay: str, *, now: int) -> set[str]:
    """Return the sessions whose orders wait for `device` anywhere but at `relay`."""
    orders = _elsewhere(device, relay, now).filter(kind=MessageKind.ORDER)
    return set(orders.values_list("session", flat=True))


def do_expire_messages(*, now: int) -> int:
    """Close what can no longer be delivered; return how many."""
    overdue = DeviceMessage.objects.filter(closed_ms=None, expires_ms__lte=now)
    return overdue.update(closed_ms=now)


def _elsewhere(device: str, relay: str, now: int) -> QuerySet[DeviceMessage]:
    waiting = DeviceMessage.objects.filter(device=device, closed_ms=None, expires_ms__gt=now)
    return waiting.exclude(relay=relay).order_by("id")


def _close(messages: QuerySet[DeviceMessage], now: int) -> int:
    closed = 0
    for message in messages:
        message.closed_ms = now
        message.save(update_fields=["closed_ms"])
        closed += 1
        if message.relay:
            add_event(EventKind.MESSAGE_WITHDRAWN, message.id, relay=message.relay, now=now)
    return closed

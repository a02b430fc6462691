"""What a relay is told, and what pages know of relays and presence."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db.models import OuterRef, Q, QuerySet, Subquery

from bedside.console.journal.actions import now_ms
from bedside.console.relays.models import (
    DeviceMessage,
    DevicePresence,
    FeedEvent,
    FeedHead,
    RefusedDevice,
    Relay,
    RelayCertificate,
    RevokedCertificate,
    Tunnel,
)
from bedside.protocol.feed import (
    DeviceRefused,
    DeviceRestored,
    Event,
    FeedReply,
    MessageOffered,
    MessageWithdrawn,
    Revoked,
    TunnelEnded,
    TunnelOffered,
)
from bedside.protocol.presence import (
    CLOCK_OFF_MS,
    RELAY_LOST_MS,
    Polling,
    contact,
    is_relay_lost,
    relay_deadline,
)
from bedside.protocol.shapes import Relay as RelayAddress
from bedside.vocabulary import (
    Activity,
    Contact,
    DeviceId,
    Ending,
    Gate,
    MessageKind,
    PollMode,
    RelayName,
    SessionId,
)

__all__ = [
    "MOST_COUNTED",
    "DeviceSeen",
    "RelayHeard",
    "RetiredRelay",
    "TunnelPlace",
    "assertion_key",
    "devices_at",
    "devices_in_contact",
    "devices_polling",
    "feed_head",
    "feed_since",
    "is_draining",
    "is_retired",
    "presence",
    "presences",
    "relay",
    "relay_offset",
    "relays",
    "relays_heard",
    "retired_relays",
    "revoked_relays",
    "session_of_order",
    "silent_devices",
    "snapshot",
    "tunnel_place",
]

_CURSOR = re.compile(r"(\d{1,18})(?:\.([0-9A-Z]{26}))?", re.ASCII)
_SERIALS_EACH = 1000
MOST_COUNTED = 10_000
"""How far the devices of a relay are counted: what is beyond costs more than it tells."""
# So many of the longest messages stay within the feed's limit of eight MiB.
_AT_ONCE = 160


@dataclass(frozen=True)
class DeviceSeen:
    """Where a device was last seen and what it said of itself.

    `at_ms` is its last change, `polled_ms` its last poll that we know of, `relay_seen_ms` when its
    relay was last heard (0: never); all in Unix milliseconds.
    """

    device: DeviceId
    relay: RelayName
    contact: Contact
    at_ms: int
    polled_ms: int
    relay_seen_ms: int
    activity: Activity
    mode: PollMode
    version: str
    configuration: int
    address: str
    journal_size: int
    journal_head: str

    @property
    def online(self) -> bool:
        """Whether it polls, as far as its relay and the console know."""
        return self.contact in (Contact.ONLINE, Contact.OVERDUE)


@dataclass(frozen=True)
class TunnelPlace:
    """Whose tunnel, and at which relay; the relay is empty until the device has been seen."""

    device: DeviceId
    relay: RelayName


def presence(device: str) -> DeviceSeen | None:
    """Return where a device was last seen, None if never."""
    return presences([device]).get(DeviceId(device))


def presences(devices: Iterable[str]) -> dict[DeviceId, DeviceSeen]:
    """Return where these devices were last seen; who never was is absent."""
    moment = now_ms()
    heard = Relay.objects.filter(pk=OuterRef("relay")).values("seen_ms")[:1]
    rows = DevicePresence.objects.filter(pk__in=list(devices)).annotate(heard_ms=Subquery(heard))
    return {DeviceId(row.device): _seen(row, row.heard_ms, moment) for row in rows}


def _seen(row: DevicePresence, heard_ms: int | None, now: int) -> DeviceSeen:
    polling = Polling(online=row.online, late=row.late, relay_seen_ms=heard_ms)
    return DeviceSeen(
        device=DeviceId(row.device),
        relay=RelayName(row.relay),
        contact=contact(polling, now=now),
        at_ms=row.at_ms,
        polled_ms=row.polled_ms,
        relay_seen_ms=heard_ms or 0,
        activity=Activity(row.activity),
        mode=PollMode(row.mode),
        version=row.version,
        configuration=row.configuration,
        address=row.address,
        journal_size=row.journal_size,
        journal_head=row.journal_head,
    )


def devices_in_contact(kind: Contact) -> Q:
    """Return the condition on DevicePresence for one contact but NEVER_SEEN, which has no row."""
    lost_before = now_ms() - RELAY_LOST_MS
    known = Relay.objects.filter(seen_ms__gt=lost_before, retired_ms=None).values("name")
    return {
        Contact.ONLINE: Q(online=True, late=False, relay__in=known),
        Contact.OVERDUE: Q(online=True, late=True, relay__in=known),
        Contact.RELAY_LOST: Q(online=True) & ~Q(relay__in=known),
        Contact.OFFLINE: Q(online=False),
    }[kind]


@dataclass(frozen=True, slots=True)
class RelayHeard:
    """What the console knows of a relay's own state; times in Unix milliseconds."""

    name: RelayName
    host: str
    seen_ms: int | None
    """When it was last heard; None: never."""
    lost: bool
    offset_ms: int
    """Its clock less the console's, to within a second or two."""
    clock_off: bool
    draining_until_ms: int | None = None
    """It is about to stop, at the latest then: its devices go to other relays."""


def is_draining(relay: str) -> bool:
    """Return whether a relay said that it is to stop, and no later run of it has told anything."""
    return Relay.objects.filter(pk=relay, draining_until_ms__isnull=False).exists()


def relays_heard() -> tuple[RelayHeard, ...]:
    """Return every relay in service with when it was heard and how far its clock is off, by name."""
    moment = now_ms()
    return tuple(
        RelayHeard(
            name=RelayName(row.name),
            host=row.host,
            seen_ms=row.seen_ms,
            lost=is_relay_lost(row.seen_ms, now=moment),
            offset_ms=row.offset_ms,
            clock_off=abs(row.offset_ms) >= CLOCK_OFF_MS,
            draining_until_ms=None if row.begun_anew else row.draining_until_ms,
        )
        for row in _in_service().order_by("name")
    )


@dataclass(frozen=True, slots=True)
class RetiredRelay:
    """A relay that was retired, and when (Unix milliseconds)."""

    name: RelayName
    host: str
    retired_ms: int


def retired_relays() -> tuple[RetiredRelay, ...]:
    """Return the relays that were retired, the newest first."""
    rows = Relay.objects.exclude(retired_ms=None).order_by("-retired_ms", "name")
    return tuple(RetiredRelay(RelayName(row.name), row.host, row.retired_ms or 0) for row in rows)


def is_retired(name: str) -> bool:
    """Return whether a retired relay has this name."""
    return Relay.objects.filter(pk=name).exclude(retired_ms=None).exists()


def revoked_relays(*, now: int) -> tuple[str, ...]:
    """Return the serials of relays' certificates that are refused and have not expired, the newest first.

    All of retired relays, and those over a key that was replaced, once they were revoked.
    """
    retired = Relay.objects.exclude(retired_ms=None).values("name")
    revoked = RevokedCertificate.objects.filter(not_after_ms__gt=now).values("serial")
    valid = RelayCertificate.objects.filter(
        Q(serial__in=revoked) | Q(relay__in=retired), not_after_ms__gt=now
    )
    return tuple(valid.order_by("-not_after_ms", "serial").values_list("serial", flat=True))


def devices_polling(relay: str) -> int:
    """Return how many devices poll a relay, as far as is known; MOST_COUNTED + 1 for any more."""
    there = DevicePresence.objects.filter(relay=relay, online=True).order_by()
    return there[: MOST_COUNTED + 1].count()


def _in_service() -> QuerySet[Relay]:
    return Relay.objects.filter(retired_ms=None)


def relay_offset(name: str) -> int:
    """Return a relay's clock less the console's in milliseconds; 0 for one that is unknown."""
    return Relay.objects.filter(pk=name).values_list("offset_ms", flat=True).first() or 0


def silent_devices(*, before_ms: int) -> dict[str, int]:
    """Return the devices that were given up and last polled before a moment, with that poll."""
    silent = DevicePresence.objects.filter(online=False, polled_ms__lte=before_ms)
    return dict(silent.values_list("device", "polled_ms"))


def devices_at(relay: str, devices: Iterable[str]) -> frozenset[DeviceId]:
    """Return which of these devices were last seen at a relay, and are not given up there."""
    there = DevicePresence.objects.filter(relay=relay, online=True, pk__in=list(devices))
    return frozenset(DeviceId(device) for device in there.values_list("device", flat=True))


def relays() -> tuple[RelayAddress, ...]:
    """Return every relay of the signed list, by name."""
    return tuple(_address(row) for row in _in_service().order_by("name"))


def relay(name: str) -> RelayAddress | None:
    """Return one relay's address, None where there is none of this name."""
    row = _in_service().filter(pk=name).first()
    return _address(row) if row else None


def assertion_key(name: str) -> str | None:
    """Return the public key (PEM) by which a relay proves itself, None for one that is unknown or retired."""
    return _in_service().filter(pk=name).values_list("assertion_key", flat=True).first()


def session_of_order(device: str, message_id: str) -> str:
    """Return the session whose order `device` got as this message; "" where it was none."""
    orders = DeviceMessage.objects.filter(pk=message_id, device=device, kind=MessageKind.ORDER)
    return orders.values_list("session", flat=True).first() or ""


def tunnel_place(session: str) -> TunnelPlace | None:
    """Return where a session's tunnel is and whose it is, None where there is none."""
    row = Tunnel.objects.filter(pk=session).first()
    return TunnelPlace(DeviceId(row.device), RelayName(row.relay)) if row else None


def feed_head() -> int:
    """Return the newest cursor."""
    return FeedHead.objects.filter(pk=1).values_list("cursor", flat=True).first() or 0


def feed_since(name: str, cursor: str, *, now: int) -> FeedReply:
    """Return what relay `name` must hear after `cursor`.

    A cursor that is empty, foreign or older than what is kept gets a snapshot. What has been
    overtaken in the meantime (delivered, withdrawn, ended, expired) is passed over. Deadlines are
    by the relay's clock, as far as the console knows how far that is off.
    """
    reply = _since(name, cursor, now)
    if not reply.events:
        return reply
    offset_ms = relay_offset(name)
    return replace(reply, events=tuple(_by_its_clock(each, offset_ms) for each in reply.events))


def _by_its_clock(event: Event, offset_ms: int) -> Event:
    if isinstance(event, MessageOffered):
        return replace(event, expires_ms=relay_deadline(event.expires_ms, offset_ms=offset_ms))
    if isinstance(event, TunnelOffered):
        ends_ms = relay_deadline(event.not_after_ms, offset_ms=offset_ms)
        return replace(event, not_after_ms=ends_ms)
    return event


def _since(name: str, cursor: str, now: int) -> FeedReply:
    head = feed_head()
    match = _CURSOR.fullmatch(cursor)
    place = int(match[1]) if match else -1
    if match is None or place > head or not _kept_since(place, head):
        return snapshot(name, now=now)
    if match[2]:
        return _more_messages(name, place, match[2], now)
    news = FeedEvent.objects.filter(cursor__gt=place, cursor__lte=head, relay__in=["", name])
    rows = list(news.order_by("cursor")[:_AT_ONCE])
    events = tuple(event for row in rows if (event := _event(row, name, now)))
    reached = rows[-1].cursor if len(rows) == _AT_ONCE else head
    return FeedReply(cursor=str(reached), snapshot=False, events=events)


def snapshot(name: str, *, now: int) -> FeedReply:
    """Return everything that is valid for relay `name`: tunnels before the messages they serve.

    The cursor is read first: what commits meanwhile is told again, which changes nothing. Where
    more messages wait than one answer holds, the cursor says where the next one goes on.
    """
    head = feed_head()
    serials = list(
        RevokedCertificate.objects.filter(not_after_ms__gt=now).values_list("serial", flat=True)
    )
    events: list[Event] = [
        Revoked(serials=tuple(serials[at : at + _SERIALS_EACH]))
        for at in range(0, len(serials), _SERIALS_EACH)
    ]
    events += [
        DeviceRefused(device=DeviceId(row.device), gate=Gate(row.gate))
        for row in RefusedDevice.objects.all()
    ]
    open_tunnels = Tunnel.objects.filter(relay=name, ending="", not_after_ms__gt=now)
    events += [_tunnel(row) for row in open_tunnels]
    more = _more_messages(name, head, "", now)
    return replace(more, snapshot=True, events=(*events, *more.events))


def _more_messages(name: str, head: int, after: str, now: int) -> FeedReply:
    waiting = DeviceMessage.objects.filter(relay=name, closed_ms=None, expires_ms__gt=now)
    rows = list(waiting.filter(id__gt=after).order_by("id")[: _AT_ONCE + 1])
    cursor = f"{head}.{rows[_AT_ONCE - 1].id}" if len(rows) > _AT_ONCE else str(head)
    events = tuple(_message(row) for row in rows[:_AT_ONCE])
    return FeedReply(cursor=cursor, snapshot=False, events=events)


def _kept_since(place: int, head: int) -> bool:
    return place == head or FeedEvent.objects.filter(cursor=place + 1).exists()


def _event(row: FeedEvent, name: str, now: int) -> Event | None:
    return _READERS[row.kind](row.key, name, now)


def _read_message(key: str, name: str, now: int) -> Event | None:
    row = DeviceMessage.objects.filter(
        pk=key, relay=name, closed_ms=None, expires_ms__gt=now
    ).first()
    return _message(row) if row else None


def _read_withdrawn(key: str, name: str, _now: int) -> Event | None:
    row = DeviceMessage.objects.filter(pk=key).first()
    if row is None or (row.relay == name and row.closed_ms is None):
        return None
    return MessageWithdrawn(device=DeviceId(row.device), id=row.id)


def _read_tunnel(key: str, name: str, now: int) -> Event | None:
    row = Tunnel.objects.filter(pk=key, relay=name, ending="", not_after_ms__gt=now).first()
    return _tunnel(row) if row else None


def _read_tunnel_ended(key: str, _name: str, _now: int) -> Event | None:
    row = Tunnel.objects.filter(pk=key).exclude(ending="").first()
    return TunnelEnded(session=SessionId(key), ending=Ending(row.ending)) if row else None


def _read_revoked(key: str, _name: str, _now: int) -> Event | None:
    return Revoked(serials=(key,))


def _read_refused(key: str, _name: str, _now: int) -> Event | None:
    row = RefusedDevice.objects.filter(pk=key).first()
    return DeviceRefused(device=DeviceId(key), gate=Gate(row.gate)) if row else None


def _read_restored(key: str, _name: str, _now: int) -> Event | None:
    refused = RefusedDevice.objects.filter(pk=key).exists()
    return None if refused else DeviceRestored(device=DeviceId(key))


_READERS = {
    "message": _read_message,
    "message_withdrawn": _read_withdrawn,
    "tunnel": _read_tunnel,
    "tunnel_ended": _read_tunnel_ended,
    "revoked": _read_revoked,
    "device_refused": _read_refused,
    "device_restored": _read_restored,
}


def _tunnel(row: Tunnel) -> TunnelOffered:
    return TunnelOffered(
        session=SessionId(row.session),
        device=DeviceId(row.device),
        device_proofs=tuple(row.device_proofs),
        specialist_proofs=tuple(row.specialist_proofs),
        not_after_ms=row.not_after_ms,
        idle_s=row.idle_s,
        max_bytes=row.max_bytes,
    )


def _message(row: DeviceMessage) -> MessageOffered:
    return MessageOffered(
        device=DeviceId(row.device),
        id=row.id,
        message_kind=MessageKind(row.kind),
        sealed=bytes(row.sealed),
        expires_ms=row.expires_ms,
    )


def _address(row: Relay) -> RelayAddress:
    ports = tuple(int(port) for port in row.ports.split(","))
    return RelayAddress(
        name=RelayName(row.name), host=row.host, server_name=row.server_name, ports=ports
    )

"""What relays and the console tell each other (`docs/protocol/feed.md`).

Relays and console may be of different versions for an hour: unknown fields are ignored (3.7), but
an event of an unknown kind refuses the whole answer, because dropping one could drop a revocation.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from bedside.protocol.codec import MAX_INTEGER, Fields, Wire, parse_json
from bedside.protocol.errors import MalformedError
from bedside.protocol.poll import MAX_REPORT, MAX_SEALED
from bedside.protocol.shapes import JournalHead, parse_message_id, parse_time
from bedside.vocabulary import (
    Activity,
    DeviceId,
    Ending,
    Gate,
    MessageKind,
    PollMode,
    RelayName,
    SessionId,
    parse_device_id,
    parse_relay_name,
    parse_session_id,
)

__all__ = [
    "MAX_BATCH",
    "MAX_EVENTS",
    "MAX_FEED",
    "MAX_PROOFS",
    "Absent",
    "Batch",
    "BatchReply",
    "Delivered",
    "DeviceRefused",
    "DeviceRestored",
    "Event",
    "FeedReply",
    "MessageOffered",
    "MessageWithdrawn",
    "Presence",
    "Refused",
    "RelayEvent",
    "Report",
    "Revoked",
    "SupersededInstanceReturned",
    "TunnelClosed",
    "TunnelEnded",
    "TunnelOffered",
    "TunnelOpened",
    "parse_batch",
    "parse_batch_reply",
    "parse_feed",
]

MAX_FEED = 8 * 1024 * 1024
MAX_BATCH = 8 * 1024 * 1024
MAX_EVENTS = 4096
MAX_PROOFS = 64
_MAX_SERIALS = 1024
_MAX_CURSOR = 200
_SERIAL = re.compile(r"[0-9a-f]{1,40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")


# ---- Console to relay ----


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOffered(Wire):
    """A sealed document waits for a device."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "message"}

    device: DeviceId
    id: str
    message_kind: MessageKind
    sealed: bytes
    expires_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "MessageOffered":
        return cls(
            device=_device(fields),
            id=_message(fields),
            message_kind=fields.enum("message_kind", MessageKind),
            sealed=fields.bytes_("sealed", min=1, max=MAX_SEALED),
            expires_ms=parse_time(fields, "expires_ms"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageWithdrawn(Wire):
    """A sealed document no longer waits here."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "message_withdrawn"}

    device: DeviceId
    id: str

    @classmethod
    def _read(cls, fields: Fields) -> "MessageWithdrawn":
        return cls(device=_device(fields), id=_message(fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelOffered(Wire):
    """A session may open tunnels here; the proofs are known by their SHA-256 only."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "tunnel"}

    session: SessionId
    device: DeviceId
    device_proofs: tuple[str, ...]
    specialist_proofs: tuple[str, ...]
    not_after_ms: int
    idle_s: int
    max_bytes: int

    @classmethod
    def _read(cls, fields: Fields) -> "TunnelOffered":
        return cls(
            session=_session(fields),
            device=_device(fields),
            device_proofs=_digests(fields, "device_proofs"),
            specialist_proofs=_digests(fields, "specialist_proofs"),
            not_after_ms=parse_time(fields, "not_after_ms"),
            idle_s=fields.integer("idle_s", low=1, high=86_400),
            max_bytes=fields.integer("max_bytes", low=1, high=MAX_INTEGER),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelEnded(Wire):
    """A session is over: close its tunnels and open none."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "tunnel_ended"}

    session: SessionId
    ending: Ending

    @classmethod
    def _read(cls, fields: Fields) -> "TunnelEnded":
        return cls(session=_session(fields), ending=fields.enum("ending", Ending))


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(Wire):
    """Certificates with these serials (lower-case hexadecimal, no leading zero) open nothing."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "revoked"}

    serials: tuple[str, ...]

    @classmethod
    def _read(cls, fields: Fields) -> "Revoked":
        return cls(serials=fields.texts("serials", max=_MAX_SERIALS, each=40, pattern=_SERIAL))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRefused(Wire):
    """This device's polls and tunnels are refused, by this gate."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "device_refused"}

    device: DeviceId
    gate: Gate

    @classmethod
    def _read(cls, fields: Fields) -> "DeviceRefused":
        return cls(device=_device(fields), gate=fields.enum("gate", Gate))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRestored(Wire):
    """This device is served again."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "device_restored"}

    device: DeviceId

    @classmethod
    def _read(cls, fields: Fields) -> "DeviceRestored":
        return cls(device=_device(fields))


Event = (
    MessageOffered
    | MessageWithdrawn
    | TunnelOffered
    | TunnelEnded
    | Revoked
    | DeviceRefused
    | DeviceRestored
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReply(Wire):
    """News since a cursor; with `snapshot`, everything that is valid, and nothing else is."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    cursor: str
    snapshot: bool
    events: tuple[Event, ...]

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "FeedReply":
        """Read an answer; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        return cls(
            cursor=fields.text("cursor", max=_MAX_CURSOR),
            snapshot=fields.boolean("snapshot"),
            events=_events(fields, _CONSOLE_EVENTS),
        )


# ---- Relay to console ----


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence(Wire):
    """A device polls here: its first poll, or one that told something new."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "presence"}

    device: DeviceId
    instance: str
    at_ms: int
    mode: PollMode
    activity: Activity
    version: str
    configuration: int
    journal: JournalHead
    address: str

    @classmethod
    def _read(cls, fields: Fields) -> "Presence":
        return cls(
            device=_device(fields),
            instance=fields.hex("instance", 32),
            at_ms=parse_time(fields, "at_ms"),
            mode=fields.enum("mode", PollMode),
            activity=fields.enum("activity", Activity),
            version=fields.text("version", max=40),
            configuration=fields.integer("configuration", low=0, high=MAX_INTEGER),
            journal=JournalHead.from_fields(fields.object("journal"), ignore_unknown=True),
            address=fields.text("address", max=64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent(Wire):
    """A device has not polled here for two and a half periods."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "absent"}

    device: DeviceId
    at_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Absent":
        return cls(device=_device(fields), at_ms=parse_time(fields, "at_ms"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Wire):
    """A device's report, as sealed as it came."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "report"}

    device: DeviceId
    sealed: bytes
    at_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Report":
        return cls(
            device=_device(fields),
            sealed=fields.bytes_("sealed", min=1, max=MAX_REPORT),
            at_ms=parse_time(fields, "at_ms"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(Wire):
    """A device acknowledged a message."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "delivered"}

    device: DeviceId
    id: str
    at_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Delivered":
        return cls(device=_device(fields), id=_message(fields), at_ms=parse_time(fields, "at_ms"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelOpened(Wire):
    """Two legs were paired; `index` counts the pairs of this session from 0."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "tunnel_opened"}

    session: SessionId
    index: int
    at_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "TunnelOpened":
        return cls(
            session=_session(fields),
            index=fields.integer("index", low=0, high=MAX_PROOFS - 1),
            at_ms=parse_time(fields, "at_ms"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelClosed(Wire):
    """A pair is no more; `reason` is a word of the relay's (`docs/protocol/feed.md`, 3.6)."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "tunnel_closed"}

    session: SessionId
    index: int
    at_ms: int
    bytes_from_device: int
    bytes_from_specialist: int
    reason: str

    @classmethod
    def _read(cls, fields: Fields) -> "TunnelClosed":
        return cls(
            session=_session(fields),
            index=fields.integer("index", low=0, high=MAX_PROOFS - 1),
            at_ms=parse_time(fields, "at_ms"),
            bytes_from_device=fields.integer("bytes_from_device", low=0, high=MAX_INTEGER),
            bytes_from_specialist=fields.integer("bytes_from_specialist", low=0, high=MAX_INTEGER),
            reason=fields.text("reason", max=64, pattern=_WORD),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Wire):
    """The relay refused a connection or a request; what is unknown is null."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "refused"}

    device: DeviceId | None
    serial: str | None
    gate: Gate
    at_ms: int
    address: str

    @classmethod
    def _read(cls, fields: Fields) -> "Refused":
        return cls(
            device=fields.optional("device", fields.parsed, parse=parse_device_id),
            serial=fields.optional("serial", fields.text, max=40, pattern=_SERIAL),
            gate=fields.enum("gate", Gate),
            at_ms=parse_time(fields, "at_ms"),
            address=fields.text("address", max=64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededInstanceReturned(Wire):
    """A device's earlier instance polled after a later one did: two copies are alive."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "superseded_instance_returned"}

    device: DeviceId
    instance: str
    at_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "SupersededInstanceReturned":
        return cls(
            device=_device(fields),
            instance=fields.hex("instance", 32),
            at_ms=parse_time(fields, "at_ms"),
        )


RelayEvent = (
    Presence
    | Absent
    | Report
    | Delivered
    | TunnelOpened
    | TunnelClosed
    | Refused
    | SupersededInstanceReturned
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Wire):
    """What happened at a relay; applied once per relay, boot and sequence."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    relay: RelayName
    boot: str
    sequence: int
    events: tuple[RelayEvent, ...]

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "Batch":
        """Read a batch; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        return cls(
            relay=fields.parsed("relay", parse_relay_name),
            boot=fields.hex("boot", 32),
            sequence=fields.integer("sequence", low=0, high=MAX_INTEGER),
            events=_events(fields, _RELAY_EVENTS),
        )


@dataclass(frozen=True, slots=True)
class BatchReply(Wire):
    """The console has this batch and every earlier one of the same boot."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    sequence: int

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "BatchReply":
        """Read an answer; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        return cls(sequence=fields.integer("sequence", low=0, high=MAX_INTEGER))


def parse_feed(body: bytes) -> FeedReply:
    """Return the news in a response's body; raises ProtocolError."""
    return FeedReply.from_dict(parse_json(body, limit=MAX_FEED))


def parse_batch(body: bytes) -> Batch:
    """Return the batch in a request's body; raises ProtocolError."""
    return Batch.from_dict(parse_json(body, limit=MAX_BATCH))


def parse_batch_reply(body: bytes) -> BatchReply:
    """Return the answer in a response's body; raises ProtocolError."""
    return BatchReply.from_dict(parse_json(body, limit=1024))


def _device(fields: Fields) -> DeviceId:
    return fields.parsed("device", parse_device_id)


def _session(fields: Fields) -> SessionId:
    return fields.parsed("session", parse_session_id)


def _message(fields: Fields) -> str:
    return fields.parsed("id", parse_message_id)


def _digests(fields: Fields, name: str) -> tuple[str, ...]:
    return fields.texts(name, min=1, max=MAX_PROOFS, each=64, pattern=_DIGEST)


def _events(fields: Fields, readers: dict[str, Callable[[Fields], Any]]) -> tuple[Any, ...]:
    events = []
    for item in fields.objects("events", max=MAX_EVENTS):
        reader = readers.get(item.text("kind", max=64))
        if reader is None:
            raise MalformedError("unknown_kind", "events")
        events.append(reader(item))
    return tuple(events)


_CONSOLE_EVENTS: dict[str, Callable[[Fields], Event]] = {
    "device_refused": DeviceRefused._read,
    "device_restored": DeviceRestored._read,
    "message": MessageOffered._read,
    "message_withdrawn": MessageWithdrawn._read,
    "revoked": Revoked._read,
    "tunnel": TunnelOffered._read,
    "tunnel_ended": TunnelEnded._read,
}
_RELAY_EVENTS: dict[str, Callable[[Fields], RelayEvent]] = {
    "absent": Absent._read,
    "delivered": Delivered._read,
    "presence": Presence._read,
    "refused": Refused._read,
    "report": Report._read,
    "superseded_instance_returned": SupersededInstanceReturned._read,
    "tunnel_closed": TunnelClosed._read,
    "tunnel_opened": TunnelOpened._read,
}

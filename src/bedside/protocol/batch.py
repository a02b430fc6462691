"""What a relay tells the console (`docs/protocol/batch.md`)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from bedside.protocol.codec import MAX_INTEGER, Fields, Wire, parse_json
from bedside.protocol.events import (
    MAX_PROOFS,
    read_device,
    read_event,
    read_events,
    read_message,
    read_session,
)
from bedside.protocol.poll import MAX_REPORT
from bedside.protocol.shapes import SERIAL, JournalHead, parse_time
from bedside.vocabulary import (
    Activity,
    DeviceId,
    Gate,
    PollMode,
    RelayName,
    SessionId,
    parse_device_id,
    parse_relay_name,
)

__all__ = [
    "MAX_BATCH",
    "STOPPING",
    "Absent",
    "Batch",
    "BatchReply",
    "Delivered",
    "Draining",
    "Overdue",
    "Presence",
    "Refused",
    "RelayEvent",
    "Report",
    "Settled",
    "SupersededInstanceReturned",
    "TunnelClosed",
    "TunnelOpened",
    "parse_batch",
    "parse_batch_reply",
    "parse_relay_event",
]

MAX_BATCH = 8 * 1024 * 1024
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")


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
            device=read_device(fields),
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
class Overdue(Wire):
    """A poll of a device is late: the last one came at about `polled_ms`."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "overdue"}

    device: DeviceId
    at_ms: int
    polled_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Overdue":
        return cls(
            device=read_device(fields),
            at_ms=parse_time(fields, "at_ms"),
            polled_ms=parse_time(fields, "polled_ms"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent(Wire):
    """A device is given up here: its last poll came at about `polled_ms`."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "absent"}

    device: DeviceId
    at_ms: int
    polled_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Absent":
        return cls(
            device=read_device(fields),
            at_ms=parse_time(fields, "at_ms"),
            polled_ms=parse_time(fields, "polled_ms"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Wire):
    """This run of the relay is older than a device may be silent: who polls here has been told."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "settled"}

    started_ms: int
    at_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Settled":
        return cls(started_ms=parse_time(fields, "started_ms"), at_ms=parse_time(fields, "at_ms"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining(Wire):
    """The relay stops: it sends its devices away, and carries what is live until `until_ms`."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "draining"}

    at_ms: int
    until_ms: int

    @classmethod
    def _read(cls, fields: Fields) -> "Draining":
        return cls(at_ms=parse_time(fields, "at_ms"), until_ms=parse_time(fields, "until_ms"))


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
            device=read_device(fields),
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
        return cls(
            device=read_device(fields), id=read_message(fields), at_ms=parse_time(fields, "at_ms")
        )


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
            session=read_session(fields),
            index=fields.integer("index", low=0, high=MAX_PROOFS - 1),
            at_ms=parse_time(fields, "at_ms"),
        )


STOPPING: Final = "stopping"
"""The reason of a tunnel whose relay was stopped in order: it carries its session no further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelClosed(Wire):
    """A pair is no more; `reason` is a word of the relay's (`docs/protocol/batch.md`, 14.3)."""

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
            session=read_session(fields),
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
            serial=fields.optional("serial", fields.text, max=40, pattern=SERIAL),
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
            device=read_device(fields),
            instance=fields.hex("instance", 32),
            at_ms=parse_time(fields, "at_ms"),
        )


RelayEvent = (
    Presence
    | Overdue
    | Absent
    | Settled
    | Draining
    | Report
    | Delivered
    | TunnelOpened
    | TunnelClosed
    | Refused
    | SupersededInstanceReturned
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Wire):
    """What happened at a relay: its events are numbered from `first` to `sequence` (14.4)."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    relay: RelayName
    boot: str
    first: int
    sequence: int
    events: tuple[RelayEvent, ...]

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "Batch":
        """Read a batch; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        sequence = fields.integer("sequence", low=0, high=MAX_INTEGER)
        has_first = fields.has("first")
        return cls(
            relay=fields.parsed("relay", parse_relay_name),
            boot=fields.hex("boot", 32),
            first=fields.integer("first", low=0, high=sequence) if has_first else sequence,
            sequence=sequence,
            events=read_events(fields, _RELAY_EVENTS),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReply(Wire):
    """The console has every event of this boot up to this number."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    sequence: int

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "BatchReply":
        """Read an answer; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        return cls(sequence=fields.integer("sequence", low=0, high=MAX_INTEGER))


def parse_batch(body: bytes) -> Batch:
    """Return the batch in a request's body; raises ProtocolError."""
    return Batch.from_dict(parse_json(body, limit=MAX_BATCH))


def parse_relay_event(obj: dict[str, Any]) -> RelayEvent:
    """Return one event of a relay, from JSON's own types; raises ProtocolError."""
    return read_event(Fields(obj), _RELAY_EVENTS)


def parse_batch_reply(body: bytes) -> BatchReply:
    """Return the answer in a response's body; raises ProtocolError."""
    return BatchReply.from_dict(parse_json(body, limit=1024))


_RELAY_EVENTS: dict[str, Callable[[Fields], RelayEvent]] = {
    "absent": Absent._read,
    "delivered": Delivered._read,
    "draining": Draining._read,
    "overdue": Overdue._read,
    "presence": Presence._read,
    "refused": Refused._read,
    "report": Report._read,
    "settled": Settled._read,
    "superseded_instance_returned": SupersededInstanceReturned._read,
    "tunnel_closed": TunnelClosed._read,
    "tunnel_opened": TunnelOpened._read,
}

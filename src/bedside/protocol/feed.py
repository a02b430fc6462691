"""What the console tells its relays (`docs/protocol/feed.md`).

Relays and console may be of different versions for an hour: unknown fields are ignored (3.4), but
not events of an unknown kind.
"""

import re
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple

from bedside.protocol.codec import MAX_INTEGER, Fields, Wire, parse_json
from bedside.protocol.events import (
    MAX_PROOFS,
    read_device,
    read_events,
    read_message,
    read_session,
)
from bedside.protocol.poll import MAX_SEALED
from bedside.protocol.shapes import MAX_MS, MESSAGE_ID, SERIAL, parse_time
from bedside.vocabulary import DEVICE_ID, DeviceId, Ending, Gate, MessageKind, SessionId

__all__ = [
    "MAX_FEED",
    "DeviceRefused",
    "DeviceRestored",
    "Event",
    "FeedReply",
    "LoneMessage",
    "MessageOffered",
    "MessageWithdrawn",
    "Revoked",
    "TunnelEnded",
    "TunnelOffered",
    "parse_feed",
    "read_lone_message",
]

MAX_FEED = 8 * 1024 * 1024
_MAX_SERIALS = 1024
_MAX_CURSOR = 200
_MAX_SEALED_TEXT = MAX_SEALED // 3 * 4
"""In base64; the few longer texts that say as many bytes are read field by field."""
_MAX_LONE = _MAX_SEALED_TEXT + 1024
"""Of an answer that brings one message and nothing else; what stands beside the sealed text is short."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


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
            device=read_device(fields),
            id=read_message(fields),
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
        return cls(device=read_device(fields), id=read_message(fields))


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
            session=read_session(fields),
            device=read_device(fields),
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
        return cls(session=read_session(fields), ending=fields.enum("ending", Ending))


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(Wire):
    """Certificates with these serials (lower-case hexadecimal, no leading zero) open nothing."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "revoked"}

    serials: tuple[str, ...]

    @classmethod
    def _read(cls, fields: Fields) -> "Revoked":
        return cls(serials=fields.texts("serials", max=_MAX_SERIALS, each=40, pattern=SERIAL))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRefused(Wire):
    """This device's polls and tunnels are refused, by this gate."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "device_refused"}

    device: DeviceId
    gate: Gate

    @classmethod
    def _read(cls, fields: Fields) -> "DeviceRefused":
        return cls(device=read_device(fields), gate=fields.enum("gate", Gate))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRestored(Wire):
    """This device is served again."""

    FIXED: ClassVar[dict[str, str | int]] = {"kind": "device_restored"}

    device: DeviceId

    @classmethod
    def _read(cls, fields: Fields) -> "DeviceRestored":
        return cls(device=read_device(fields))


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
            events=read_events(fields, _CONSOLE_EVENTS),
        )


class LoneMessage(NamedTuple):
    """A message that came alone, in the texts that stood for it; `sealed` is base64."""

    cursor: str
    device: DeviceId
    expires_ms: int
    id: str
    kind: str
    sealed: str

    @property
    def offered(self) -> MessageOffered:
        """The message as the event that brought it."""
        return MessageOffered(
            device=self.device,
            id=self.id,
            message_kind=MessageKind(self.kind),
            sealed=a2b_base64(self.sealed),
            expires_ms=self.expires_ms,
        )


def parse_feed(body: bytes) -> FeedReply:
    """Return the news in a response's body; raises ProtocolError."""
    return FeedReply.from_dict(parse_json(body, limit=MAX_FEED))


def read_lone_message(body: bytes) -> LoneMessage | None:
    """Return the one message that an answer brings, read by one pattern: a person waits for an order.

    None for whatever is not that, not in canonical JSON, or not well: it is read, or refused, field
    by field.
    """
    if len(body) > _MAX_LONE:  # a snapshot is not searched for it
        return None
    match = _canonical_message().fullmatch(body.decode("latin-1"))
    if match is None:
        return None
    cursor, device, expires, message, kind, sealed = match.groups()
    expires_ms = int(expires)
    if len(sealed) % 4 or not sealed or len(sealed) > _MAX_SEALED_TEXT or expires_ms > MAX_MS:
        return None
    return LoneMessage(cursor, DeviceId(device), expires_ms, message, kind, sealed)


@cache
def _canonical_message() -> re.Pattern[str]:
    """The form that `FeedReply.to_json` gives an answer that brings one message and nothing else.

    The last character of base64 that is not whole says only the bits that are left (1.9).
    """
    return re.compile(
        rf'\{{"cursor":"([ !#-\[\]-~]{{1,{_MAX_CURSOR}}})"'
        rf',"events":\[\{{"device":"({DEVICE_ID.pattern})","expires_ms":(0|[1-9][0-9]{{0,15}})'
        rf',"id":"({MESSAGE_ID.pattern})","kind":"message","message_kind":"({"|".join(MessageKind)})"'
        r',"sealed":"([0-9A-Za-z+/]*(?:[AQgw]==|[AEIMQUYcgkosw048]=)?)"\}\],"snapshot":false,"v":1\}'
    )


def _digests(fields: Fields, name: str) -> tuple[str, ...]:
    return fields.texts(name, min=1, max=MAX_PROOFS, each=64, pattern=_DIGEST)


_CONSOLE_EVENTS: dict[str, Callable[[Fields], Event]] = {
    "device_refused": DeviceRefused._read,
    "device_restored": DeviceRestored._read,
    "message": MessageOffered._read,
    "message_withdrawn": MessageWithdrawn._read,
    "revoked": Revoked._read,
    "tunnel": TunnelOffered._read,
    "tunnel_ended": TunnelEnded._read,
}

"""What an event is, whichever way it goes: its kind, and the ids it names (3.4, 3.5).

An event of an unknown kind refuses the whole answer or batch, because dropping one could drop a
revocation.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bedside.protocol.codec import Fields
from bedside.protocol.errors import MalformedError
from bedside.protocol.shapes import parse_message_id
from bedside.vocabulary import DeviceId, SessionId, parse_device_id, parse_session_id

__all__ = [
    "MAX_EVENTS",
    "MAX_PROOFS",
    "read_device",
    "read_event",
    "read_events",
    "read_message",
    "read_session",
]

Event = TypeVar("Event")

MAX_EVENTS = 4096
MAX_PROOFS = 64


def read_device(fields: Fields) -> DeviceId:
    """Return the device that an event is about; raises ProtocolError."""
    return fields.parsed("device", parse_device_id)


def read_session(fields: Fields) -> SessionId:
    """Return the session that an event is about; raises ProtocolError."""
    return fields.parsed("session", parse_session_id)


def read_message(fields: Fields) -> str:
    """Return the message that an event is about; raises ProtocolError."""
    return fields.parsed("id", parse_message_id)


def read_events(fields: Fields, readers: Mapping[str, Callable[[Fields], Any]]) -> tuple[Any, ...]:
    """Return the events in `fields`, each read by the reader of its kind; raises ProtocolError."""
    return tuple(read_event(item, readers) for item in fields.objects("events", max=MAX_EVENTS))


def read_event(fields: Fields, readers: Mapping[str, Callable[[Fields], Event]]) -> Event:
    """Return one event, read by the reader of its kind; raises ProtocolError."""
    reader = readers.get(fields.text("kind", max=64))
    if reader is None:
        raise MalformedError("unknown_kind", "events")
    return reader(fields)

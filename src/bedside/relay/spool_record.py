"""The spool's files as bytes: records with their lengths and checksum, one behind the other. Pure.

A file begins with `MAGIC`. A record is three numbers of four bytes (length of the JSON, length of the
report behind it, CRC-32 of both), the JSON, the report. What a power cut left half written is the end
of a file; what cannot be read elsewhere is damage, and the records around it are read all the same.
"""

import struct
import zlib
from binascii import b2a_base64
from dataclasses import dataclass, field

from bedside.protocol.batch import Report, parse_relay_event
from bedside.protocol.codec import MAX_INTEGER, Fields, parse_json, to_json
from bedside.protocol.errors import ProtocolError
from bedside.protocol.poll import MAX_REPORT
from bedside.relay.spool import Entry

__all__ = ["MAGIC", "Found", "had_record", "record", "scan"]

MAGIC = b"bedside-spool 1\n"
_HEAD = struct.Struct(">III")
_MAX_JSON = 16 * 1024


@dataclass(slots=True)
class Found:
    """What a file holds.

    `had` is the number up to which the console had everything, `end` where the last record ends;
    `torn` says that bytes follow it which are the beginning of one, `damaged` that something else
    could not be read.
    """

    entries: list[Entry] = field(default_factory=list)
    had: int = 0
    end: int = 0
    torn: bool = False
    damaged: bool = False


def record(entry: Entry) -> bytes:
    """Return the bytes of an event."""
    event = entry.event.to_dict() if not isinstance(entry.event, Report) else _bare(entry.event)
    raw = entry.event.sealed if isinstance(entry.event, Report) else b""
    return _framed({"boot": entry.boot, "event": event, "number": entry.number}, raw)


def had_record(number: int) -> bytes:
    """Return the bytes that say: the console had everything up to this number."""
    return _framed({"had": number})


def scan(data: bytes) -> Found:
    """Return what a file's bytes hold; whatever they are, nothing is raised."""
    found = Found(end=len(MAGIC))
    if not data.startswith(MAGIC):
        found.end, found.torn = 0, MAGIC.startswith(data)
        found.damaged = not found.torn
        return found
    view, at = memoryview(data), len(MAGIC)
    while at < len(data):
        end = _record_end(data, at)
        if end is None:
            found.torn = not any(data[at:])
            found.damaged = not found.torn
            return found
        if end > len(data):
            found.torn = True
            return found
        if _read(view[at:end], found):
            found.end = end
        elif end == len(data):
            found.torn = True
        else:
            found.damaged, found.end = True, end
        at = end
    return found


def _framed(obj: dict[str, object], raw: bytes = b"") -> bytes:
    body = to_json(obj)
    return _HEAD.pack(len(body), len(raw), zlib.crc32(raw, zlib.crc32(body))) + body + raw


def _bare(report: Report) -> dict[str, object]:
    return {**report.FIXED, "device": report.device, "at_ms": report.at_ms}


def _record_end(data: bytes, at: int) -> int | None:
    """Where the record at `at` would end; None where there cannot be one."""
    if len(data) - at < _HEAD.size:
        return len(data) + 1
    body, raw, _ = _HEAD.unpack_from(data, at)
    if not 2 <= body <= _MAX_JSON or raw > MAX_REPORT:
        return None
    return at + _HEAD.size + int(body) + int(raw)


def _read(view: memoryview, found: Found) -> bool:
    """Take in one record; False when it is not what was written."""
    length, _, checksum = _HEAD.unpack_from(view)
    content = view[_HEAD.size :]
    if zlib.crc32(content) != checksum:
        return False
    try:
        obj = parse_json(bytes(content[:length]), limit=_MAX_JSON)
        fields = Fields(obj)
        if fields.has("had"):
            found.had = max(found.had, fields.integer("had", low=0, high=MAX_INTEGER))
        else:
            found.entries.append(_entry(obj, fields, content[length:]))
    except ProtocolError:
        return False
    return True


def _entry(obj: dict[str, object], fields: Fields, raw: memoryview) -> Entry:
    event = obj.get("event")
    if raw and isinstance(event, dict):
        event["sealed"] = b2a_base64(raw, newline=False).decode("ascii")
    fields.object("event")
    return Entry(
        fields.integer("number", low=1, high=MAX_INTEGER),
        fields.hex("boot", 32),
        parse_relay_event(event),  # type: ignore[arg-type]  # an object, or `fields` had refused it
    )

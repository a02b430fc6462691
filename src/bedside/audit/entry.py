"""One journal entry: who did what to which object, when, and how it came out.

Rules held here:

1. A line is canonical JSON (keys sorted, no spaces, UTF-8, integers only) of at most 8 KiB.
2. Text is copied into the entry, never referenced: a renamed person keeps the old name in old acts.
3. `parse_entry` accepts exactly what `Entry.to_line` writes, byte for byte.

Only the standard library is imported: the idle agent loads this module.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from time import gmtime
from typing import Any, NoReturn, Self, TypeVar

from bedside.vocabulary import ClockState, Gate, JournalAction, Outcome, SessionId

__all__ = [
    "ENTRY_KEYS",
    "MAX_LINE_BYTES",
    "MAX_TEXT",
    "SYSTEM",
    "Act",
    "Actor",
    "ActorKind",
    "Deed",
    "DetailValue",
    "Entry",
    "EntryError",
    "Thing",
    "parse_entry",
    "short",
    "time_ms",
    "time_text",
]

MAX_LINE_BYTES = 8192
MAX_TEXT = 2000
MAX_DETAILS = 32
_MAX_INTEGER = 2**53 - 1

DetailValue = str | int | bool

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z\Z", re.ASCII)
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}\Z", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_SESSION = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z", re.ASCII)
_W = TypeVar("_W", bound=StrEnum)
ENTRY_KEYS = frozenset(
    [
        "action",
        "actor",
        "case",
        "clock",
        "detail",
        "gate",
        "object",
        "outcome",
        "prev",
        "seq",
        "session",
        "time",
    ]
)


class EntryError(ValueError):
    """These bytes or values are not a journal entry; the message says which part."""


class ActorKind(StrEnum):
    """What kind of actor did the act: a person wherever one can be named."""

    PERSON = "person"
    OPERATOR = "operator"
    DEVICE = "device"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: kind, permanent id, and the name as it was at that moment."""

    kind: ActorKind
    id: str
    name: str


SYSTEM = Actor(ActorKind.SYSTEM, "bedside", "Bedside")
"""The program itself, where no person and no device acted."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What was acted upon: a kind such as `device` or `session`, and its id as text."""

    kind: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Deed:
    """What was done, before anybody looked at a clock; a journal stamps it under its lock.

    Raises EntryError where a value could not stand in an entry.
    """

    actor: Actor
    action: JournalAction
    object: Thing
    outcome: Outcome = Outcome.SUCCESS
    gate: Gate | None = None
    session: SessionId | None = None
    case: str | None = None
    detail: Mapping[str, DetailValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_text("actor.id", self.actor.id, 200)
        _check_text("actor.name", self.actor.name, 200)
        _check_match("object.kind", self.object.kind, _KIND)
        _check_text("object.id", self.object.id, 200)
        if self.session is not None:
            _check_match("session", self.session, _SESSION)
        if self.case is not None:
            _check_text("case", self.case, 64)
        _check_detail(self.detail)

    def stamped(self, time: str, clock: ClockState) -> "Act":
        """Return this deed at a moment; `time` is `time_text` of it, `clock` its state (R54)."""
        values = {name: getattr(self, name) for name in Deed.__dataclass_fields__}
        return Act(time=time, clock=clock, **values)


@dataclass(frozen=True, kw_only=True)
class Act(Deed):
    """A deed at its moment, before it has a place in a journal."""

    time: str
    clock: ClockState

    def __post_init__(self) -> None:
        super().__post_init__()
        time_ms(self.time)

    def at(self, seq: int, prev: str | None) -> "Entry":
        """Return this act as entry number `seq` (from 0) after the entry whose hash is `prev`."""
        values = {name: getattr(self, name) for name in Act.__dataclass_fields__}
        return Entry(seq=seq, prev=prev, **values)


@dataclass(frozen=True, kw_only=True)
class Entry(Act):
    """An act at its place: `seq` counts from 0; `prev` is set in a device's chain only."""

    seq: int
    prev: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.seq <= _MAX_INTEGER:
            raise EntryError("seq is out of range")
        if self.prev is not None:
            _check_match("prev", self.prev, _HASH)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as the JSON object that stands in the journal."""
        return {
            "action": str(self.action),
            "actor": {
                "id": self.actor.id,
                "kind": str(self.actor.kind),
                "name": self.actor.name,
            },
            "case": self.case,
            "clock": str(self.clock),
            "detail": dict(self.detail),
            "gate": None if self.gate is None else str(self.gate),
            "object": {"id": self.object.id, "kind": self.object.kind},
            "outcome": str(self.outcome),
            "prev": self.prev,
            "seq": self.seq,
            "session": self.session,
            "time": self.time,
        }

    def to_line(self) -> bytes:
        """Return the canonical line, without a newline, or raise EntryError when over 8 KiB."""
        line = _canonical(self.to_dict())
        if len(line) > MAX_LINE_BYTES:
            raise EntryError("entry is over 8 KiB")
        return line

    @classmethod
    def from_dict(cls, obj: Mapping[str, Any]) -> Self:
        """Return the entry that `obj` spells; unknown or missing fields raise EntryError."""
        if obj.keys() != ENTRY_KEYS:
            raise EntryError("fields are not those of an entry")
        actor = _members(obj["actor"], "actor", {"id", "kind", "name"})
        thing = _members(obj["object"], "object", {"id", "kind"})
        return cls(
            seq=_integer(obj["seq"], "seq"),
            prev=_optional_text(obj["prev"], "prev"),
            time=_text(obj["time"], "time"),
            clock=_word(ClockState, obj["clock"], "clock"),
            actor=Actor(
                _word(ActorKind, actor["kind"], "actor.kind"),
                _text(actor["id"], "actor.id"),
                _text(actor["name"], "actor.name"),
            ),
            action=_word(JournalAction, obj["action"], "action"),
            object=Thing(_text(thing["kind"], "object.kind"), _text(thing["id"], "object.id")),
            outcome=_word(Outcome, obj["outcome"], "outcome"),
            gate=None if obj["gate"] is None else _word(Gate, obj["gate"], "gate"),
            session=_session(obj["session"]),
            case=_optional_text(obj["case"], "case"),
            detail=_mapping(obj["detail"], "detail"),
        )


def parse_entry(line: bytes) -> Entry:
    """Return the entry in `line` (no newline), or raise EntryError.

    Accepts canonical bytes only: the same entry has one spelling, so a hash names one entry.
    """
    entry = Entry.from_dict(_read_object(line))
    if entry.to_line() != line:
        raise EntryError("not in canonical form")
    return entry


def _read_object(line: bytes) -> dict[str, Any]:
    """Return the JSON object in `line`: at most 8 KiB, strict UTF-8, no float."""
    if len(line) > MAX_LINE_BYTES:
        raise EntryError("line is over 8 KiB")
    try:
        value = _DECODER.decode(line.decode("utf-8"))
    except EntryError:
        raise
    except (ValueError, RecursionError) as error:
        raise EntryError("not JSON") from error
    if not isinstance(value, dict):
        raise EntryError("not a JSON object")
    return value


def time_text(ms: int) -> str:
    """Return Unix milliseconds as `2026-11-23T14:03:22.123Z`."""
    try:
        moment = gmtime(ms // 1000)
    except (OverflowError, OSError, ValueError) as error:
        raise EntryError("time is out of range") from error
    if not 1 <= moment.tm_year <= 9999:
        raise EntryError("time is out of range")
    date = f"{moment.tm_year:04d}-{moment.tm_mon:02d}-{moment.tm_mday:02d}"
    clock = f"{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}"
    return f"{date}T{clock}.{ms % 1000:03d}Z"


def time_ms(text: str) -> int:
    """Return the Unix milliseconds of an entry's time, or raise EntryError."""
    match = _TIME.match(text)
    if match is None:
        raise EntryError("time is not in the form 2026-11-23T14:03:22.123Z")
    year, month, day, hour, minute, second, fraction = map(int, match.groups())
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    ms = seconds * 1000 + fraction
    if time_text(ms) != text:
        raise EntryError("time does not exist")
    return ms


def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 in the Gregorian calendar (years that begin in March)."""
    # datetime would cost the idle agent half a mebibyte.
    year -= month <= 2
    century, years = divmod(year, 400)
    days = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return century * 146_097 + years * 365 + years // 4 - years // 100 + days - 719_468


def short(text: str, limit: int = 200) -> str:
    """Return foreign text fit for an entry: no control or surrogate character, `limit` at most.

    What is cut is said by an ellipsis. For text that came from a peer, a file name, an error.
    """
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _canonical(obj: object) -> bytes:
    text = json.dumps(
        obj, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EntryError("text has a lone surrogate") from error


def _refuse_number(text: str) -> NoReturn:
    raise EntryError(f"not an integer: {text[:20]}")


# A field that stands twice, `-0` and the like fail the comparison with the canonical form.
_DECODER = json.JSONDecoder(
    parse_float=_refuse_number,
    parse_constant=_refuse_number,
)


def _check_text(where: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise EntryError(f"{where} has over {limit} characters")


def _check_match(where: str, text: str, pattern: re.Pattern[str]) -> None:
    if not pattern.match(text):
        raise EntryError(f"{where} is malformed")


def _check_detail(detail: Mapping[str, object]) -> None:
    if len(detail) > MAX_DETAILS:
        raise EntryError(f"more than {MAX_DETAILS} details")
    for name, value in detail.items():
        _check_match("detail name", name, _NAME)
        if isinstance(value, str):
            _check_text(f"detail.{name}", value, MAX_TEXT)
        elif not isinstance(value, int) or abs(value) > _MAX_INTEGER:
            raise EntryError(f"detail.{name} is neither text, integer nor boolean")


def _members(value: Any, where: str, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != names:
        raise EntryError(f"{where} is malformed")
    return value


def _mapping(value: Any, where: str) -> dict[str, DetailValue]:
    if not isinstance(value, dict):
        raise EntryError(f"{where} is malformed")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise EntryError(f"{where} is not text")
    return value


def _optional_text(value: Any, where: str) -> str | None:
    return None if value is None else _text(value, where)


def _session(value: Any) -> SessionId | None:
    return None if value is None else SessionId(_text(value, "session"))


def _integer(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise EntryError(f"{where} is not an integer")
    return value


def _word(kind: type[_W], value: Any, where: str) -> _W:
    text = _text(value, where)
    try:
        return kind(text)
    except ValueError as error:
        raise EntryError(f"{where} is not a known word") from error

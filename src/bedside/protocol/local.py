"""What the agent and a panel tell each other over the Unix socket (`docs/protocol/local.md`).

One JSON object a line, at most 64 KiB. Either end ignores fields that it does not know (5.3), so
that a device maker's own screen keeps working when the agent learns new words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from bedside.language import Language
from bedside.protocol.codec import MAX_INTEGER, Fields, Wire, parse_json
from bedside.protocol.errors import LimitError, LocalMisuseError, MalformedError, ProtocolError
from bedside.protocol.shapes import FINGERPRINT, parse_time
from bedside.protocol.shown import (
    AskedRequest,
    Connection,
    Device,
    Joined,
    OpenSession,
    SiteWords,
    Verification,
)
from bedside.protocol.support import SupportContact, read_contacts
from bedside.vocabulary import (
    Activity,
    Gate,
    HelpTopic,
    SessionId,
    parse_session_id,
)

__all__ = [
    "MAX_JOURNAL_PAGE",
    "MAX_LINE",
    "Accept",
    "AskHelp",
    "AskedRequest",
    "Connection",
    "Device",
    "Done",
    "Failed",
    "FromAgent",
    "FromPanel",
    "Hello",
    "Joined",
    "JournalPage",
    "JournalQuery",
    "LineReader",
    "OpenSession",
    "PanelFault",
    "Refuse",
    "SiteWords",
    "Status",
    "Stop",
    "Verification",
    "Verified",
    "number_of",
    "parse_from_agent",
    "parse_from_panel",
    "to_line",
]

Value = TypeVar("Value")

MAX_LINE = 64 * 1024
MAX_JOURNAL_PAGE = 100


class PanelFault(StrEnum):
    """Why the agent hangs up on a panel (5.11); said in an `error` line before."""

    MALFORMED = "malformed"
    NO_HELLO = "no_hello"
    TOO_LONG = "too_long"


# ---- Agent to panel ----


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Wire):
    """Everything a panel shows; sent at hello and at every change."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "status"}

    activity: Activity
    device: Device
    site: SiteWords
    connection: Connection
    request: AskedRequest | None
    session: OpenSession | None
    presence_code: str | None
    host_key: str | None
    verification: Verification | None
    locked: bool
    fault: Gate | None
    now_ms: int
    help_ms: int | None = None
    """When help was last asked for, within the last hour."""
    contacts: tuple[SupportContact, ...] = ()
    """Whom to call, as the last configuration named them."""
    lock_reason: str | None = None
    """Why the device is locked, in the words of who locked it."""

    @classmethod
    def from_fields(cls, fields: Fields) -> "Status":
        """Read this message."""
        request = fields.optional("request", fields.object)
        session = fields.optional("session", fields.object)
        verification = fields.optional("verification", fields.object)
        return cls(
            activity=fields.enum("activity", Activity),
            device=Device.from_fields(fields.object("device")),
            site=SiteWords.from_fields(fields.object("site")),
            connection=Connection.from_fields(fields.object("connection")),
            request=AskedRequest.from_fields(request) if request else None,
            session=OpenSession.from_fields(session) if session else None,
            presence_code=fields.optional("presence_code", fields.text, max=12),
            host_key=fields.optional("host_key", fields.text, max=64, pattern=FINGERPRINT),
            verification=Verification.from_fields(verification) if verification else None,
            locked=fields.boolean("locked"),
            fault=fields.optional("fault", fields.enum, members=Gate),
            now_ms=parse_time(fields, "now_ms"),
            help_ms=fields.optional("help_ms", fields.integer, low=0, high=MAX_INTEGER),
            contacts=read_contacts(fields) if fields.has("contacts") else (),
            lock_reason=fields.optional("lock_reason", fields.text, max=200),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage(Wire):
    """Entries of the device's journal, newest first; `more` says that there are older ones."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "journal"}

    entries: tuple[dict[str, Any], ...]
    more: bool

    @classmethod
    def from_fields(cls, fields: Fields) -> "JournalPage":
        """Read this message."""
        entries = tuple(fields.list("entries", max=MAX_JOURNAL_PAGE))
        if not all(type(entry) is dict for entry in entries):
            raise MalformedError("not_an_object", "entries")
        return cls(entries=entries, more=fields.boolean("more"))


@dataclass(frozen=True, slots=True)
class Done(Wire):
    """What the panel asked for under `id` is done, and is in the journal."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "done"}

    id: int

    @classmethod
    def from_fields(cls, fields: Fields) -> "Done":
        """Read this message."""
        return cls(id=_id(fields))


@dataclass(frozen=True, slots=True)
class Failed(Wire):
    """What the panel asked for under `id` was not done: a stable code, a sentence to show."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "error"}

    id: int
    code: str
    sentence: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "Failed":
        """Read this message."""
        return cls(
            id=_id(fields),
            code=fields.text("code", max=64),
            sentence=fields.text("sentence", max=300),
        )


FromAgent = Status | JournalPage | Done | Failed


# ---- Panel to agent ----


@dataclass(frozen=True, slots=True)
class Hello(Wire):
    """The first line of a panel."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "hello", "v": 1}

    id: int
    language: Language

    @classmethod
    def from_fields(cls, fields: Fields) -> "Hello":
        """Read this message."""
        fields.version()
        return cls(id=_id(fields), language=fields.enum("language", Language))


@dataclass(frozen=True, slots=True)
class Accept(Wire):
    """The operator `name` lets the specialist in."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "accept"}

    id: int
    session: SessionId
    name: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "Accept":
        """Read this message."""
        return cls(
            id=_id(fields),
            session=fields.parsed("session", parse_session_id),
            name=_name(fields),
        )


@dataclass(frozen=True, slots=True)
class Refuse(Wire):
    """The operator says no."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "refuse"}

    id: int
    session: SessionId

    @classmethod
    def from_fields(cls, fields: Fields) -> "Refuse":
        """Read this message."""
        return cls(id=_id(fields), session=fields.parsed("session", parse_session_id))


@dataclass(frozen=True, slots=True)
class Stop(Wire):
    """The operator ends whatever is open (R13)."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "stop"}

    id: int

    @classmethod
    def from_fields(cls, fields: Fields) -> "Stop":
        """Read this message."""
        return cls(id=_id(fields))


@dataclass(frozen=True, slots=True)
class AskHelp(Wire):
    """Somebody at the device asks the manufacturer for help (R14); `name` may be empty."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "help"}

    id: int
    topic: HelpTopic
    name: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "AskHelp":
        """Read this message."""
        return cls(
            id=_id(fields),
            topic=fields.enum("topic", HelpTopic),
            name=fields.text("name", min=0, max=80),
        )


@dataclass(frozen=True, slots=True)
class Verified(Wire):
    """`name` verified the device after service."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "verified"}

    id: int
    session: SessionId
    name: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "Verified":
        """Read this message."""
        return cls(
            id=_id(fields),
            session=fields.parsed("session", parse_session_id),
            name=_name(fields),
        )


@dataclass(frozen=True, slots=True)
class JournalQuery(Wire):
    """Ask for entries before the one at index `before`; None asks for the newest."""

    FIXED: ClassVar[dict[str, str | int]] = {"type": "journal"}

    id: int
    before: int | None
    limit: int

    @classmethod
    def from_fields(cls, fields: Fields) -> "JournalQuery":
        """Read this message."""
        return cls(
            id=_id(fields),
            before=fields.optional("before", fields.integer, low=0, high=MAX_INTEGER),
            limit=fields.integer("limit", low=1, high=MAX_JOURNAL_PAGE),
        )


FromPanel = Hello | Accept | Refuse | Stop | AskHelp | Verified | JournalQuery


class LineReader:
    """Cuts what a stream brings into lines of at most `limit` bytes."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0

    def receive(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def next(self) -> bytes | None:
        """Return the next whole line without its end; None when more must arrive.

        Raises LimitError when a line is too long, whether its end arrived or not.
        """
        end = self._buffer.find(b"\n", self._searched)
        if max(end, 0 if end >= 0 else len(self._buffer)) > self._limit:
            raise LimitError("line")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return line


def to_line(message: FromAgent | FromPanel) -> bytes:
    """Return a message as one line; raise LocalMisuseError if it is too long to be read."""
    line = message.to_json()
    if len(line) > MAX_LINE:
        raise LocalMisuseError("a line that no panel would read")
    return line + b"\n"


def parse_from_agent(line: bytes) -> FromAgent:
    """Return what a panel reads; raises ProtocolError."""
    return _parse(line, _FROM_AGENT)


def parse_from_panel(line: bytes) -> FromPanel:
    """Return what the agent reads; raises ProtocolError."""
    return _parse(line, _FROM_PANEL)


def number_of(line: bytes) -> int:
    """Return the `id` of a line, whatever else is wrong with it; 0 where it cannot be read."""
    try:
        return _id(Fields(parse_json(line, limit=MAX_LINE)))
    except ProtocolError:
        return 0


def _parse(line: bytes, readers: dict[str, Callable[[Fields], Value]]) -> Value:
    fields = Fields(parse_json(line, limit=MAX_LINE))
    reader = readers.get(fields.text("type", max=32))
    if reader is None:
        raise MalformedError("unknown_type", "type")
    return reader(fields)


def _id(fields: Fields) -> int:
    return fields.integer("id", low=0, high=MAX_INTEGER)


def _name(fields: Fields) -> str:
    name = fields.text("name", max=120)
    if not name.strip():
        raise MalformedError("empty", "name")
    return name


_FROM_AGENT: dict[str, Callable[[Fields], FromAgent]] = {
    "done": Done.from_fields,
    "error": Failed.from_fields,
    "journal": JournalPage.from_fields,
    "status": Status.from_fields,
}
_FROM_PANEL: dict[str, Callable[[Fields], FromPanel]] = {
    "accept": Accept.from_fields,
    "hello": Hello.from_fields,
    "help": AskHelp.from_fields,
    "journal": JournalQuery.from_fields,
    "refuse": Refuse.from_fields,
    "stop": Stop.from_fields,
    "verified": Verified.from_fields,
}

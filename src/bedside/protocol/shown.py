"""What a panel shows, piece by piece: the device, its site, who asks, who is inside (5.6)."""

from dataclasses import dataclass

from bedside.language import Language
from bedside.protocol.codec import MAX_INTEGER, Fields, Wire
from bedside.protocol.shapes import Person, parse_actions, parse_time
from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    Mode,
    RelayName,
    SessionId,
    SiteAction,
    parse_device_id,
    parse_relay_name,
    parse_session_id,
)

__all__ = [
    "AskedRequest",
    "Connection",
    "Device",
    "Joined",
    "OpenSession",
    "SiteWords",
    "Verification",
]

_MAX_CHANGES = 64
_MAX_APPROVERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Device(Wire):
    """Which device this is."""

    id: DeviceId
    name: str
    product: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "Device":
        """Read a device."""
        return cls(
            id=fields.parsed("id", parse_device_id),
            name=fields.text("name", max=120),
            product=fields.text("product", max=64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWords(Wire):
    """Where it stands, in which language people there read, and which policy of theirs applies.

    `policy` is the number of the site's policy; 0 where its key is here and no policy yet, None
    where the site has put no key on the device.
    """

    name: str
    language: Language
    policy: int | None = None

    @classmethod
    def from_fields(cls, fields: Fields) -> "SiteWords":
        """Read a site."""
        return cls(
            name=fields.text("name", max=120),
            language=fields.enum("language", Language),
            policy=fields.optional("policy", fields.integer, low=0, high=MAX_INTEGER),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Wire):
    """When a relay last answered, and when the console was last heard of."""

    relay: RelayName | None
    last_poll_ms: int | None
    console_ms: int | None

    @classmethod
    def from_fields(cls, fields: Fields) -> "Connection":
        """Read a connection."""
        return cls(
            relay=fields.optional("relay", fields.parsed, parse=parse_relay_name),
            last_poll_ms=_optional_time(fields, "last_poll_ms"),
            console_ms=_optional_time(fields, "console_ms"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRequest(Wire):
    """Somebody asks to come in; the answer is no when `answer_by_ms` has passed.

    `actions` is asked beside the session; `approved_by` names who of the site verifiably approved.
    """

    session: SessionId
    person: Person
    access: AccessKind
    mode: Mode
    reason: str
    case: str
    ticket: str | None
    duration_s: int
    answer_by_ms: int
    actions: tuple[SiteAction, ...] = ()
    approved_by: tuple[str, ...] = ()
    break_glass: bool = False
    joins: SessionId | None = None
    """The live session that this person asks to join; refused, that session goes on."""

    @classmethod
    def from_fields(cls, fields: Fields) -> "AskedRequest":
        """Read a request."""
        return cls(
            session=fields.parsed("session", parse_session_id),
            person=Person.from_fields(fields.object("person")),
            access=fields.enum("access", AccessKind),
            mode=fields.enum("mode", Mode),
            reason=fields.text("reason", max=500),
            case=fields.text("case", max=64),
            ticket=fields.optional("ticket", fields.text, max=64),
            duration_s=fields.integer("duration_s", low=0, high=86_400),
            answer_by_ms=parse_time(fields, "answer_by_ms"),
            actions=parse_actions(fields, "actions"),
            approved_by=fields.texts("approved_by", max=_MAX_APPROVERS, each=120),
            break_glass=fields.boolean("break_glass"),
            joins=fields.optional("joins", fields.parsed, parse=parse_session_id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Wire):
    """Somebody was allowed to join an open session: they watch once they have authenticated.

    `may_control` says that the operator allowed to hand control over to them, `controls` that they
    have taken it.
    """

    session: SessionId
    person: Person
    since_ms: int
    watches: bool
    presence_code: str | None
    may_control: bool = False
    controls: bool = False

    @classmethod
    def from_fields(cls, fields: Fields) -> "Joined":
        """Read who joined."""
        return cls(
            session=fields.parsed("session", parse_session_id),
            person=Person.from_fields(fields.object("person")),
            since_ms=parse_time(fields, "since_ms"),
            watches=fields.boolean("watches"),
            presence_code=fields.optional("presence_code", fields.text, max=12),
            may_control=fields.boolean("may_control"),
            controls=fields.boolean("controls"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession(Wire):
    """Somebody was allowed in; `doing` is what they do now, in the site's language, or empty."""

    session: SessionId
    person: Person
    access: AccessKind
    mode: Mode
    since_ms: int
    until_ms: int
    doing: str
    break_glass: bool = False
    joined: Joined | None = None
    watching: Joined | None = None
    """Somebody of the site itself who joined, to watch and nothing else (R18)."""

    @classmethod
    def from_fields(cls, fields: Fields) -> "OpenSession":
        """Read a session."""
        joined = fields.optional("joined", fields.object)
        watching = fields.optional("watching", fields.object)
        return cls(
            session=fields.parsed("session", parse_session_id),
            person=Person.from_fields(fields.object("person")),
            access=fields.enum("access", AccessKind),
            mode=fields.enum("mode", Mode),
            since_ms=parse_time(fields, "since_ms"),
            until_ms=parse_time(fields, "until_ms"),
            doing=fields.text("doing", min=0, max=200),
            break_glass=fields.boolean("break_glass"),
            joined=Joined.from_fields(joined) if joined else None,
            watching=Joined.from_fields(watching) if watching else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification(Wire):
    """Service was performed; a person must verify the device before clinical use (R11)."""

    session: SessionId
    person: str
    at_ms: int
    changes: tuple[str, ...]

    @classmethod
    def from_fields(cls, fields: Fields) -> "Verification":
        """Read a verification that is due."""
        return cls(
            session=fields.parsed("session", parse_session_id),
            person=fields.text("person", max=120),
            at_ms=parse_time(fields, "at_ms"),
            changes=fields.texts("changes", max=_MAX_CHANGES, each=300),
        )


def _optional_time(fields: Fields, name: str) -> int | None:
    return fields.optional(name, fields.integer, low=0, high=MAX_INTEGER)

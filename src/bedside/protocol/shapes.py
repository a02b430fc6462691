"""The parts that several messages share: people, sites, relays, heads of journals."""

import re
from dataclasses import dataclass

from bedside.language import Language
from bedside.protocol.codec import MAX_INTEGER, Fields, Wire
from bedside.protocol.errors import MalformedError
from bedside.vocabulary import Level, RelayName, SiteAction, parse_relay_name

__all__ = [
    "CERTIFICATE_LINE",
    "FINGERPRINT",
    "MAX_MS",
    "MAX_REVOKED",
    "MESSAGE_ID",
    "PRODUCT",
    "SERIAL",
    "JournalHead",
    "Person",
    "Relay",
    "Site",
    "check_host",
    "check_time_zone",
    "parse_actions",
    "parse_message_id",
    "parse_preferred",
    "parse_relays",
    "parse_revoked",
    "parse_time",
]

MAX_MS = MAX_INTEGER
MAX_REVOKED = 64
"""So many serials of relays' certificates a configuration names (2.17)."""

SERIAL = re.compile(r"[0-9a-f]{1,40}")
PRODUCT = re.compile(r"[a-z][a-z0-9-]{0,63}")
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
MESSAGE_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
CERTIFICATE_LINE = re.compile(
    r"ecdsa-sha2-nistp256-cert-v01@openssh\.com [A-Za-z0-9+/]+={0,2}(?: [!-~]+)?"
)
_COUNTRY = re.compile(r"[A-Z]{2}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ADDRESS_6 = re.compile(r"[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}")
_TIME_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}")


def parse_actions(fields: Fields, name: str) -> tuple[SiteAction, ...]:
    """Return a list of actions, each once, sorted."""
    actions = fields.texts(name, max=len(SiteAction), each=32)
    try:
        members = tuple(SiteAction(action) for action in actions)
    except ValueError:
        raise MalformedError("not_a_member", name) from None
    if list(members) != sorted(set(members)):
        raise MalformedError("order", name)
    return members


def parse_message_id(text: str) -> str:
    """Return `text` as a message id (a ULID), or raise ValueError."""
    if not MESSAGE_ID.fullmatch(text):
        raise ValueError("not a message id")
    return text


def parse_time(fields: Fields, name: str) -> int:
    """Return a moment in Unix milliseconds."""
    return fields.integer(name, low=0, high=MAX_MS)


def check_time_zone(text: str) -> str:
    """Return `text` if it has the form of an IANA time zone's name, or raise ValueError."""
    if not _TIME_ZONE.fullmatch(text):
        raise ValueError("not a time zone")
    return text


def check_host(text: str, *, address: bool) -> str:
    """Return `text` if it is a lower-case host name or, where `address`, an IP address.

    Raises ValueError.
    """
    if len(text) <= 253 and _NAME.fullmatch(text):
        return text
    if address and _ADDRESS_6.fullmatch(text):
        return text
    raise ValueError("not a host name")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHead(Wire):
    """How many entries a journal has, and the hash over all of them."""

    size: int
    head: str

    @classmethod
    def from_fields(cls, fields: Fields, *, ignore_unknown: bool = False) -> "JournalHead":
        """Read a head."""
        head = cls(
            size=fields.integer("size", low=0, high=MAX_INTEGER), head=fields.hex("head", 64)
        )
        fields.end(ignore_unknown=ignore_unknown)
        return head


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Wire):
    """Who asks, in the words that the operator reads (S36: level and country).

    Support levels are the manufacturer's: somebody of the site itself has none.
    """

    id: str
    name: str
    employer: str
    level: Level | None
    country: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "Person":
        """Read a person."""
        person = cls(
            id=fields.text("id", max=64),
            name=fields.text("name", max=120),
            employer=fields.text("employer", max=120),
            level=fields.optional("level", fields.enum, members=Level),
            country=fields.text("country", max=2, pattern=_COUNTRY),
        )
        fields.end()
        return person


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Wire):
    """Where a device stands."""

    id: str
    name: str
    language: Language
    timezone: str
    country: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "Site":
        """Read a site."""
        site = cls(
            id=fields.text("id", max=64),
            name=fields.text("name", max=120),
            language=fields.enum("language", Language),
            timezone=fields.text("timezone", max=64, pattern=_TIME_ZONE),
            country=fields.text("country", max=2, pattern=_COUNTRY),
        )
        fields.end()
        return site


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay(Wire):
    """One relay in a signed list: dial `host`, ask for and verify `server_name` (S25)."""

    name: RelayName
    host: str
    server_name: str
    ports: tuple[int, ...]

    @classmethod
    def from_fields(cls, fields: Fields) -> "Relay":
        """Read a relay: one to eight different ports, in the order in which they are tried."""
        relay = cls(
            name=fields.parsed("name", parse_relay_name),
            host=fields.parsed("host", lambda text: check_host(text, address=True), max=253),
            server_name=fields.parsed(
                "server_name", lambda text: check_host(text, address=False), max=253
            ),
            ports=tuple(_port(port) for port in fields.list("ports", min=1, max=8)),
        )
        fields.end()
        if len(set(relay.ports)) != len(relay.ports):
            raise MalformedError("repeated", "ports")
        return relay


def parse_relays(fields: Fields, name: str = "relays") -> tuple[Relay, ...]:
    """Return a list of one to sixteen relays whose names are unique."""
    relays = tuple(Relay.from_fields(item) for item in fields.objects(name, min=1, max=16))
    if len({relay.name for relay in relays}) != len(relays):
        raise MalformedError("repeated", name)
    return relays


def parse_revoked(fields: Fields, name: str = "revoked") -> tuple[str, ...]:
    """Return up to 64 serials of relays' certificates, lower-case hexadecimal, each once."""
    serials = fields.texts(name, max=MAX_REVOKED, each=40, pattern=SERIAL)
    if len(set(serials)) != len(serials):
        raise MalformedError("repeated", name)
    return serials


def parse_preferred(fields: Fields, name: str = "preferred") -> tuple[RelayName, ...]:
    """Return up to sixteen names of relays, each once, the most preferred first."""
    texts = fields.texts(name, max=16, each=32)
    try:
        names = tuple(parse_relay_name(text) for text in texts)
    except ValueError:
        raise MalformedError("value", name) from None
    if len(set(names)) != len(names):
        raise MalformedError("repeated", name)
    return names


def _port(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 65535:
        raise MalformedError("range", "ports")
    return value

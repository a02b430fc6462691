"""A product profile: everything that exists on a product's devices for remote service (S3).

What a profile does not name does not exist: there is no host beside the device's own loopback, and
no default that opens anything (`docs/reference/profile.md`).
"""

import re
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bedside.language import Language
from bedside.protocol.errors import LimitError, MalformedError
from bedside.protocol.fields import Fields
from bedside.protocol.shapes import PRODUCT
from bedside.vocabulary import AccessKind, Mode

__all__ = [
    "MAX_PROFILE",
    "DataItem",
    "Endpoint",
    "Inbox",
    "ProductProfile",
    "SafeState",
    "Scrub",
    "ServiceAccess",
    "SystemAccess",
    "Words",
    "parse_profile",
]

MAX_PROFILE = 64 * 1024
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PATH = re.compile(r"(?:/(?!\.\.?(?:/|$))[^/\x00]+)+")
_MAX_FILE = 2**40


class Scrub(StrEnum):
    """How patient data is taken out of a data item before it leaves."""

    NONE = "none"


@dataclass(frozen=True, slots=True)
class Words:
    """One text in every language."""

    en: str
    fr: str

    def say(self, language: Language) -> str:
        """Return the text in this language."""
        return self.fr if language is Language.FRENCH else self.en

    @classmethod
    def from_fields(cls, fields: Fields) -> "Words":
        """Read a text; every language is needed."""
        words = cls(en=fields.text("en", max=300), fr=fields.text("fr", max=300))
        fields.end()
        return words


@dataclass(frozen=True, slots=True)
class ServiceAccess:
    """The product's service application; `view_command` is the one that changes nothing.

    `user` is the device's user that it needs, None where any will do.
    """

    command: tuple[str, ...]
    view_command: tuple[str, ...] | None
    user: str | None = None
    patient_data: bool = False
    """Whether it can show patient data (S39): only people with that right may ask for it."""

    def command_in(self, mode: Mode) -> tuple[str, ...] | None:
        """Return the command of this mode, None where the product has none."""
        return self.command if mode is Mode.CONTROL else self.view_command

    @classmethod
    def from_fields(cls, fields: Fields) -> "ServiceAccess":
        """Read the `access.service` table."""
        access = cls(
            command=_command(fields, "command"),
            view_command=_command(fields, "view_command") if fields.has("view_command") else None,
            user=fields.text("user", max=32, pattern=_USER) if fields.has("user") else None,
            patient_data=fields.boolean("patient_data") if fields.has("patient_data") else False,
        )
        fields.end()
        return access


@dataclass(frozen=True, slots=True)
class SystemAccess:
    """The operating system: a shell, and the commands that `view` may run, word for word."""

    shell: tuple[str, ...]
    read_only_commands: tuple[tuple[str, ...], ...]
    patient_data: bool = False
    """Whether it can show patient data (S39): only people with that right may ask for it."""

    @classmethod
    def from_fields(cls, fields: Fields) -> "SystemAccess":
        """Read the `access.system` table."""
        commands: tuple[tuple[str, ...], ...] = ()
        if fields.has("read_only_commands"):
            commands = tuple(
                _words(item, "read_only_commands")
                for item in fields.list("read_only_commands", max=64)
            )
        access = cls(
            shell=_command(fields, "shell"),
            read_only_commands=commands,
            patient_data=fields.boolean("patient_data") if fields.has("patient_data") else False,
        )
        fields.end()
        return access


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A port on the device's own loopback that a session may reach.

    In `view` only where the product promises that nothing can be changed through it (`view_safe`).
    """

    name: str
    port: int
    purpose: Words
    view_safe: bool = False

    @classmethod
    def from_fields(cls, fields: Fields) -> "Endpoint":
        """Read one of the `endpoints`; there is no host to name."""
        endpoint = cls(
            name=fields.text("name", max=31, pattern=_NAME),
            port=fields.integer("port", low=1, high=65_535),
            purpose=Words.from_fields(fields.object("purpose")),
            view_safe=fields.boolean("view_safe") if fields.has("view_safe") else False,
        )
        fields.end()
        return endpoint


@dataclass(frozen=True, slots=True)
class DataItem:
    """A file that may leave the device, under its name."""

    name: str
    path: str
    purpose: Words
    scrub: Scrub
    max_bytes: int

    @classmethod
    def from_fields(cls, fields: Fields) -> "DataItem":
        """Read one of the `data_items`."""
        item = cls(
            name=fields.text("name", max=64, pattern=_FILE_NAME),
            path=fields.text("path", max=500, pattern=_PATH),
            purpose=Words.from_fields(fields.object("purpose")),
            scrub=fields.enum("scrub", Scrub),
            max_bytes=fields.integer("max_bytes", low=1, high=_MAX_FILE),
        )
        fields.end()
        return item


@dataclass(frozen=True, slots=True)
class Inbox:
    """The folder into which a specialist may write in `control`."""

    path: str
    max_bytes: int

    @classmethod
    def from_fields(cls, fields: Fields) -> "Inbox":
        """Read the `inbox` table."""
        inbox = cls(
            path=fields.text("path", max=500, pattern=_PATH),
            max_bytes=fields.integer("max_bytes", low=1, high=_MAX_FILE),
        )
        fields.end()
        return inbox


@dataclass(frozen=True, slots=True)
class SafeState:
    """A command that says whether an exam runs: exit 0 no, 3 yes, all else unknown (R32)."""

    command: tuple[str, ...]
    timeout_s: int

    @classmethod
    def from_fields(cls, fields: Fields) -> "SafeState":
        """Read the `safe_state` table."""
        safe_state = cls(
            command=_command(fields, "command"),
            timeout_s=fields.integer("timeout_s", low=1, high=30),
        )
        fields.end()
        return safe_state


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductProfile:
    """One product."""

    id: str
    names: Words
    version: str
    software_only: bool
    service: ServiceAccess | None
    system: SystemAccess | None
    safe_state: SafeState
    monitored: bool = False
    """Whether the silence of its devices is an alarm where no rule says anything (S61)."""
    inbox: Inbox | None = None
    endpoints: tuple[Endpoint, ...] = ()
    data_items: tuple[DataItem, ...] = ()
    phi_exceptions: tuple[Words, ...] = field(default=())

    @property
    def access_kinds(self) -> frozenset[AccessKind]:
        """The access kinds that exist on this product (S58)."""
        kinds = {AccessKind.SERVICE: self.service, AccessKind.SYSTEM: self.system}
        return frozenset(kind for kind, access in kinds.items() if access is not None)

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "ProductProfile":
        """Read a profile; raises ProtocolError, naming the field."""
        fields = Fields(obj)
        access = fields.object("access")
        service = access.optional("service", access.object)
        system = access.optional("system", access.object)
        access.end()
        inbox = fields.optional("inbox", fields.object)
        profile = cls(
            id=fields.text("id", max=64, pattern=PRODUCT),
            names=Words.from_fields(fields.object("names")),
            version=fields.text("version", max=40),
            software_only=fields.boolean("software_only"),
            service=ServiceAccess.from_fields(service) if service else None,
            system=SystemAccess.from_fields(system) if system else None,
            safe_state=SafeState.from_fields(fields.object("safe_state")),
            monitored=fields.boolean("monitored") if fields.has("monitored") else False,
            inbox=Inbox.from_fields(inbox) if inbox else None,
            endpoints=tuple(map(Endpoint.from_fields, _tables(fields, "endpoints"))),
            data_items=tuple(map(DataItem.from_fields, _tables(fields, "data_items"))),
            phi_exceptions=tuple(map(Words.from_fields, _tables(fields, "phi_exceptions"))),
        )
        fields.end()
        if not profile.access_kinds:
            raise MalformedError("empty", "access")
        _check_unique("endpoints.name", [endpoint.name for endpoint in profile.endpoints])
        _check_unique("endpoints.port", [endpoint.port for endpoint in profile.endpoints])
        _check_unique("data_items.name", [item.name for item in profile.data_items])
        return profile


def parse_profile(data: bytes) -> ProductProfile:
    """Return the profile in a TOML file of at most 64 KiB; raises ProtocolError."""
    if len(data) > MAX_PROFILE:
        raise LimitError("size")
    try:
        obj = tomllib.loads(data.decode("utf-8"))
    except RecursionError:
        raise LimitError("depth") from None
    except ValueError:
        raise MalformedError("toml") from None
    return ProductProfile.from_dict(obj)


def _tables(fields: Fields, name: str) -> tuple[Fields, ...]:
    return fields.objects(name, max=64) if fields.has(name) else ()


def _command(fields: Fields, name: str) -> tuple[str, ...]:
    return fields.texts(name, min=1, max=32, each=256)


def _words(item: Any, where: str) -> tuple[str, ...]:
    return Fields({where: item}).texts(where, min=1, max=32, each=256)


def _check_unique(where: str, values: list[Any]) -> None:
    if len(set(values)) != len(values):
        raise MalformedError("repeated", where)

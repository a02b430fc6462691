"""The first member of a backup: what it is of, of when, how it is sealed, and what follows."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bedside.console.backup.seal import Lock, read_lock
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import Fields

__all__ = ["MAX_MANIFEST", "Manifest", "Member", "parse_manifest"]

MAX_MANIFEST = 64 * 1024
_MAX_MEMBER = 2**44
_APPS = 100
MEMBERS = ("database", "keys", "open")
"""What may follow, in this order: `keys` is absent from a backup without keys."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as it lies in the file: its bytes, and their SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself.

    `journal_size` and `journal_root` are those of the newest checkpoint in it; `migrations` the
    newest of each app; `seal` is over all the rest, by the key that the members are sealed with.
    """

    version: str
    taken_ms: int
    public_url: str
    database: str
    journal_size: int
    journal_root: str
    migrations: Mapping[str, str]
    lock: Lock | None
    members: tuple[Member, ...] = ()
    seal: str = field(default="", compare=False)

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        known: dict[str, Any] = {"v": 1, **asdict(self)}
        return json.dumps(known, sort_keys=True, separators=(",", ":")).encode()

    def sealed_bytes(self) -> bytes:
        """Return what the seal is over: all but the seal."""
        return replace(self, seal="").to_bytes()


def parse_manifest(data: bytes) -> Manifest:
    """Return a manifest, or raise ProtocolError naming the field."""
    try:
        obj = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("not_json", "manifest") from error
    fields = Fields(obj, "manifest")
    fields.version()
    manifest = Manifest(
        version=fields.text("version", max=40),
        taken_ms=fields.integer("taken_ms", low=0, high=2**53),
        public_url=fields.text("public_url", max=300),
        database=fields.text("database", max=20),
        journal_size=fields.integer("journal_size", low=0, high=2**53),
        journal_root=fields.hex("journal_root", 64),
        migrations=_migrations(fields),
        lock=read_lock(fields.object("lock")) if fields.has("lock") else None,
        members=tuple(map(_member, fields.objects("members", max=len(MEMBERS)))),
        seal=fields.text("seal", max=64, min=0),
    )
    fields.end()
    names = [member.name for member in manifest.members]
    if names not in (list(MEMBERS), ["database", "open"]):
        raise ProtocolError("members", "manifest")
    return manifest


def _migrations(fields: Fields) -> dict[str, str]:
    found = fields.object("migrations")
    named = {name: found.text(name, max=100) for name in found.unread()[:_APPS]}
    found.end()
    return named


def _member(row: Fields) -> Member:
    member = Member(
        name=row.text("name", max=20),
        size=row.integer("size", low=0, high=_MAX_MEMBER),
        sha256=row.hex("sha256", 64),
    )
    row.end()
    return member

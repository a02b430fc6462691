"""What stands on this device of its site, as both processes read it.

    the file of `site_trust`    the site's key, and of which site it is; root's, beside agent.toml
    state/site/policy.json      the policy, in the envelope that the site signed
    state/site/floor.json       the highest serial that ever applied, of which policy and key

The floor never goes down under one key: an older policy put back on the disk does not count. Only
the standard library is imported: the idle supervisor shows the policy's number.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bedside.agent.config import AgentConfig
from bedside.agent.files import make_private_folder, read_json, write_bytes, write_json
from bedside.agent.raised import raised
from bedside.protocol.codec import MAX_INTEGER, Fields, Wire
from bedside.protocol.errors import ProtocolError

__all__ = ["Floor", "SiteFiles", "SiteTrust"]

_KEY_ID = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTrust(Wire):
    """Whose policies this device takes: the site's id and its public key (PEM)."""

    site: str
    public_key: str

    @classmethod
    def from_fields(cls, fields: Fields) -> "SiteTrust":
        """Read it; raises ProtocolError."""
        trust = cls(
            site=fields.text("site", max=64),
            public_key=fields.text("public_key", max=1024, lines=True),
        )
        fields.end()
        return trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor(Wire):
    """The highest serial that applied under the key `key_id`, 0 where none did yet.

    `digest` is the SHA-256 (hex) of that policy, None where none of this key was applied.
    """

    key_id: str
    serial: int
    digest: str | None

    @classmethod
    def from_fields(cls, fields: Fields) -> "Floor":
        """Read it; raises ProtocolError."""
        floor = cls(
            key_id=fields.hex("key_id", _KEY_ID),
            serial=fields.integer("serial", low=0, high=MAX_INTEGER),
            digest=fields.optional("digest", fields.hex, length=64),
        )
        fields.end()
        return floor


class SiteFiles:
    """The files of one device.

    Args:
        config: where they are.
        patience_s: how long somebody else may hold them.

    Reading raises OSError, ValueError or ProtocolError where something stands there that cannot be
    read; None is what does not stand there.
    """

    def __init__(self, config: AgentConfig, *, patience_s: float = 2.0) -> None:
        self._trust = config.site_trust
        self._folder = config.state_dir / "site"
        self._patience_s = patience_s

    @contextmanager
    def held(self, *, to_read: bool = False) -> Iterator[None]:
        """Hold the files: the worker and a command of root's may both change them.

        Raises OSError where somebody else holds them for too long.
        """
        path = self._folder / "lock"
        if to_read and not path.exists():
            yield  # nothing was ever put here
            return
        if not to_read:
            make_private_folder(self._folder)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(lock, fcntl.LOCK_SH if to_read else fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def trust(self) -> SiteTrust | None:
        """Return the site's key."""
        stored = read_json(self._trust)
        return None if stored is None else SiteTrust.from_fields(Fields(stored))

    def floor(self) -> Floor | None:
        """Return the floor."""
        stored = read_json(self._folder / "floor.json")
        return None if stored is None else Floor.from_fields(Fields(stored))

    def policy(self) -> bytes | None:
        """Return the signed policy, unread."""
        try:
            return (self._folder / "policy.json").read_bytes()
        except FileNotFoundError:
            return None

    def number(self) -> int | None:
        """Return the number of the policy to show: 0 for a key without one, None without a key."""
        try:
            if self.trust() is None:
                return None
            floor = self.floor()
        except (OSError, ValueError, ProtocolError):
            return 0
        return 0 if floor is None else floor.serial

    def keep_trust(self, trust: SiteTrust) -> None:
        """Replace the site's key: root alone writes it, the worker reads it. Raises OSError."""
        with raised():
            write_json(self._trust, trust.to_dict())
            self._trust.chmod(0o644)

    def keep_floor(self, floor: Floor) -> None:
        """Replace the floor; raises OSError."""
        write_json(self._folder / "floor.json", floor.to_dict())

    def keep_policy(self, envelope: bytes) -> None:
        """Replace the policy; raises OSError."""
        write_bytes(self._folder / "policy.json", envelope)

    def _take(self, lock: int, kind: int) -> None:
        until = time.monotonic() + self._patience_s
        while True:
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.005)
            else:
                return

"""The identity folder as both processes of the agent read it: certificate, trust, settings.

    identity/trust.json      the enrolment bundle, as verified at enrolment
    identity/bundle.json     the same with the manufacturer's signature
    identity/hardware        the machine it was made on
    identity/current         link to the key set in use; `next` to one that has just been renewed
    configuration.json       the last configuration, as verified

Writing is `enrolment`'s and `renewal`'s. Only the standard library is imported here.
"""

import json
import ssl
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.agent.files import read_json
from bedside.agent.hardware import hardware_fingerprint
from bedside.agent.poll_plan import merge
from bedside.pki.contexts import device_client_context
from bedside.protocol.codec import Fields
from bedside.protocol.shapes import Relay, Site, parse_preferred, parse_relays, parse_revoked
from bedside.protocol.support import SupportContact, read_contacts
from bedside.vocabulary import DeviceId, PollMode, parse_device_id

__all__ = ["Identity", "KeySet", "NotEnrolledError", "Settings", "load_identity", "load_settings"]


class NotEnrolledError(RuntimeError):
    """This device has no identity yet: `bedside agent enrol` gives it one."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """One generation of keys with its certificate."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The device's certificate, PEM."""
        return self.folder / "certificate.pem"

    @property
    def identity_key(self) -> Path:
        """The private key of the certificate, PEM."""
        return self.folder / "identity.pem"

    @property
    def validity_ms(self) -> tuple[int, int]:
        """From when to when the certificate is valid, Unix milliseconds."""
        about = json.loads((self.folder / "about.json").read_bytes())
        return int(about["not_before_ms"]), int(about["not_after_ms"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this device is and whom it trusts."""

    folder: Path
    device: DeviceId
    product: str
    display_name: str
    site: Site
    relays: tuple[Relay, ...]
    ca: str
    trust: dict[str, Any]

    @property
    def current(self) -> KeySet:
        """The keys in use."""
        return KeySet(self.folder / "current")

    @property
    def next(self) -> KeySet | None:
        """The renewed keys that have not been tried yet, or None."""
        folder = self.folder / "next"
        return KeySet(folder) if folder.exists() else None

    def context(
        self, keys: KeySet, *, revoked: Collection[str] = (), tunnel: bool = False
    ) -> ssl.SSLContext:
        """Return the TLS context of these keys: pinned CA, this device's certificate.

        Relays whose certificate has one of the serials in `revoked` are refused.
        """
        return device_client_context(
            keys.certificate, keys.identity_key, self.ca, revoked=revoked, tunnel=tunnel
        )

    def matches_hardware(self, files: Iterable[Path]) -> bool:
        """Whether this is the machine on which the identity was made."""
        try:
            expected = (self.folder / "hardware").read_text()
        except OSError:
            return False
        return hardware_fingerprint(files) == expected

    def promote_next(self) -> None:
        """Use the renewed keys from now on; the old set stays until the next renewal."""
        (self.folder / "next").replace(self.folder / "current")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the last configuration says, or the bundle where there was none yet (serial 0)."""

    serial: int
    display_name: str
    site: Site
    relays: tuple[Relay, ...]
    poll_mode: PollMode
    locked: bool
    ssh_host_certificate: str = ""
    contacts: tuple[SupportContact, ...] = ()
    lock_reason: str = ""
    revoked: tuple[str, ...] = ()
    """Serials of relays' certificates that this device refuses."""

    @property
    def configured(self) -> bool:
        """Whether a configuration has arrived: without one no session opens."""
        return self.serial > 0


def load_identity(folder: Path) -> Identity:
    """Return the identity in `folder`; raise NotEnrolledError or ValueError (damaged)."""
    trust = read_json(folder / "trust.json")
    if trust is None or not (folder / "current").exists():
        raise NotEnrolledError("this device is not enrolled")
    fields = Fields(trust)
    return Identity(
        folder=folder,
        device=fields.parsed("device", parse_device_id),
        product=fields.text("product", max=64),
        display_name=fields.text("display_name", max=120),
        site=Site.from_fields(fields.object("site")),
        relays=parse_relays(fields),
        ca=fields.text("ca", max=16 * 1024, lines=True),
        trust=trust,
    )


def load_settings(path: Path, identity: Identity) -> Settings:
    """Return the settings in `path`; raise ValueError when the file is damaged."""
    stored = read_json(path)
    if stored is None:
        return Settings(
            serial=0,
            display_name=identity.display_name,
            site=identity.site,
            relays=merge(identity.device, identity.relays, ()),
            poll_mode=PollMode.HELD,
            locked=False,
        )
    fields = Fields(stored)
    preferred = parse_preferred(fields) if fields.has("preferred") else ()
    return Settings(
        serial=fields.integer("serial", low=1, high=2**53 - 1),
        display_name=fields.text("display_name", max=120),
        site=Site.from_fields(fields.object("site")),
        relays=merge(identity.device, identity.relays, parse_relays(fields), preferred),
        poll_mode=fields.enum("poll_mode", PollMode),
        locked=fields.boolean("locked"),
        ssh_host_certificate=fields.text("ssh_host_certificate", max=4096),
        contacts=read_contacts(fields),
        lock_reason=fields.optional("lock_reason", fields.text, max=200) or "",
        revoked=parse_revoked(fields) if fields.has("revoked") else (),
    )

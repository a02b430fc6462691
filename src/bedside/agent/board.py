"""What the panels show: the pieces that supervisor and worker know, put into one status."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bedside.agent.files import read_json, remove, write_json
from bedside.agent.identity import Identity, Settings
from bedside.protocol.codec import Fields
from bedside.protocol.errors import ProtocolError
from bedside.protocol.local import (
    AskedRequest,
    Connection,
    Device,
    OpenSession,
    SiteWords,
    Status,
    Verification,
)
from bedside.vocabulary import Activity, Gate, RelayName, SessionId

__all__ = ["Board"]

_HELP_AGAIN_MS = 60_000
_HELP_SHOWN_MS = 3_600_000


class Board:
    """The status as it stands; `changed` is called after each change.

    Args:
        identity: who the device is.
        settings: the last configuration.
        verification: the file that says a person must verify the device before clinical use; it
            survives every restart until a name clears it (R11).
        policy: tells the number of the site's policy, as `protocol.local.SiteWords` has it.
        changed: tells the panels.
    """

    def __init__(
        self,
        identity: Identity,
        settings: Settings,
        *,
        verification: Path,
        policy: Callable[[], int | None],
        changed: Callable[[], None],
    ) -> None:
        self._identity = identity
        self._policy = policy
        self._verification = verification
        self._changed = changed
        self.settings = settings
        self.relay: RelayName | None = None
        self.last_poll_ms: int | None = None
        self.console_ms: int | None = None
        self.fault: Gate | None = None
        self.activity = Activity.IDLE
        self.request: AskedRequest | None = None
        self.session: OpenSession | None = None
        self.presence_code: str | None = None
        self.host_key: str | None = None
        self.help_ms: int | None = None
        self.verification = self._load_verification()

    def status(self, now_ms: int) -> Status:
        """Return everything a panel shows at `now_ms`."""
        site = self.settings.site
        return Status(
            activity=self.activity,
            device=Device(
                id=self._identity.device,
                name=self.settings.display_name,
                product=self._identity.product,
            ),
            site=SiteWords(name=site.name, language=site.language, policy=self._policy()),
            connection=Connection(
                relay=self.relay, last_poll_ms=self.last_poll_ms, console_ms=self.console_ms
            ),
            request=self.request,
            session=self.session,
            presence_code=self.presence_code,
            host_key=self.host_key,
            verification=None if self.session else self.verification,
            locked=self.settings.locked,
            fault=self.fault,
            now_ms=now_ms,
            help_ms=self._recent_help(now_ms),
            contacts=self.settings.contacts,
            lock_reason=self.settings.lock_reason or None,
        )

    def asked_help(self, now_ms: int) -> None:
        """Show that help was asked for, and is on its way with the journal."""
        self.help_ms = now_ms
        self._changed()

    def may_ask_help(self, now_ms: int) -> bool:
        """Whether help was not asked for a moment ago: a button that is held down is one request."""
        return self.help_ms is None or not 0 <= now_ms - self.help_ms < _HELP_AGAIN_MS

    def _recent_help(self, now_ms: int) -> int | None:
        recent = self.help_ms is not None and 0 <= now_ms - self.help_ms < _HELP_SHOWN_MS
        return self.help_ms if recent else None

    def show(self, told: dict[str, Any]) -> None:
        """Take what the worker shows; raises ProtocolError when it is not that."""
        fields = Fields(told)
        request = fields.optional("request", fields.object)
        session = fields.optional("session", fields.object)
        self.activity = fields.enum("activity", Activity)
        self.request = AskedRequest.from_fields(request) if request else None
        self.session = OpenSession.from_fields(session) if session else None
        self.presence_code = fields.optional("presence_code", fields.text, max=12)
        self.host_key = fields.optional("host_key", fields.text, max=64)
        self._changed()

    def clear(self) -> None:
        """Show that nobody is here."""
        self.activity, self.request, self.session = Activity.IDLE, None, None
        self.presence_code = self.host_key = None
        self._changed()

    def polled(self, relay: RelayName, now_ms: int) -> None:
        """A relay answered."""
        moved = relay != self.relay or self.fault is not None
        self.relay, self.last_poll_ms = relay, now_ms
        if self.fault in (Gate.CERTIFICATE, Gate.REVOKED_CERTIFICATE, Gate.DEVICE_CLONED):
            self.fault = None
        if moved:
            self._changed()

    def unreachable(self) -> None:
        """No relay answered."""
        if self.relay is not None:
            self.relay = None
            self._changed()

    def set_fault(self, fault: Gate | None) -> bool:
        """Show what is wrong with the device; return whether that is news."""
        if fault == self.fault:
            return False
        self.fault = fault
        self._changed()
        return True

    def require_verification(self, due: Verification) -> None:
        """Keep until a person clears it that the device must be verified before clinical use."""
        write_json(self._verification, due.to_dict())
        self.verification = due
        self._changed()

    def clear_verification(self) -> None:
        """A person verified the device, and it is in the journal."""
        remove(self._verification)
        self.verification = None
        self._changed()

    def _load_verification(self) -> Verification | None:
        try:
            stored = read_json(self._verification)
            return Verification.from_fields(Fields(stored)) if stored else None
        except (ProtocolError, ValueError):
            # It was due and cannot be read: it stays due, without its details.
            return Verification(session=SessionId("0" * 26), person="?", at_ms=0, changes=())

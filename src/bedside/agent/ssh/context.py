"""What all connections of one session share: the grant, the hooks, the leash and the counters."""

import time
from dataclasses import dataclass, field, replace

from bedside.agent.ssh.children import Leash
from bedside.agent.ssh.grant import SessionGrant, SessionHooks
from bedside.agent.ssh.helm import Seat
from bedside.agent.ssh.stage import Stage
from bedside.vocabulary import Gate, Mode, SiteAction

__all__ = ["Activity", "Attempts", "SessionContext"]


@dataclass
class Activity:
    """Bytes of channel data, and when the last one moved (keepalives do not count; R5)."""

    last_byte: float = field(default_factory=time.monotonic)
    """`time.monotonic()` of the last byte either way."""
    sent: int = 0
    received: int = 0

    def count_sent(self, count: int) -> None:
        """Note `count` bytes that left the device."""
        self.sent += count
        self.last_byte = time.monotonic()

    def count_received(self, count: int) -> None:
        """Note `count` bytes that reached the device."""
        self.received += count
        self.last_byte = time.monotonic()


@dataclass
class Attempts:
    """Wrong second authentications of one session, over all its connections.

    An attempt is taken before it is checked and given back when it was right, so two connections
    that answer at the same moment cannot have one try more.
    """

    limit: int
    taken: int = 0
    wrong: int = 0

    def take(self) -> bool:
        """Take one attempt; False when none is left."""
        if self.taken >= self.limit:
            return False
        self.taken += 1
        return True

    def give_back(self) -> None:
        """Give back the attempt whose answers were right."""
        self.taken -= 1

    def fail(self) -> bool:
        """Keep the attempt as wrong; return True when it was the last one."""
        self.wrong += 1
        return self.wrong == self.limit

    @property
    def used_up(self) -> bool:
        """Whether the session can no longer be authenticated."""
        return self.wrong >= self.limit


@dataclass(kw_only=True)
class SessionContext:
    """One session on this device."""

    grant: SessionGrant
    hooks: SessionHooks
    leash: Leash
    stage: Stage = field(default_factory=Stage)
    """The terminals that are seen: the session's own, or those of the session that is joined."""
    activity: Activity = field(default_factory=Activity)
    attempts: Attempts = field(init=False)
    locked_by: Gate | None = None

    def __post_init__(self) -> None:
        self.attempts = Attempts(self.grant.limits.wrong_answers)

    @property
    def seat(self) -> Seat:
        """Whether this person started the session, joined it, or watches it for the site."""
        if self.grant.of_site:
            return Seat.SITE
        return Seat.JOINED if self.grant.watcher else Seat.STARTED

    @property
    def controls(self) -> bool:
        """Whether control is this person's now, as far as their grant goes (R10)."""
        return self.stage.helm.holder is self.seat

    @property
    def grant_now(self) -> SessionGrant:
        """What may be opened now: control and files follow who controls."""
        if self.seat is not Seat.STARTED:
            if not self.controls:
                return self.grant
            return replace(self.grant, mode=Mode.CONTROL, actions=self.stage.helm.actions)
        if self.controls:
            return self.grant
        actions = self.grant.actions - {SiteAction.FILES_IN}
        return replace(self.grant, mode=Mode.VIEW, actions=actions)

    def count_sent(self, count: int) -> None:
        """Note `count` bytes of channel data that left the device."""
        self.activity.count_sent(count)
        self.hooks.session_bytes(count)

    def count_received(self, count: int) -> None:
        """Note `count` bytes of channel data that reached the device."""
        self.activity.count_received(count)
        self.hooks.session_bytes(count)

"""What a decision is made from: facts gathered once, frozen, with no way back to their source.

Times are integer Unix milliseconds; an interval holds from its start, included, to its end,
excluded; an end of None is open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    Level,
    Mode,
    PersonId,
    Role,
    SiteAction,
    SiteRule,
    session_action,
)

__all__ = [
    "DEFAULT_START_RULES",
    "FILES",
    "HOUSE_SITE",
    "DeviceFacts",
    "DeviceState",
    "Entitlement",
    "Facts",
    "Interval",
    "Lock",
    "LockScope",
    "PersonFacts",
    "ProductFacts",
    "ProductRight",
    "RequestFacts",
    "SiteFacts",
    "StartRule",
]


class DeviceState(StrEnum):
    """Where a device is in its life with the console."""

    REGISTERED = "registered"
    ENROLLED = "enrolled"
    CLONED = "cloned"
    REVOKED = "revoked"


class LockScope(StrEnum):
    """What a lock covers (R8)."""

    DEVICE = "device"
    EVERYTHING = "everything"
    PERSON = "person"
    PRODUCT = "product"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start_ms`, included, to `end_ms`, excluded; an end of None is open."""

    start_ms: int
    end_ms: int | None = None

    def holds(self, now_ms: int) -> bool:
        """Whether `now_ms` lies within."""
        return self.start_ms <= now_ms and (self.end_ms is None or now_ms < self.end_ms)


@dataclass(frozen=True, slots=True)
class ProductRight:
    """A person is trained for a product during an interval (S34)."""

    product: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class StartRule:
    """Level and country, and what these people may start and join; data, not code (S36, S37).

    `product` is one product's id, or None for all of them; `number` is the rule's place among the
    rules, from 1, and 0 for one that does not stand yet.
    """

    level: Level
    country: str
    start: frozenset[Mode]
    join: frozenset[Mode]
    product: str | None = None
    number: int = 0


_BOTH = frozenset({Mode.VIEW, Mode.CONTROL})

DEFAULT_START_RULES: tuple[StartRule, ...] = (
    *(StartRule(level=level, country="US", start=_BOTH, join=_BOTH) for level in Level),
    StartRule(level=Level.THREE, country="CA", start=frozenset(), join=_BOTH),
)
"""S36: levels 1 to 3 in the United States start and control; a level 3 in Canada may join."""


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """The person who asks, as the account stands now.

    `site` is the one whose own people they are of; None for the manufacturer's.
    """

    id: PersonId
    active: bool
    vetted: bool
    second_factor: bool
    role: Role | None
    level: Level | None
    country: str | None
    product_rights: tuple[ProductRight, ...] = ()
    patient_data: bool = False
    site: str | None = None


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What the product's profile offers: modes by access kind, and the longest session.

    `patient_data` holds the access kinds that can show patient data, as the profile says (S39).
    """

    id: str
    access: Mapping[AccessKind, frozenset[Mode]]
    max_duration_s: int
    min_duration_s: int = 60
    patient_data: frozenset[AccessKind] = frozenset()


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The device that is asked for; `seen` is whether it ever polled."""

    id: DeviceId
    site: str
    product: ProductFacts
    state: DeviceState
    seen: bool


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A service contract covers one device, or all devices of one site, for a time (S4)."""

    interval: Interval
    device: DeviceId | None = None
    site: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Lock:
    """Somebody locked something (R8); `target` is its id, and empty for everything.

    `set_by` and `organisation` are names, for whoever reads the decision.
    """

    scope: LockScope
    target: str
    interval: Interval
    reason: str = ""
    set_by: str = ""
    organisation: str = ""


FILES = (SiteAction.FILES_IN, SiteAction.FILES_OUT)
_FREE = frozenset({SiteRule.ALLOW, SiteRule.ASK_DEVICE})


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The site's own say, as its signed policy and its windows stand (R2, R17, R19).

    An action without a rule is denied. `open_until_ms` is when the service window that is open at
    the instant of the decision closes, None where none is open; `serial` is the policy's, 0 for the
    house's own.
    """

    rules: Mapping[SiteAction, SiteRule]
    ticket: frozenset[SiteAction] = frozenset()
    two_approvers: frozenset[SiteAction] = frozenset()
    window: frozenset[SiteAction] = frozenset()
    open_until_ms: int | None = None
    serial: int = 0

    def free_files(self, session: SiteAction) -> frozenset[SiteAction]:
        """Return the files for which the site asks nobody but the person at the device.

        Nor a ticket or a window that it does not ask for the `session` itself.
        """
        more = frozenset().union(
            *(needing for needing in (self.ticket, self.window) if session not in needing)
        )
        return frozenset(
            each for each in FILES if self.rules.get(each) in _FREE and each not in more
        )


HOUSE_SITE = SiteFacts(rules=MappingProxyType(dict.fromkeys(SiteAction, SiteRule.ASK_DEVICE)))
"""What applies at a site that has not published a policy: everything is asked at the device."""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is asked for (S10).

    `files` is files in, files out, or both; `joins` whether a live session is joined (S37) and not
    a new one started.
    """

    access: AccessKind
    mode: Mode
    duration_s: int
    case: str
    reason: str
    ticket: str = ""
    files: frozenset[SiteAction] = frozenset()
    joins: bool = False

    @property
    def site_actions(self) -> frozenset[SiteAction]:
        """Everything in this request that the site rules on."""
        return self.files | {session_action(self.access, self.mode)}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that `decide` looks at; no default grants anything.

    `policy` is the number under which `rules` were saved, 0 where they never were.
    """

    person: PersonFacts
    device: DeviceFacts
    request: RequestFacts
    rules: tuple[StartRule, ...] = ()
    policy: int = 0
    entitlements: tuple[Entitlement, ...] = ()
    locks: tuple[Lock, ...] = field(default=())
    site: SiteFacts | None = None
    break_glass: Interval | None = None
    """While it holds, the site itself has opened the device (R42)."""

    def asking_files(self, files: frozenset[SiteAction] | None) -> "Facts":
        """Return these facts with a request for `files`; None for what the site asks nothing more for.

        Whoever joins to watch is given none.
        """
        asked = self.request
        if asked.joins and asked.mode is Mode.VIEW:
            files = frozenset()
        elif files is None:
            session = session_action(asked.access, asked.mode)
            files = self.site.free_files(session) if self.site else frozenset()
        return replace(self, request=replace(asked, files=files))

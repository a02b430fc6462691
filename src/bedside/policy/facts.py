"""What a decision is made from: facts gathered once, frozen, with no way back to their source.

Times are integer Unix milliseconds; an interval holds from its start, included, to its end,
excluded; an end of None is open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bedside.vocabulary import AccessKind, DeviceId, Level, Mode, PersonId, Role

__all__ = [
    "DEFAULT_START_RULES",
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

    `product` is one product's id, or None for all of them.
    """

    level: Level
    country: str
    start: frozenset[Mode]
    join: frozenset[Mode]
    product: str | None = None


_BOTH = frozenset({Mode.VIEW, Mode.CONTROL})

DEFAULT_START_RULES: tuple[StartRule, ...] = (
    *(StartRule(level=level, country="US", start=_BOTH, join=_BOTH) for level in Level),
    StartRule(level=Level.THREE, country="CA", start=frozenset(), join=_BOTH),
)
"""S36: levels 1 to 3 in the United States start and control; a level 3 in Canada may join."""


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """The person who asks, as the account stands now."""

    id: PersonId
    active: bool
    vetted: bool
    second_factor: bool
    role: Role | None
    level: Level | None
    country: str | None
    product_rights: tuple[ProductRight, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What the product's profile offers: modes by access kind, and the longest session."""

    id: str
    access: Mapping[AccessKind, frozenset[Mode]]
    max_duration_s: int
    min_duration_s: int = 60


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


@dataclass(frozen=True, slots=True)
class Lock:
    """Somebody locked something (R8); `target` is its id, and empty for everything."""

    scope: LockScope
    target: str
    interval: Interval
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is asked for (S10)."""

    access: AccessKind
    mode: Mode
    duration_s: int
    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that `decide` looks at; no default grants anything."""

    person: PersonFacts
    device: DeviceFacts
    request: RequestFacts
    rules: tuple[StartRule, ...] = ()
    entitlements: tuple[Entitlement, ...] = ()
    locks: tuple[Lock, ...] = field(default=())

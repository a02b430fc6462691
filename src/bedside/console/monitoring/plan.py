"""Which silence is an alarm, and which is over: pure.

1. The narrowest rule decides: device, site, product, everything. Without any, a monitored product's
   devices have the default. 0 minutes, or no rule and not monitored: no alarm.
2. What is muted raises nothing; an alarm that is raised ends with the mute.
3. A site of which nearly all devices are silent is one alarm, not one for each; it lasts until half
   of them are back, and what is still silent then gets its own.
4. A relay is an alarm of its own. Its devices raise none for it: whether they poll is not known.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from bedside.vocabulary import AlarmScope

__all__ = ["RELAY_ALARM_MS", "Facts", "Key", "Raise", "Silent", "Step", "plan"]

RELAY_ALARM_MS = 5 * 60_000
"""After how long a lost relay is an alarm: long enough to be restarted."""
_MINUTE_MS = 60_000
_LEAST = 3
"""Fewer silent devices than this are no lost site."""

Key = tuple[AlarmScope, str]
"""What an alarm, a rule or a mute is about."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A device in service that its relay has given up."""

    device: str
    site: str
    product: str
    polled_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known at one moment."""

    rules: Mapping[Key, int]
    """Minutes by what they are for."""
    monitored: frozenset[str] = frozenset()
    """Products whose profile says that their devices are monitored."""
    default_minutes: int = 0
    """For these, where no rule says anything."""
    muted: frozenset[Key]
    silent: tuple[Silent, ...]
    in_service: Mapping[str, int]
    """How many devices of a site are in service, where some are silent."""
    lost_relays: Mapping[str, int]
    """When each lost relay was last heard."""
    open: frozenset[Key]
    """Alarms that are raised."""


@dataclass(frozen=True, slots=True)
class Raise:
    """Raise an alarm; `site` is empty for a relay."""

    key: Key
    site: str
    devices: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done: alarms to raise, alarms that are over."""

    raised: tuple[Raise, ...]
    cleared: frozenset[Key]


def plan(facts: Facts, *, now: int) -> Step:
    """Return what changes at `now`, Unix milliseconds."""
    due: defaultdict[str, list[Silent]] = defaultdict(list)
    for silent in facts.silent:
        if _is_due(silent, facts, now):
            due[silent.site].append(silent)
    wanted: dict[Key, Raise] = {}
    for site, devices in due.items():
        if _is_site_lost(site, len(devices), facts):
            since = max(device.polled_ms for device in devices)
            _add(wanted, Raise((AlarmScope.SITE, site), site, len(devices), since))
        # Beside a site's alarm its devices keep those that they had.
        for device in devices:
            key = (AlarmScope.DEVICE, device.device)
            if (AlarmScope.SITE, site) not in wanted or key in facts.open:
                _add(wanted, Raise(key, site, 1, device.polled_ms))
    for relay, seen_ms in facts.lost_relays.items():
        if now - seen_ms >= RELAY_ALARM_MS:
            _add(wanted, Raise((AlarmScope.RELAY, relay), "", 0, seen_ms))
    raised = tuple(each for key, each in wanted.items() if key not in facts.open)
    return Step(raised, facts.open - wanted.keys())


def _add(wanted: dict[Key, Raise], alarm: Raise) -> None:
    wanted[alarm.key] = alarm


def _is_due(silent: Silent, facts: Facts, now: int) -> bool:
    keys = (AlarmScope.DEVICE, silent.device), (AlarmScope.SITE, silent.site)
    if not facts.muted.isdisjoint(keys):
        return False
    wider = (AlarmScope.PRODUCT, silent.product), (AlarmScope.EVERYTHING, "")
    default = facts.default_minutes if silent.product in facts.monitored else 0
    said = (facts.rules[key] for key in (*keys, *wider) if key in facts.rules)
    minutes = next(said, default)
    return minutes > 0 and now - silent.polled_ms >= minutes * _MINUTE_MS


def _is_site_lost(site: str, silent: int, facts: Facts) -> bool:
    total = max(facts.in_service.get(site, 0), silent)
    if (AlarmScope.SITE, site) in facts.open:
        return silent * 2 > total
    return silent >= _LEAST and silent * 5 >= total * 4

"""Whether a device polls, and by whose clock: every threshold of presence, in one place.

1. A device is overdue when a poll is late by half a period, and offline when it is late by one and a
   half: the relay that it polled says so, by its own clock.
2. A relay of which the console has heard nothing for three of its askings is lost. What its devices
   do is then not known: they may poll it all the same. They are neither online nor offline.
3. A relay's clock may be wrong. The console knows by how much, and puts the relay's times right;
   below five seconds it takes them as they are, because a message is on its way for a while too.
   What a relay is to end at a moment it is told by its own clock.
"""

from dataclasses import dataclass

from bedside.vocabulary import Contact

__all__ = [
    "CLOCK_OFF_MS",
    "RELAY_LOST_MS",
    "Polling",
    "contact",
    "is_relay_lost",
    "offline_after_ms",
    "overdue_after_ms",
    "relay_deadline",
    "relay_time",
]

RELAY_LOST_MS = 75_000
"""A relay asks every 25 seconds (rule 2)."""
CLOCK_OFF_MS = 5_000
"""From here on a relay's clock is said to be wrong (rule 3)."""


@dataclass(frozen=True, slots=True)
class Polling:
    """What the console knows of a device that was seen."""

    online: bool
    """Whether its relay has not given it up."""
    late: bool
    """Whether its relay waits for a poll that is due."""
    relay_seen_ms: int | None
    """When that relay was last heard, by the console's clock; None: never."""


def overdue_after_ms(period_ms: int, *, jitter_percent: int = 0) -> int:
    """Return how long after a poll the next one is overdue.

    Args:
        period_ms: the longest hold of a held poll, or the interval between polls.
        jitter_percent: how much longer than that an interval may be.
    """
    return period_ms + period_ms * jitter_percent // 100 + period_ms // 2


def offline_after_ms(period_ms: int, *, jitter_percent: int = 0) -> int:
    """Return how long after a poll its device is given up: one period after it was overdue."""
    return overdue_after_ms(period_ms, jitter_percent=jitter_percent) + period_ms


def is_relay_lost(seen_ms: int | None, *, now: int) -> bool:
    """Whether a relay that was last heard at `seen_ms` is lost (rule 2); times in milliseconds."""
    return seen_ms is None or now - seen_ms >= RELAY_LOST_MS


def contact(polling: Polling | None, *, now: int) -> Contact:
    """Return whether a device polls; None stands for one that no relay has seen."""
    if polling is None:
        return Contact.NEVER_SEEN
    if not polling.online:
        return Contact.OFFLINE
    if is_relay_lost(polling.relay_seen_ms, now=now):
        return Contact.RELAY_LOST
    return Contact.OVERDUE if polling.late else Contact.ONLINE


def relay_time(at_ms: int, *, offset_ms: int, now: int) -> int:
    """Return a relay's time by the console's clock, never later than now (rule 3).

    Args:
        at_ms: what the relay wrote.
        offset_ms: the relay's clock less the console's.
        now: Unix milliseconds at the console.
    """
    return max(0, min(at_ms - _correction(offset_ms), now))


def relay_deadline(at_ms: int, *, offset_ms: int) -> int:
    """Return a moment of the console's clock as a relay's own clock will show it (rule 3).

    Args:
        at_ms: Unix milliseconds at the console.
        offset_ms: the relay's clock less the console's.
    """
    return max(0, at_ms + _correction(offset_ms))


def _correction(offset_ms: int) -> int:
    return offset_ms if abs(offset_ms) >= CLOCK_OFF_MS else 0

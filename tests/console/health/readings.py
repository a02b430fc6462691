"""A console in which all is well, to be changed in one place."""

from dataclasses import replace

from bedside.console.health.queries import Outbox, Reading, RelaySeen
from bedside.protocol.states import OPEN

NOW = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000
MINUTE_MS = 60_000


def reading(**changes) -> Reading:
    good = Reading(
        database="SQLite",
        unapplied=(),
        missing_keys=(),
        keys_are_foreign=False,
        folder="/var/lib/bedside-console",
        certificates={
            "root": NOW + 3000 * DAY_MS,
            "live": NOW + 60 * DAY_MS,
            "relay a": NOW + 80 * DAY_MS,
        },
        processes=dict.fromkeys(("web", "live", "worker"), NOW - 5_000),
        relays=(RelaySeen("a", NOW - 20_000, 12),),
        sealed=100,
        sealed_ms=NOW - 3_600_000,
        unsealed=0,
        unsealed_since_ms=None,
        outbox=Outbox(0, None, 0),
        sessions={state.value: 0 for state in OPEN} | {"live_control": 2, "routed": 1},
        online=12,
        overdue=2,
        silent=3,
        unseen=1,
        conflicts=0,
    )
    return replace(good, **changes)

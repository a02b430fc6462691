"""The moment an entry is stamped with, and what is known of the clock that gave it (R54).

The kernel's own answer (adjtimex) is out of the reach of Python's own modules. The time services leave
a mark instead: systemd-timesyncd by itself, others (chrony, ptp4l) by the one-line unit in
`docs/howto/clock.md`.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bedside.audit.entry import time_text
from bedside.vocabulary import ClockState

__all__ = ["MARKS", "Stamp", "clock_state", "read_stamp"]

MARKS = (
    Path("/run/systemd/timesync/synchronized"),
    Path("/run/bedside-clock/synchronized"),
)
"""Files that exist once the clock agrees with a reference."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment as entries carry it."""

    time: str
    clock: ClockState


def clock_state(marks: Iterable[Path] = MARKS) -> ClockState:
    """Return what the marks say: unsynchronised where a service keeps one and has not made it."""
    known = False
    for mark in marks:
        if mark.exists():
            return ClockState.SYNCHRONISED
        known = known or mark.parent.is_dir()
    return ClockState.UNSYNCHRONISED if known else ClockState.UNKNOWN


def read_stamp(marks: Iterable[Path] = MARKS, *, now_ns: Callable[[], int] = time.time_ns) -> Stamp:
    """Return the present moment and the state of the clock."""
    return Stamp(time_text(now_ns() // 1_000_000), clock_state(marks))

"""When a site lets itself be served: weekly windows in the site's zone, and single ones (R17).

The clauses of `docs/protocol/site.md`:

10.1 A weekly window opens and closes on minutes of the site's own clock; one that closes at or
     before its opening closes on the next day.
10.2 A moment that the zone's clock does not have, or has twice, is read as the zone's rules read it.
10.3 Windows that touch are one window.
10.4 An unknown zone opens nothing.
10.5 A single window is over before the year 9999: every calendar can show it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bedside.protocol.codec import Fields, Wire
from bedside.protocol.errors import MalformedError
from bedside.protocol.shapes import parse_time

__all__ = ["MAX_WINDOWS", "SingleWindow", "WeeklyWindow", "next_opening_ms", "open_until_ms"]

MAX_WINDOWS = 32
_MINUTES = 24 * 60
_DAY = timedelta(days=1)
_WEEK = 7
_YEAR_9999_MS = 253_370_764_800_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyWindow(Wire):
    """Open on some days of each week: `days` 0 (Monday) to 6, minutes of the day from midnight."""

    days: tuple[int, ...]
    from_minute: int
    to_minute: int

    @classmethod
    def from_fields(cls, fields: Fields) -> "WeeklyWindow":
        """Read a weekly window."""
        days = tuple(fields.list("days", min=1, max=_WEEK))
        if any(type(day) is not int or not 0 <= day < _WEEK for day in days):
            raise MalformedError("range", "days")
        if list(days) != sorted(set(days)):
            raise MalformedError("order", "days")
        window = cls(
            days=days,
            from_minute=fields.integer("from_minute", low=0, high=_MINUTES - 1),
            to_minute=fields.integer("to_minute", low=0, high=_MINUTES),
        )
        fields.end()
        return window


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleWindow(Wire):
    """Open once, from `start_ms`, included, to `end_ms`, excluded (Unix milliseconds)."""

    start_ms: int
    end_ms: int

    @classmethod
    def from_fields(cls, fields: Fields) -> "SingleWindow":
        """Read a single window."""
        window = cls(start_ms=parse_time(fields, "start_ms"), end_ms=parse_time(fields, "end_ms"))
        fields.end()
        if not window.start_ms < window.end_ms < _YEAR_9999_MS:  # 10.5
            raise MalformedError("range", "end_ms")
        return window


Window = WeeklyWindow | SingleWindow


def open_until_ms(windows: Iterable[Window], timezone: str, now_ms: int) -> int | None:
    """Return when the window that is open at `now_ms` closes; None where none is open.

    Args:
        windows: the site's windows.
        timezone: the site's zone, an IANA name.
        now_ms: the instant, Unix milliseconds.
    """
    spans = sorted(_spans(windows, timezone, now_ms))
    until: int | None = None
    for start, end in spans:
        if start <= (until if until is not None else now_ms) < end:  # 10.3
            until = end
    return until


def next_opening_ms(windows: Iterable[Window], timezone: str, now_ms: int) -> int | None:
    """Return when the next window opens after `now_ms`, within eight days for weekly ones."""
    later = [start for start, _ in _spans(windows, timezone, now_ms) if start > now_ms]
    return min(later, default=None)


def _spans(windows: Iterable[Window], timezone: str, now_ms: int) -> Iterator[tuple[int, int]]:
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return  # 10.4
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    for window in windows:
        if isinstance(window, SingleWindow):
            yield window.start_ms, window.end_ms
        else:
            yield from _weekly(window, today)


def _weekly(window: WeeklyWindow, today: datetime) -> Iterator[tuple[int, int]]:
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    overnight = window.to_minute <= window.from_minute  # 10.1
    for away in range(-1, _WEEK + 2):
        # Wall-clock arithmetic on purpose: a day of 23 hours opens at the same minute (10.2).
        day = midnight + away * _DAY
        if day.weekday() in window.days:
            yield (
                _ms(day + timedelta(minutes=window.from_minute)),
                _ms(day + timedelta(minutes=window.to_minute) + (_DAY if overnight else _DAY * 0)),
            )


def _ms(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) * 1000

"""Service windows as a person writes and reads them.

A weekly one: `mon-fri 20:00-23:00`, `sat,sun 00:00-24:00` (or `lun-ven 20:00-23:00`); a single one:
`2026-11-23 20:00-23:00`, or over midnight `2026-11-23 20:00 - 2026-11-24 02:00`. Days and hours are
the site's own clock's.
"""

import re
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from bedside.language import N_, Language
from bedside.protocol.windows import SingleWindow, WeeklyWindow
from bedside.site.errors import SiteError
from bedside.site.say import say

__all__ = ["parse_single", "parse_weekly", "single_words", "weekly_words"]

_DAYS = {
    name: number
    for names in (
        ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        ("lun", "mar", "mer", "jeu", "ven", "sam", "dim"),
    )
    for number, name in enumerate(names)
}
_NAMES = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
_WEEK = 7
_HOUR = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_END = rf"(?:{_HOUR}|24:00)"
_DAY = r"[a-z]{3}(?:-[a-z]{3})?"
_WEEKLY = re.compile(rf"({_DAY}(?:,{_DAY})*) +({_HOUR}) *- *({_END})")
_DATE = r"\d{4}-\d\d-\d\d"
_SINGLE = re.compile(rf"({_DATE}) +({_HOUR}) *- *(?:({_DATE}) +)?({_END})", re.ASCII)


def parse_weekly(text: str) -> WeeklyWindow:
    """Return the weekly window that `text` names; raises SiteError."""
    match = _WEEKLY.fullmatch(text.strip().lower())
    if match is None:
        raise SiteError(N_("no weekly window: {given} (write: mon-fri 20:00-23:00)"), given=text)
    days: set[int] = set()
    for part in match[1].split(","):
        days |= _days(part, text)
    return WeeklyWindow(
        days=tuple(sorted(days)),
        from_minute=_minute(match[2]),
        to_minute=_minute(match[5]),
    )


def _days(part: str, text: str) -> set[int]:
    first, _, last = part.partition("-")
    if first not in _DAYS or (last or first) not in _DAYS:
        raise SiteError(N_("no day of the week: {day} (in: {given})"), day=part, given=text)
    begin, end = _DAYS[first], _DAYS[last or first]
    return {day % _WEEK for day in range(begin, end + 1 if end >= begin else end + 1 + _WEEK)}


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def parse_single(text: str, zone: ZoneInfo) -> SingleWindow:
    """Return the single window that `text` names on the clock of `zone`; raises SiteError."""
    match = _SINGLE.fullmatch(text.strip())
    if match is None:
        raise SiteError(N_("no single window: {given} (write: 2026-11-23 20:00-23:00)"), given=text)
    start = _moment(match[1], match[2], zone, text)
    end = _moment(match[5] or match[1], match[6], zone, text)
    if end <= start:
        raise SiteError(N_("this window ends before it begins: {given}"), given=text)
    return SingleWindow(start_ms=start, end_ms=end)


def _moment(date: str, hour: str, zone: ZoneInfo, text: str) -> int:
    try:
        midnight = datetime.fromisoformat(date)
        days, minute = divmod(_minute(hour), 24 * 60)
        # Wall-clock arithmetic on purpose, as the windows themselves do (clause 10.2).
        local = midnight.fromordinal(midnight.toordinal() + days).replace(
            hour=minute // 60, minute=minute % 60, tzinfo=zone
        )
        return int(local.timestamp()) * 1000
    except (ValueError, OverflowError):
        raise SiteError(N_("no such date: {date} (in: {given})"), date=date, given=text) from None


def weekly_words(window: WeeklyWindow, language: Language) -> str:
    """Return a weekly window as a person reads it."""
    text = N_("{days}, {begin} to {end}")
    if window.to_minute <= window.from_minute:
        text = N_("{days}, {begin} to {end} of the next day")
    return say(
        language,
        text,
        days=_day_words(window.days, language),
        begin=_clock(window.from_minute),
        end=_clock(window.to_minute),
    )


def _day_words(days: tuple[int, ...], language: Language) -> str:
    names = [say(language, _NAMES[day]) for day in days]
    in_a_row = all(after - before == 1 for before, after in pairwise(days))
    if len(days) > 2 and in_a_row:
        return say(language, N_("{first} to {last}"), first=names[0], last=names[-1])
    return ", ".join(names)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def single_words(window: SingleWindow, zone: ZoneInfo, language: Language) -> str:
    """Return a single window as a person at the site reads it."""
    begin, end = (
        f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone):%Y-%m-%d %H:%M}"
        for at_ms in (window.start_ms, window.end_ms)
    )
    return say(language, N_("{begin} to {end}"), begin=begin, end=end)

"""Windows as a person writes them mean what the protocol's windows do, and read back the same."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.language import Language
from bedside.protocol.windows import WeeklyWindow, open_until_ms
from bedside.site.errors import SiteError
from bedside.site.windows import parse_single, parse_weekly, single_words, weekly_words

TORONTO = ZoneInfo("America/Toronto")
ENGLISH, FRENCH = Language.ENGLISH, Language.FRENCH


@pytest.mark.parametrize(
    ("text", "days", "begin", "end"),
    [
        ("mon-fri 20:00-23:00", (0, 1, 2, 3, 4), 1200, 1380),
        ("lun-ven 20:00-23:00", (0, 1, 2, 3, 4), 1200, 1380),
        ("  Sat,Sun  00:00 - 24:00 ", (5, 6), 0, 1440),
        ("fri-mon 22:00-02:00", (0, 4, 5, 6), 1320, 120),
        ("wed 09:00-09:00", (2,), 540, 540),
        ("mer,mer 09:00-10:00", (2,), 540, 600),
    ],
)
def test_a_weekly_window(text, days, begin, end):
    window = parse_weekly(text)
    assert (window.days, window.from_minute, window.to_minute) == (days, begin, end)


@pytest.mark.parametrize(
    "text",
    ["", "mon", "mon-fri", "mon-fri 20:00", "mon-fri 20-23", "mon-fri 24:00-25:00", "xyz 20:00-23:00",
     "mon-xyz 20:00-23:00", "mon 20:60-23:00", "mon 20:00-23:00 x", "mon-tue-wed 20:00-23:00",
     "mon 2٠:00-23:00"],
)  # fmt: skip
def test_no_weekly_window(text):
    with pytest.raises(SiteError):
        parse_weekly(text)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2026-11-23 20:00-23:00", 3),
        ("2026-11-23 20:00 - 2026-11-24 02:00", 6),
        ("2026-11-23 00:00-24:00", 24),
        ("2026-11-01 00:00-24:00", 25),  # the day on which the clock goes back
    ],
)
def test_a_single_window(text, hours):
    window = parse_single(text, TORONTO)
    assert window.end_ms - window.start_ms == hours * 3_600_000
    assert open_until_ms([window], "UTC", window.start_ms) == window.end_ms


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-23", "2026-11-31 20:00-23:00", "2026-11-23 23:00-20:00", "2026-11-23 20:00-20:00",
     "2026-11-23 20:00 - 2026-11-22 23:00", "23-11-2026 20:00-23:00", "0000-01-01 20:00-23:00",
     "9999-12-31 20:00-24:00"],
)  # fmt: skip
def test_no_single_window(text):
    with pytest.raises(SiteError):
        parse_single(text, TORONTO)


@given(st.sets(st.integers(0, 6), min_size=1), st.integers(0, 1439), st.integers(0, 1440))
def test_every_weekly_window_has_its_words(days, begin, end):
    window = WeeklyWindow(days=tuple(sorted(days)), from_minute=begin, to_minute=end)
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    written = ",".join(names[day] for day in window.days)
    hours = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    assert parse_weekly(f"{written} {hours}") == window
    assert weekly_words(window, ENGLISH) != weekly_words(window, FRENCH)


def test_what_a_person_reads():
    nightly = parse_weekly("mon-fri 22:00-02:00")
    assert weekly_words(nightly, ENGLISH) == "Monday to Friday, 22:00 to 02:00 of the next day"
    assert weekly_words(nightly, FRENCH) == "du lundi au vendredi, de 22:00 à 02:00 le lendemain"
    some = parse_weekly("mon,wed 09:00-10:00")
    assert weekly_words(some, ENGLISH) == "Monday, Wednesday, 09:00 to 10:00"
    once = parse_single("2026-11-23 20:00 - 2026-11-24 02:00", TORONTO)
    assert single_words(once, TORONTO, ENGLISH) == "2026-11-23 20:00 to 2026-11-24 02:00"

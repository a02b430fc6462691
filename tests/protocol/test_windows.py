"""Windows in the site's own clock: across midnight, across the changes of the hour (R17)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.codec import Fields
from bedside.protocol.errors import ProtocolError
from bedside.protocol.windows import (
    SingleWindow,
    WeeklyWindow,
    next_opening_ms,
    open_until_ms,
)

MONTREAL = "America/Toronto"
EVERY_DAY = tuple(range(7))


def at(text, zone=MONTREAL):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def weekly(*days, begin, end):
    return WeeklyWindow(days=days, from_minute=begin, to_minute=end)


NIGHT = weekly(0, begin=22 * 60, end=2 * 60)  # Monday 22:00 to Tuesday 02:00


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-23T21:59:59", None),
        ("2026-11-23T22:00:00", "2026-11-24T02:00:00"),
        ("2026-11-24T01:59:59", "2026-11-24T02:00:00"),
        ("2026-11-24T02:00:00", None),
        ("2026-11-24T22:30:00", None),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment, until):
    assert open_until_ms((NIGHT,), MONTREAL, at(moment)) == (until and at(until))


def test_the_site_s_clock_counts_and_not_ours():
    morning = weekly(0, begin=8 * 60, end=9 * 60)
    assert open_until_ms((morning,), MONTREAL, at("2026-11-23T08:30:00")) is not None
    assert open_until_ms((morning,), "Europe/Paris", at("2026-11-23T08:30:00")) is None
    assert open_until_ms((morning,), "Nowhere/Land", at("2026-11-23T08:30:00")) is None


def test_windows_that_touch_are_one():
    two = (weekly(0, begin=480, end=540), weekly(0, begin=540, end=600))
    assert open_until_ms(two, MONTREAL, at("2026-11-23T08:10:00")) == at("2026-11-23T10:00:00")
    apart = (weekly(0, begin=480, end=540), weekly(0, begin=541, end=600))
    assert open_until_ms(apart, MONTREAL, at("2026-11-23T08:10:00")) == at("2026-11-23T09:00:00")


def test_the_hour_that_is_missing_and_the_hour_that_comes_twice():
    early = weekly(6, begin=60, end=4 * 60)  # Sundays, 01:00 to 04:00
    spring, autumn = at("2026-03-08T01:00:00"), at("2026-11-01T01:00:00")
    assert open_until_ms((early,), MONTREAL, spring) == spring + 2 * 3_600_000
    assert open_until_ms((early,), MONTREAL, autumn) == autumn + 4 * 3_600_000


def test_a_single_window_and_the_next_opening():
    single = SingleWindow(start_ms=1_000_000, end_ms=2_000_000)
    assert open_until_ms((single,), "UTC", 999_999) is None
    assert open_until_ms((single,), "UTC", 1_000_000) == 2_000_000
    assert open_until_ms((single,), "UTC", 2_000_000) is None
    assert next_opening_ms((single,), "UTC", 999_999) == 1_000_000
    assert next_opening_ms((single,), "UTC", 1_000_000) is None
    assert next_opening_ms((NIGHT,), MONTREAL, at("2026-11-24T22:30:00")) == at(
        "2026-11-30T22:00:00"
    )


@given(
    st.integers(0, 4_000_000_000_000),
    st.sampled_from([MONTREAL, "Europe/Paris", "Asia/Kolkata", "UTC"]),
    st.integers(0, 1439),
    st.integers(0, 1440),
)
def test_a_daily_window_is_open_exactly_between_its_minutes(moment, zone, begin, end):
    moment -= moment % 60_000
    local = datetime.fromtimestamp(moment / 1000, UTC).astimezone(ZoneInfo(zone))
    if (
        local.utcoffset()
        != datetime.fromtimestamp(moment / 1000 - 86_400, UTC)
        .astimezone(ZoneInfo(zone))
        .utcoffset()
    ):
        return  # the change of the hour has its own test
    minute = local.hour * 60 + local.minute
    expected = begin <= minute < end if begin < end else minute >= begin or minute < end
    window = weekly(*EVERY_DAY, begin=begin, end=end)
    assert (open_until_ms((window,), zone, moment) is not None) == expected


@pytest.mark.parametrize(
    "told",
    [
        {"days": [], "from_minute": 0, "to_minute": 60},
        {"days": [7], "from_minute": 0, "to_minute": 60},
        {"days": [True], "from_minute": 0, "to_minute": 60},
        {"days": [1, 1], "from_minute": 0, "to_minute": 60},
        {"days": [2, 1], "from_minute": 0, "to_minute": 60},
        {"days": [1], "from_minute": 1440, "to_minute": 60},
        {"days": [1], "from_minute": 0, "to_minute": 1441},
        {"days": [1], "from_minute": 0, "to_minute": 1, "more": 1},
    ],
)
def test_what_is_no_weekly_window_is_refused(told):
    with pytest.raises(ProtocolError):
        WeeklyWindow.from_fields(Fields(told))


@pytest.mark.parametrize(("start", "end"), [(2, 2), (2, 1), (-1, 5), (1, 253_370_764_800_000)])
def test_what_is_no_single_window_is_refused(start, end):
    with pytest.raises(ProtocolError):
        SingleWindow.from_fields(Fields({"start_ms": start, "end_ms": end}))

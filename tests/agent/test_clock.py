"""What is known of the clock (R54)."""

import pytest

from bedside.agent.clock import clock_state, read_stamp
from bedside.vocabulary import ClockState


@pytest.fixture
def marks(tmp_path):
    return (tmp_path / "timesync" / "synchronized", tmp_path / "other" / "synchronized")


def test_without_any_time_service_nothing_is_known(marks):
    assert clock_state(marks) is ClockState.UNKNOWN


def test_a_service_that_made_no_mark_has_no_reference_yet(marks):
    marks[0].parent.mkdir()
    assert clock_state(marks) is ClockState.UNSYNCHRONISED


@pytest.mark.parametrize("which", [0, 1])
def test_any_mark_is_enough(marks, which):
    marks[0].parent.mkdir()
    marks[which].parent.mkdir(exist_ok=True)
    marks[which].touch()
    assert clock_state(marks) is ClockState.SYNCHRONISED


def test_a_stamp_is_the_moment_in_milliseconds(marks):
    stamp = read_stamp(marks, now_ns=lambda: 1_795_435_200_123_999_999)
    assert (stamp.time, stamp.clock) == ("2026-11-23T12:00:00.123Z", ClockState.UNKNOWN)

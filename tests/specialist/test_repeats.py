"""When a call whose answer was lost is made again."""

import pytest

from bedside.specialist.repeats import WAITS_S, is_lost, new_name, wait_after


@pytest.mark.parametrize(
    ("status", "code", "lost"),
    [
        (502, "", True), (503, "unreadable", True), (504, "", True),
        (409, "idempotency_busy", True), (409, "not_connectable", False),
        (201, "", False), (403, "refused", False), (422, "idempotency_mismatch", False),
        (429, "too_many", False), (500, "", False),
    ],
)  # fmt: skip
def test_only_an_answer_that_says_nothing_is_lost(status, code, lost):
    assert is_lost(status, code) is lost


def test_it_is_tried_a_few_times_and_later_each_time():
    waits = [wait_after(tries) for tries in range(1, len(WAITS_S) + 2)]
    assert waits == [*WAITS_S, None]
    assert list(WAITS_S) == sorted(WAITS_S)


def test_the_other_side_is_heard_within_reason():
    assert wait_after(1, asked_s=3) == 3
    assert wait_after(1, asked_s=3600) == 10
    assert wait_after(4, asked_s=1) == WAITS_S[3]


def test_names_are_of_the_kind_that_the_console_takes_and_never_twice():
    names = {new_name() for _ in range(50)}
    assert len(names) == 50
    assert all(8 <= len(name) <= 128 and name.isascii() for name in names)

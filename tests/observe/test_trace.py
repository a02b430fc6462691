import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.observe.trace import (
    ROOT,
    Step,
    parse_traceparent,
    root_id,
    span_id,
    spans_of,
    trace_id,
)
from bedside.vocabulary import JournalAction as A

SESSION = "01JD0000000000000000000000"
HERE, THERE = False, True
WHOLE = [
    Step(1_000, A.SESSION_REQUEST_ALLOWED, HERE),
    Step(1_010, A.SESSION_APPROVAL_ASKED, HERE),
    Step(5_000, A.SESSION_APPROVAL_GIVEN, HERE),
    Step(5_010, A.SESSION_REQUEST_ROUTED, HERE),
    Step(5_020, A.SESSION_CONSENT_ASKED, THERE),
    Step(9_000, A.SESSION_CONSENT_GIVEN, THERE),
    Step(9_100, A.SESSION_TUNNEL_OPENED, THERE),
    Step(20_000, A.SESSION_AUTHENTICATION_SUCCEEDED, THERE),
    Step(20_001, A.SESSION_LIFE_LIVE, THERE),
]


def told(steps):
    return {
        span.name: (span.service, span.start_ms, span.end_ms, span.good)
        for span in spans_of(SESSION, "CI-1", steps)
    }


def test_a_session_is_one_trace_from_request_to_prompt():
    assert told(WHOLE) == {
        ROOT: ("bedside-console", 1_000, 20_001, True),
        "the site is asked": ("bedside-console", 1_010, 5_000, True),
        "the order reaches the device": ("bedside-console", 5_010, 5_020, True),
        "the operator is asked": ("bedside-agent", 5_020, 9_000, True),
        "the tunnel opens": ("bedside-agent", 9_000, 9_100, True),
        "the second authentication": ("bedside-agent", 9_100, 20_000, True),
    }


def test_where_it_ended_is_where_it_went_wrong():
    refused = [*WHOLE[:1], *WHOLE[3:5], Step(8_000, A.SESSION_CONSENT_REFUSED, THERE),
               Step(8_001, A.SESSION_LIFE_ENDED, THERE)]  # fmt: skip
    assert told(refused) == {
        ROOT: ("bedside-console", 1_000, 8_001, False),
        "the order reaches the device": ("bedside-console", 5_010, 5_020, True),
        "the operator is asked": ("bedside-agent", 5_020, 8_000, False),
    }
    assert told([Step(7, A.SESSION_REQUEST_REFUSED, HERE)]) == {
        ROOT: ("bedside-console", 7, 7, False)
    }


def test_a_clock_that_is_behind_makes_no_span_end_before_it_began():
    late = [*WHOLE[:4], *(Step(step.at_ms - 10_000, step.action, THERE) for step in WHOLE[4:])]
    spans = spans_of(SESSION, "CI-1", late)
    assert all(span.start_ms <= span.end_ms for span in spans)


def test_without_its_beginning_nothing_is_told():
    assert spans_of(SESSION, "CI-1", WHOLE[1:]) == []


def test_ids_follow_from_the_session_alone_and_differ():
    assert trace_id(SESSION) == trace_id(SESSION) != trace_id(SESSION[:-1] + "1")
    names = [(service, name) for service in ("a", "b") for name in ("c", "d")]
    ids = {span_id(SESSION, *each) for each in names} | {root_id(SESSION)}
    assert len(ids) == 5
    assert max(ids) < 2**64


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
        "01-" + "1" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "G" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "1" * 16 + "-01-more",
        "00-" + "1" * 32 + "-" + "1" * 16 + "-1\n",
    ],
)
def test_what_is_no_traceparent_is_none(text):
    assert parse_traceparent(text) is None


def test_a_traceparent_is_read():
    assert parse_traceparent(f"00-{7:032x}-{9:016x}-01") == (7, 9)


@given(st.text(max_size=80))
def test_no_text_breaks_it(text):
    assert parse_traceparent(text) is None or len(text) == 55

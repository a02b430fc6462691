from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.codec import MAX_INTEGER, parse_json, to_json
from bedside.protocol.errors import LimitError, MalformedError, ProtocolError
from bedside.protocol.poll import (
    MAX_ACKS,
    MAX_POLL,
    PollReply,
    PollRequest,
    Refusal,
    ReportRequest,
    Spans,
    messages_text,
    parse_poll,
    parse_poll_reply,
    parse_refusal,
    parse_report_request,
    reply_body,
    reply_ends,
)
from bedside.protocol.shapes import JournalHead
from bedside.vocabulary import Activity, Gate, PollMode
from tests.protocol import samples

ACK = "01JABCDEFGHJKMNPQRSTVWXYZ2"
MESSAGES = [
    (samples.POLL, parse_poll),
    (samples.REPLY, parse_poll_reply),
    (samples.SPANNING, parse_poll_reply),
    (Refusal(Gate.DEVICE_CLONED, 60_000), parse_refusal),
    (ReportRequest((b"one", b"two")), parse_report_request),
]


@pytest.mark.parametrize(("message", "parse"), MESSAGES)
def test_round_trip_and_unknown_fields_are_ignored(message, parse):
    assert parse(message.to_json()) == message
    assert type(message).from_dict(message.to_dict() | {"later": [1]}) == message


@given(st.sampled_from(MESSAGES), st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(message, data):
    with pytest.raises(ProtocolError):
        message[1](data)


@given(
    st.sampled_from(MESSAGES),
    st.data(),
    st.none()
    | st.integers()
    | st.text()
    | st.lists(st.text() | st.dictionaries(st.text(), st.none())),
)
def test_any_value_in_any_field(message, data, value):
    plain = message[0].to_dict()
    plain[data.draw(st.sampled_from(sorted(plain)))] = value
    try:
        type(message[0]).from_dict(plain)
    except ProtocolError:
        return


def test_a_poll_is_small():
    assert len(samples.POLL.to_json()) < 400
    with pytest.raises(LimitError):
        parse_poll(samples.POLL.to_json() + b" " * MAX_POLL)
    acks = list(samples.POLL.acks) * (MAX_ACKS + 1)
    with pytest.raises(LimitError):
        PollRequest.from_dict(samples.POLL.to_dict() | {"acks": acks})


@pytest.mark.parametrize(
    "changes",
    [
        {"instance": "0F" * 16},
        {"mode": "sometimes"},
        {"acks": ["../../etc"]},
        {"version": "1 0"},
        {"configuration": -1},
        {"journal": {"size": 1}},
    ],
)
def test_wrong_polls(changes):
    with pytest.raises(MalformedError):
        PollRequest.from_dict(samples.POLL.to_dict() | changes)


def test_a_reply_cannot_send_a_device_to_sleep_for_ever():
    with pytest.raises(MalformedError):
        PollReply.from_dict(samples.REPLY.to_dict() | {"next_in_ms": 25 * 3600 * 1000})


def test_an_answer_says_its_spans_only_where_they_differ_from_the_protocols():
    assert "spans" not in samples.REPLY.to_dict()
    assert to_json(samples.REPLY.to_dict()) == samples.REPLY.to_json()
    assert to_json(samples.SPANNING.to_dict()) == samples.SPANNING.to_json()
    assert parse_poll_reply(samples.REPLY.to_json()).spans == Spans()


@pytest.mark.parametrize(
    "changes",
    [
        {"lost_ms": 300_001},
        {"lost_ms": -1},
        {"home_ms": 0},
        {"home_spread_ms": 86_400_001},
        {"retry_ms": 0},
        {"retry_most_ms": 9_999},
        {"retry_most_ms": None},
    ],
)
def test_no_span_can_silence_or_hurry_a_fleet(changes):
    plain = samples.SPANNING.to_dict()
    with pytest.raises(MalformedError):
        PollReply.from_dict(plain | {"spans": plain["spans"] | changes})


canonical_polls = st.builds(
    PollRequest,
    instance=st.binary(min_size=16, max_size=16).map(bytes.hex),
    sequence=st.integers(0, MAX_INTEGER),
    mode=st.sampled_from(PollMode),
    acks=st.lists(st.sampled_from([ACK, ACK[:-1] + "Z"]), max_size=MAX_ACKS).map(tuple),
    activity=st.sampled_from(Activity),
    journal=st.builds(
        JournalHead,
        size=st.integers(0, MAX_INTEGER),
        head=st.binary(min_size=32, max_size=32).map(bytes.hex),
    ),
    version=st.sampled_from(["1", "0.1.0+x-y_z!", "9" * 40]),
    configuration=st.integers(0, MAX_INTEGER),
    moved=st.booleans(),
)


def read_slowly(body):
    return PollRequest.from_dict(parse_json(body, limit=MAX_POLL))


@given(canonical_polls)
def test_the_quick_reader_reads_what_the_slow_one_reads(poll):
    assert parse_poll(poll.to_json()) == read_slowly(poll.to_json()) == poll


@given(st.data(), st.sampled_from([b"", b"0", b"\n", b"\xff", b'"', b"A", b",", b"9" * 30]))
def test_the_quick_reader_accepts_nothing_more(data, piece):
    body = samples.POLL.to_json()
    at = data.draw(st.integers(0, len(body)))
    bent = body[:at] + piece + body[at + data.draw(st.integers(0, 2)) :]
    try:
        expected = read_slowly(bent)
    except ProtocolError:
        with pytest.raises(ProtocolError):
            parse_poll(bent)
    else:
        assert parse_poll(bent) == expected


@pytest.mark.parametrize("messages", [(), samples.REPLY.messages, samples.REPLY.messages * 8])
def test_the_quick_writer_writes_canonical_json(messages):
    reply = replace(samples.REPLY, messages=messages)
    assert reply.to_json() == to_json(reply.to_dict())


@pytest.mark.parametrize("messages", [(), samples.REPLY.messages])
@pytest.mark.parametrize("spans", [Spans(), samples.SPANNING.spans])
def test_an_answer_that_sends_nobody_away_has_one_form(spans, messages):
    reply = PollReply(
        messages=messages, next_in_ms=5, hold_ms=30_000, now_ms=1_000_000, spans=spans
    )
    ends = reply_ends(30_000, spans)
    assert (
        reply_body(ends, messages_text(messages), next_in_ms=5, now_ms=1_000_000) == reply.to_json()
    )

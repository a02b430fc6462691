import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.errors import LimitError, MalformedError, ProtocolError
from bedside.protocol.poll import (
    MAX_ACKS,
    MAX_POLL,
    PollReply,
    PollRequest,
    Refusal,
    ReportRequest,
    parse_poll,
    parse_poll_reply,
    parse_refusal,
    parse_report_request,
)
from bedside.vocabulary import Gate
from tests.protocol import samples

MESSAGES = [
    (samples.POLL, parse_poll),
    (samples.REPLY, parse_poll_reply),
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

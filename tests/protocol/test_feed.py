from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol import feed
from bedside.protocol.codec import MAX_INTEGER, to_json
from bedside.protocol.errors import LimitError, ProtocolError
from bedside.protocol.poll import MAX_SEALED
from bedside.vocabulary import DeviceId, Ending, Gate, MessageKind
from tests.protocol.samples import DEVICE, HEAD, MESSAGE, NOW, SESSION

CONSOLE_EVENTS = (
    feed.MessageOffered(
        device=DEVICE,
        id=MESSAGE,
        message_kind=MessageKind.ORDER,
        sealed=b"sealed",
        expires_ms=NOW,
    ),
    feed.MessageWithdrawn(device=DEVICE, id=MESSAGE),
    feed.TunnelOffered(
        session=SESSION,
        device=DEVICE,
        device_proofs=(HEAD,) * 64,
        specialist_proofs=(HEAD,),
        not_after_ms=NOW,
        idle_s=600,
        max_bytes=2**30,
    ),
    feed.TunnelEnded(session=SESSION, ending=Ending.EXPIRED),
    feed.Revoked(serials=("1f", "a" * 40)),
    feed.DeviceRefused(device=DEVICE, gate=Gate.DEVICE_CLONED),
    feed.DeviceRestored(device=DEVICE),
)
MESSAGES = st.builds(
    feed.MessageOffered,
    device=st.sampled_from([DEVICE, DeviceId("A-1")]),
    id=st.just(MESSAGE),
    message_kind=st.sampled_from(MessageKind),
    sealed=st.binary(min_size=1, max_size=40),
    expires_ms=st.integers(0, MAX_INTEGER),
)
NEWS = feed.FeedReply(cursor="17", snapshot=True, events=CONSOLE_EVENTS)
NEWS_OF_ONE = feed.FeedReply(cursor="17", snapshot=False, events=CONSOLE_EVENTS[:1])


def test_round_trip_and_unknown_fields_are_ignored():
    assert feed.parse_feed(NEWS.to_json()) == NEWS
    plain = NEWS.to_dict() | {"later": 1}
    for event in plain["events"]:
        event["later"] = {}
    assert feed.parse_feed(to_json(plain)) == NEWS


@pytest.mark.parametrize("serial", ["", "1F", "0x1f", "a" * 41])
def test_serials_have_one_form(serial):
    revoked = {"kind": "revoked", "serials": [serial]}
    with pytest.raises(ProtocolError):
        feed.parse_feed(to_json({"v": 1, "cursor": "1", "snapshot": False, "events": [revoked]}))


def read_alone(body):
    """The answer by the pattern, whole; None where the pattern does not take it."""
    lone = feed.read_lone_message(body)
    if lone is None:
        return None
    return feed.FeedReply(cursor=lone.cursor, snapshot=False, events=(lone.offered,))


@given(
    st.lists(MESSAGES, max_size=2).map(tuple),
    st.booleans(),
    st.sampled_from(["17", "9" * 200, "\u00e9", 'a"b', "a\\b", "a b"]),
)
def test_a_message_alone_is_read_as_all_others_are(events, snapshot, cursor):
    reply = feed.FeedReply(cursor=cursor, snapshot=snapshot, events=events)
    body = reply.to_json()
    assert feed.parse_feed(body) == reply
    is_plain = cursor.isascii() and not {'"', "\\"} & set(cursor)
    alone = len(events) == 1 and not snapshot and is_plain
    assert read_alone(body) == (reply if alone else None)


@pytest.mark.parametrize("expires_ms", [0, 10**15 - 1, 10**15, MAX_INTEGER])
def test_a_message_alone_is_read_however_late_it_expires(expires_ms):
    reply = replace(NEWS_OF_ONE, events=(replace(CONSOLE_EVENTS[0], expires_ms=expires_ms),))
    body = reply.to_json()
    assert read_alone(body) == feed.parse_feed(body) == reply
    later = body.replace(f":{expires_ms},".encode(), f":{MAX_INTEGER + 1},".encode())
    assert later != body
    assert feed.read_lone_message(later) is None
    with pytest.raises(ProtocolError):
        feed.parse_feed(later)


@given(st.data(), st.sampled_from([b"", b"0", b"\n", b"\xff", b'"', b"A", b",", b"=", b"9" * 30]))
def test_the_pattern_for_a_message_alone_accepts_nothing_more(data, piece):
    body = NEWS_OF_ONE.to_json()
    at = data.draw(st.integers(0, len(body)))
    bent = body[:at] + piece + body[at + data.draw(st.integers(0, 2)) :]
    try:
        expected = feed.parse_feed(bent)
    except ProtocolError:
        assert feed.read_lone_message(bent) is None
    else:
        assert read_alone(bent) in (expected, None)


@pytest.mark.parametrize(
    "text",
    ["QQ==", "QR==", "QUI=", "QUJ=", "QUJD", "QUJDQ", "QUJDQU", "A", "=", "====", "Q===", ""],
)
def test_the_pattern_takes_base64_in_its_one_form_only(text):
    sealed = CONSOLE_EVENTS[0].to_dict()["sealed"]
    body = NEWS_OF_ONE.to_json().replace(sealed.encode(), text.encode())
    try:
        expected = feed.parse_feed(body)
    except ProtocolError:
        assert feed.read_lone_message(body) is None
    else:
        assert feed.read_lone_message(body).sealed == text
        assert read_alone(body) == expected


def test_a_message_alone_that_is_too_long_is_refused():
    long = replace(CONSOLE_EVENTS[0], sealed=bytes(MAX_SEALED + 1))
    body = replace(NEWS_OF_ONE, events=(long,)).to_json()
    assert feed.read_lone_message(body) is None
    with pytest.raises(LimitError):
        feed.parse_feed(body)


def test_the_longest_message_alone_is_taken_by_the_pattern():
    device, cursor = f"INJECTOR-{'9' * 20}", "9" * 200
    most = replace(
        CONSOLE_EVENTS[0], device=device, sealed=bytes(MAX_SEALED // 3 * 3), expires_ms=10**15 - 1
    )
    reply = feed.FeedReply(cursor=cursor, snapshot=False, events=(most,))
    assert read_alone(reply.to_json()) == reply


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(data):
    with pytest.raises(ProtocolError):
        feed.parse_feed(data)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol import feed
from bedside.protocol.codec import to_json
from bedside.protocol.errors import ProtocolError
from bedside.vocabulary import Ending, Gate, MessageKind
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
NEWS = feed.FeedReply(cursor="17", snapshot=True, events=CONSOLE_EVENTS)


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


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(data):
    with pytest.raises(ProtocolError):
        feed.parse_feed(data)

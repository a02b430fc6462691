import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol import feed
from bedside.protocol.codec import to_json
from bedside.protocol.errors import MalformedError, ProtocolError
from bedside.protocol.shapes import JournalHead
from bedside.vocabulary import Activity, Ending, Gate, MessageKind, PollMode, RelayName
from tests.protocol.samples import DEVICE, HEAD, NOW, SESSION

MESSAGE = "01JABCDEFGHJKMNPQRSTVWXYZ2"
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
RELAY_EVENTS = (
    feed.Presence(
        device=DEVICE,
        instance="0f" * 16,
        at_ms=NOW,
        mode=PollMode.HELD,
        activity=Activity.IDLE,
        version="0.1.0",
        configuration=0,
        journal=JournalHead(size=0, head=HEAD),
        address="192.0.2.7",
    ),
    feed.Absent(device=DEVICE, at_ms=NOW),
    feed.Report(device=DEVICE, sealed=b"sealed", at_ms=NOW),
    feed.Delivered(device=DEVICE, id=MESSAGE, at_ms=NOW),
    feed.TunnelOpened(session=SESSION, index=0, at_ms=NOW),
    feed.TunnelClosed(
        session=SESSION,
        index=63,
        at_ms=NOW,
        bytes_from_device=1,
        bytes_from_specialist=2,
        reason="idle",
    ),
    feed.Refused(device=None, serial=None, gate=Gate.CERTIFICATE, at_ms=NOW, address="::1"),
    feed.Refused(
        device=DEVICE, serial="1f", gate=Gate.REVOKED_CERTIFICATE, at_ms=NOW, address="::1"
    ),
    feed.SupersededInstanceReturned(device=DEVICE, instance="0f" * 16, at_ms=NOW),
)
NEWS = feed.FeedReply(cursor="17", snapshot=True, events=CONSOLE_EVENTS)
BATCH = feed.Batch(relay=RelayName("a"), boot="0e" * 16, sequence=3, events=RELAY_EVENTS)
PARSERS = [
    (NEWS, feed.parse_feed),
    (BATCH, feed.parse_batch),
    (feed.BatchReply(3), feed.parse_batch_reply),
]


@pytest.mark.parametrize(("message", "parse"), PARSERS)
def test_round_trip_and_unknown_fields_are_ignored(message, parse):
    assert parse(message.to_json()) == message
    plain = message.to_dict() | {"later": 1}
    for event in plain.get("events", []):
        event["later"] = {}
    assert parse(to_json(plain)) == message


@pytest.mark.parametrize(("message", "parse"), PARSERS[:2])
def test_an_unknown_kind_refuses_the_whole(message, parse):
    plain = message.to_dict()
    plain["events"].append({"kind": "unheard_of"})
    with pytest.raises(MalformedError) as refused:
        parse(to_json(plain))
    assert refused.value.code == "unknown_kind"


def test_each_side_speaks_its_own_kinds():
    plain = BATCH.to_dict() | {"events": NEWS.to_dict()["events"]}
    with pytest.raises(MalformedError):
        feed.parse_batch(to_json(plain))


@given(st.sampled_from(PARSERS), st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(pair, data):
    with pytest.raises(ProtocolError):
        pair[1](data)


@given(
    st.sampled_from(PARSERS[:2]),
    st.data(),
    st.none() | st.integers(-5, 5) | st.text(max_size=5) | st.lists(st.text(max_size=3)),
)
def test_any_value_in_any_field_of_any_event(pair, data, value):
    plain = pair[0].to_dict()
    event = data.draw(st.sampled_from(plain["events"]))
    event[data.draw(st.sampled_from(sorted(event)))] = value
    try:
        pair[1](to_json(plain))
    except ProtocolError:
        return


@pytest.mark.parametrize("serial", ["", "1F", "0x1f", "a" * 41])
def test_serials_have_one_form(serial):
    with pytest.raises(ProtocolError):
        feed.parse_feed(
            to_json(
                {
                    "v": 1,
                    "cursor": "1",
                    "snapshot": False,
                    "events": [{"kind": "revoked", "serials": [serial]}],
                }
            )
        )

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol import batch
from bedside.protocol.codec import to_json
from bedside.protocol.errors import ProtocolError
from bedside.protocol.shapes import JournalHead
from bedside.vocabulary import Activity, Gate, PollMode, RelayName
from tests.protocol.samples import DEVICE, HEAD, MESSAGE, NOW, SESSION

RELAY_EVENTS = (
    batch.Presence(
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
    batch.Overdue(device=DEVICE, at_ms=NOW, polled_ms=NOW - 45_000),
    batch.Absent(device=DEVICE, at_ms=NOW, polled_ms=NOW - 75_000),
    batch.Settled(started_ms=NOW - 75_000, at_ms=NOW),
    batch.Draining(at_ms=NOW, until_ms=NOW + 300_000),
    batch.Report(device=DEVICE, sealed=b"sealed", at_ms=NOW),
    batch.Delivered(device=DEVICE, id=MESSAGE, at_ms=NOW),
    batch.TunnelOpened(session=SESSION, index=0, at_ms=NOW),
    batch.TunnelClosed(
        session=SESSION,
        index=63,
        at_ms=NOW,
        bytes_from_device=1,
        bytes_from_specialist=2,
        reason="idle",
    ),
    batch.Refused(device=None, serial=None, gate=Gate.CERTIFICATE, at_ms=NOW, address="::1"),
    batch.Refused(
        device=DEVICE, serial="1f", gate=Gate.REVOKED_CERTIFICATE, at_ms=NOW, address="::1"
    ),
    batch.SupersededInstanceReturned(device=DEVICE, instance="0f" * 16, at_ms=NOW),
)
BATCH = batch.Batch(relay=RelayName("a"), boot="0e" * 16, first=2, sequence=3, events=RELAY_EVENTS)
REPLY = batch.BatchReply(sequence=3)
PARSERS = [(BATCH, batch.parse_batch), (REPLY, batch.parse_batch_reply)]


@pytest.mark.parametrize(("message", "parse"), PARSERS)
def test_round_trip_and_unknown_fields_are_ignored(message, parse):
    assert parse(message.to_json()) == message
    plain = message.to_dict() | {"later": 1}
    for event in plain.get("events", []):
        event["later"] = {}
    assert parse(to_json(plain)) == message


def test_a_batch_without_a_first_number_is_numbered_as_one():
    plain = BATCH.to_dict()
    del plain["first"]
    assert batch.parse_batch(to_json(plain)).first == BATCH.sequence
    plain["first"] = BATCH.sequence + 1
    with pytest.raises(ProtocolError):
        batch.parse_batch(to_json(plain))


@given(st.sampled_from(PARSERS), st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(pair, data):
    with pytest.raises(ProtocolError):
        pair[1](data)

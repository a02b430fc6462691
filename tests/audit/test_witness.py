"""What each side enters about the other is read back, or refused by name."""

import json
from dataclasses import replace

import pytest

from bedside.audit.chain import ChainHead
from bedside.audit.checkpoint import CheckpointError
from bedside.audit.clearance import class_of
from bedside.audit.entry import SYSTEM, EntryError
from bedside.audit.witness import (
    Received,
    Witnessed,
    parse_received,
    parse_witnessed,
    received_deed,
    report_payload,
    witnessed_deed,
)
from bedside.protocol.codec import to_json
from bedside.protocol.orders import DeviceReport
from bedside.vocabulary import ClockState, FieldClass
from tests.audit.world import DEVICE, DEVICE_ACTOR, lived

RECEIVED = Received(DEVICE, 5, 2, ChainHead(7, "a" * 64), 1_795_435_200_000, "c2ln", "k" * 16)


def entered(deed, seq=3, prev=None):
    return deed.stamped("2026-11-23T12:00:00.000Z", ClockState.UNKNOWN).at(seq, prev)


def test_a_batch_is_read_back():
    entry = entered(received_deed(RECEIVED, actor=DEVICE_ACTOR))
    assert parse_received(entry) == replace(RECEIVED, sequence=3)


def test_a_checkpoint_is_read_back():
    world = lived()
    witnessed = Witnessed(world.note(), ChainHead(7, "a" * 64))
    entry = entered(witnessed_deed(witnessed, actor=SYSTEM), prev="b" * 64)
    assert parse_witnessed(entry) == replace(witnessed, sequence=3)
    assert (witnessed.size, witnessed.root) == (9, world.root())


def test_nothing_of_a_witness_is_secret():
    for deed in (
        received_deed(RECEIVED, actor=DEVICE_ACTOR),
        witnessed_deed(Witnessed(lived().note(), ChainHead(7, "a" * 64)), actor=SYSTEM),
    ):
        assert FieldClass.SECRET not in {class_of(name) for name in deed.detail}


def test_a_malformed_note_is_not_entered():
    with pytest.raises(CheckpointError):
        witnessed_deed(Witnessed("note", ChainHead(7, "a" * 64)), actor=SYSTEM)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"device": "nothing"}, "device is malformed"),
        ({"device": True}, "device is missing"),
        ({"size": -1}, "size is missing"),
        ({"size": True}, "size is missing"),
        ({"sent_ms": "x"}, "sent_ms is missing"),
        ({"head": 3}, "head is missing"),
    ],
)
def test_a_malformed_batch_is_named(changes, words):
    deed = received_deed(RECEIVED, actor=DEVICE_ACTOR)
    entry = entered(replace(deed, detail=dict(deed.detail) | changes))
    with pytest.raises(EntryError, match=words):
        parse_received(entry)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"checkpoint": "x"}, "checkpoint is malformed"),
        ({"size": 10}, "not those of the checkpoint"),
        ({"root": "0" * 64}, "not those of the checkpoint"),
    ],
)
def test_a_malformed_witness_is_named(changes, words):
    deed = witnessed_deed(Witnessed(lived().note(), ChainHead(7, "a" * 64)), actor=SYSTEM)
    entry = entered(replace(deed, detail=dict(deed.detail) | changes))
    with pytest.raises(EntryError, match=words):
        parse_witnessed(entry)


def test_each_is_an_entry_of_its_own_kind():
    entry = entered(received_deed(RECEIVED, actor=DEVICE_ACTOR))
    with pytest.raises(EntryError, match="not an entry of"):
        parse_witnessed(entry)


def test_the_payload_is_the_protocols_own_report():
    lines = lived().device_lines[5:7]
    report = DeviceReport(
        device=DEVICE,
        first=5,
        entries=tuple(line.decode() for line in lines),
        size=7,
        head="a" * 64,
        sent_ms=RECEIVED.sent_ms,
    )
    assert report_payload(RECEIVED, lines) == to_json(report.to_dict())
    assert json.loads(report_payload(RECEIVED, lines))["v"] == 1

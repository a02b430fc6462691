"""The spool's files as bytes: what is written is read, and whatever else is there harms nothing."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.batch import Refused, Report, TunnelClosed
from bedside.protocol.codec import MAX_INTEGER
from bedside.protocol.poll import MAX_REPORT
from bedside.protocol.shapes import JournalHead
from bedside.relay.spool import EVENT_BYTES, Entry
from bedside.relay.spool_record import MAGIC, had_record, record, scan
from bedside.vocabulary import DeviceId, Gate
from tests.protocol.test_batch import RELAY_EVENTS
from tests.relay.test_spool import DEVICE, NOW, SESSION, opened, presence

ENTRIES = [Entry(number, NOW, event) for number, event in enumerate(RELAY_EVENTS, 1)]
FILE = MAGIC + b"".join(map(record, ENTRIES))
LONGEST = DeviceId("A" * 8 + "-" + "B" * 20)


def test_every_kind_of_event_comes_back():
    found = scan(FILE + had_record(2))
    assert found.entries == ENTRIES
    assert (found.had, found.torn, found.damaged) == (2, False, False)
    assert found.end == len(FILE + had_record(2))


@pytest.mark.parametrize(
    "event",
    [
        presence(
            device=LONGEST,
            at_ms=MAX_INTEGER,
            version="v" * 40,
            configuration=MAX_INTEGER,
            journal=JournalHead(size=MAX_INTEGER, head="0" * 64),
            address="f" * 64,
        ),
        Report(device=LONGEST, sealed=bytes(MAX_REPORT), at_ms=MAX_INTEGER),
        Refused(
            device=LONGEST,
            serial="f" * 40,
            gate=max(Gate, key=len),
            at_ms=MAX_INTEGER,
            address="f" * 64,
        ),
        TunnelClosed(
            session=SESSION,
            index=63,
            at_ms=MAX_INTEGER,
            bytes_from_device=MAX_INTEGER,
            bytes_from_specialist=MAX_INTEGER,
            reason="r" * 64,
        ),
    ],
    ids=lambda event: event.FIXED["kind"],
)
def test_no_event_takes_more_room_than_is_counted_for_it(event):
    entry = Entry(MAX_INTEGER, NOW, event)
    assert len(record(entry)) <= entry.size
    assert 2 * len(record(entry)) > EVENT_BYTES


def test_wherever_a_file_ends_what_was_whole_is_read_and_the_rest_is_cut_off():
    ends = [len(MAGIC)]
    for each in ENTRIES[:3]:
        ends.append(ends[-1] + len(record(each)))
    for length in range(ends[-1] + 1):
        found = scan(FILE[:length])
        whole = sum(end <= length for end in ends) - 1
        assert found.entries == ENTRIES[: max(0, whole)]
        assert found.torn == (length not in ends)
        assert not found.damaged
        assert found.end == (ends[whole] if whole >= 0 else 0)


def test_zeros_behind_the_last_record_are_a_torn_end():
    found = scan(FILE + bytes(4_096))
    assert (found.entries, found.torn, found.damaged) == (ENTRIES, True, False)


def test_a_changed_byte_costs_one_record_and_is_said():
    at = FILE.index(record(ENTRIES[1])) + 20
    found = scan(FILE[:at] + bytes([FILE[at] ^ 1]) + FILE[at + 1 :])
    assert found.damaged
    assert found.entries == [ENTRIES[0], *ENTRIES[2:]]


def test_a_record_of_a_later_kind_is_damage_and_the_others_are_read():
    body = record(Entry(99, NOW, opened(0)))[12:].replace(b"tunnel_opened", b"tunnel_opener")
    later = struct.pack(">III", len(body), 0, zlib.crc32(body)) + body
    found = scan(MAGIC + later + record(ENTRIES[0]))
    assert (found.entries, found.damaged) == ([ENTRIES[0]], True)


@pytest.mark.parametrize("data", [b"SQLite format 3\0", b"x", bytes(100)], ids=repr)
def test_another_programs_file_is_damage(data):
    found = scan(data)
    assert (found.entries, found.damaged) == ([], True)


@given(st.binary(max_size=200), st.integers(0, 3))
def test_whatever_follows_nothing_is_raised_and_nothing_whole_is_lost(tail, whole):
    kept = ENTRIES[:whole]
    data = MAGIC + b"".join(map(record, kept)) + tail
    assert scan(data).entries[:whole] == kept


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing(data):
    assert scan(data).end <= max(len(MAGIC), len(data))


def test_a_report_is_kept_as_it_came():
    sealed = bytes(range(256))
    whole = Entry(7, NOW, Report(device=DEVICE, sealed=sealed, at_ms=3))
    assert scan(MAGIC + record(whole)).entries == [whole]

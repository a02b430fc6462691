"""The device's chain: what verifies, and the first bad entry where something was touched."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.audit.chain import GENESIS, ChainHead, Fault, FaultKind, extend, line_hash, verify
from bedside.audit.entry import SYSTEM, Act, Thing, parse_entry, time_text
from bedside.vocabulary import ClockState, JournalAction

NOON = 1_795_435_200_000


def act(number, *, at=None):
    return Act(
        time=time_text(NOON + number * 1000 if at is None else at),
        clock=ClockState.SYNCHRONISED,
        actor=SYSTEM,
        action=JournalAction.DEVICE_PRESENCE_CHANGED,
        object=Thing("device", "CI-20417"),
        detail={"attempt": number},
    )


def journal(size):
    head, lines = GENESIS, []
    for number in range(size):
        line, head = extend(head, act(number))
        lines.append(line)
    return lines, head


def fault_of(lines, **kwargs):
    fault = verify(lines, **kwargs).fault
    return fault and (fault.sequence, fault.kind)


def test_an_entry_carries_its_place_and_the_hash_before_it():
    lines, head = journal(3)
    entries = [parse_entry(line) for line in lines]
    assert [entry.seq for entry in entries] == [0, 1, 2]
    assert [entry.prev for entry in entries] == [GENESIS.hash, *map(line_hash, lines[:2])]
    assert head == ChainHead(3, line_hash(lines[2]))


def test_a_whole_journal_verifies_with_and_without_newlines():
    lines, head = journal(5)
    assert verify(lines, expect=head).head == head
    assert verify([line + b"\n" for line in lines]).good
    assert verify([]).head == GENESIS


def test_a_part_verifies_from_the_head_before_it():
    lines, head = journal(6)
    middle = verify(lines[:3]).head
    assert verify(lines[3:], start=middle, expect=head).good
    assert fault_of(lines[2:], start=middle) == (3, FaultKind.SEQUENCE)


@pytest.mark.parametrize("place", range(6))
def test_a_changed_entry_is_named(place):
    lines, head = journal(6)
    lines[place] = lines[place].replace(b"success", b"failure")
    assert fault_of(lines, expect=head) == (place, FaultKind.CHANGED)


@pytest.mark.parametrize("place", range(1, 5))
def test_a_changed_link_is_named(place):
    lines, head = journal(6)
    link = parse_entry(lines[place]).prev.encode()
    lines[place] = lines[place].replace(link, b"0" * 64)
    assert fault_of(lines, expect=head) == (place, FaultKind.CHANGED)


@pytest.mark.parametrize("place", range(5))
def test_a_deleted_entry_is_named(place):
    lines, _ = journal(6)
    del lines[place]
    assert fault_of(lines) == (place, FaultKind.SEQUENCE)


def test_entries_cut_from_the_end_show_against_a_witness_only():
    lines, head = journal(6)
    assert verify(lines[:4]).good
    assert fault_of(lines[:4], expect=head) == (4, FaultKind.SHORTENED)


def test_a_rewritten_history_shows_against_a_witness_only():
    _, head = journal(6)
    other, state = [], GENESIS
    for number in range(6):
        line, state = extend(state, replace(act(number), case="other"))
        other.append(line)
    assert verify(other).good
    assert fault_of(other, expect=head) == (5, FaultKind.CHANGED)


def test_every_torn_tail_is_named_as_torn():
    lines, _ = journal(3)
    data = b"".join(line + b"\n" for line in lines)
    start = data.index(lines[2])
    for cut in range(start + 1, len(data) - 1):
        verdict = verify(data[:cut].splitlines(keepends=True))
        assert (verdict.head.size, verdict.fault.kind) == (2, FaultKind.TORN_TAIL), cut


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]}",
        b"{}",
        b'{"seq":1,"seq":1}',
        b'{"seq":1.0}',
        b'{"seq":NaN}',
        b"\xff}",
        b"[" * 8000 + b"}",
        b"{" + b" " * 9000 + b"}",
    ],
)
def test_what_is_no_entry_is_malformed(line):
    lines, _ = journal(2)
    assert fault_of([lines[0], line, lines[1]]) == (1, FaultKind.MALFORMED)


def test_a_time_that_goes_backwards_is_told_and_not_refused():
    head, lines = GENESIS, []
    for at in (NOON, NOON - 60_000, NOON - 30_000, NOON - 40_000):
        line, head = extend(head, act(0, at=at))
        lines.append(line)
    verdict = verify(lines)
    assert (verdict.good, verdict.backward_steps) == (True, 2)


def test_an_entry_of_a_later_version_still_verifies():
    lines, _ = journal(1)
    later = lines[0].replace(b"device:presence:changed", b"device:thing:invented")
    assert verify([later]).good


@given(st.data())
def test_no_single_byte_changes_unseen(data):
    lines, head = journal(4)
    whole = b"".join(line + b"\n" for line in lines)
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != whole[place]))
    changed = whole[:place] + bytes([byte]) + whole[place + 1 :]
    verdict = verify(changed.splitlines(keepends=True), expect=head)
    lost_last_newline = place == len(whole) - 1
    assert isinstance(verdict.fault, Fault) or lost_last_newline

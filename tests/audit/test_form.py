"""The form and the link of a line, judged as the strict parser would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.audit.chain import GENESIS, extend
from bedside.audit.entry import EntryError, Thing, parse_entry
from bedside.audit.form import follows, read_place
from bedside.vocabulary import JournalAction
from tests.audit.test_entry import act


def link(prev, seq):
    return b',"prev":"%b","seq":%d' % (prev.encode(), seq)


@pytest.mark.parametrize("session", [None, "01K9QZ8M7Y3N5T0V2X4B6D8F1H"])
def test_a_line_follows_its_own_link_and_no_other(session):
    line, _ = extend(GENESIS, act(session=session))
    assert follows(line, link(GENESIS.hash, 0))
    assert not follows(line, link(GENESIS.hash, 1))
    assert not follows(line, link("0" * 64, 0))
    assert read_place(line) == (0, GENESIS.hash.encode(), b"2026-11-23T14:03:22.123Z")


def test_a_detail_cannot_stand_in_for_the_link():
    detail = {"attempt": 1, "prev": "0" * 64, "seq": 7, "session": "x"}
    line, _ = extend(GENESIS, act(detail=detail))
    assert link("0" * 64, 7) in line
    assert not follows(line, link("0" * 64, 7))
    assert follows(line, link(GENESIS.hash, 0))
    text = act(object=Thing("session", '","prev":"' + "0" * 64)).at(3, None).to_line()
    assert not follows(text, link("0" * 64, 7))


def test_a_later_versions_words_are_in_form():
    line = act().at(3, None).to_line().replace(b"session:channel:refused", b"robot:arm:moved")
    assert read_place(line)[0] == 3
    with pytest.raises(EntryError):
        parse_entry(line)


@given(st.data())
def test_what_the_strict_parser_takes_is_in_form(data):
    line = act().at(3, None).to_line()
    place = data.draw(st.integers(0, len(line) - 1))
    changed = line[:place] + bytes([data.draw(st.integers(0, 255))]) + line[place + 1 :]
    try:
        seq = parse_entry(changed).seq
    except EntryError:
        return
    assert read_place(changed)[0] == seq


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line + b"\n",
        lambda line: line.replace(b"Marie", b"\xff\xfe"),
        lambda line: line.replace(b"Marie", b"\n"),
        lambda line: line.replace(b'"seq":3', b'"seq":03'),
        lambda line: line.replace(b'"attempt":1', b'"attempt":1.5'),
        lambda line: line.replace(b"Marie", b"x" * 9000),
        lambda line: line[:-1],
    ],
)
def test_what_is_out_of_form_is_refused_by_both_doors(change):
    line = change(act().at(3, "0" * 64).to_line())
    assert not follows(line, link("0" * 64, 3))
    for door in (read_place, parse_entry):
        with pytest.raises(EntryError):
            door(line)


def test_every_action_is_in_form():
    for action in JournalAction:
        read_place(act(action=action).at(0, None).to_line())

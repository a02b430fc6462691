"""Entries: one spelling each, strict on the way in."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.audit.entry import (
    MAX_LINE_BYTES,
    Act,
    Actor,
    ActorKind,
    EntryError,
    Thing,
    parse_entry,
    short,
    time_ms,
    time_text,
)
from bedside.vocabulary import ClockState, Gate, JournalAction, Outcome, SessionId

SESSION = SessionId("01K9QZ8M7Y3N5T0V2X4B6D8F1H")


def act(**changes):
    values = {
        "time": "2026-11-23T14:03:22.123Z",
        "clock": ClockState.SYNCHRONISED,
        "actor": Actor(ActorKind.PERSON, "p-7", "Marie Tremblay"),
        "action": JournalAction.SESSION_CHANNEL_REFUSED,
        "object": Thing("session", SESSION),
        "outcome": Outcome.REFUSED,
        "gate": Gate.FORWARD,
        "session": SESSION,
        "case": "C-1001",
        "detail": {"endpoint": "10.0.0.5:22", "attempt": 1, "presence": True},
    }
    return Act(**(values | changes))


def test_the_line_is_canonical_json():
    assert act().at(3, None).to_line().decode() == (
        '{"action":"session:channel:refused",'
        '"actor":{"id":"p-7","kind":"person","name":"Marie Tremblay"},'
        '"case":"C-1001","clock":"synchronised",'
        '"detail":{"attempt":1,"endpoint":"10.0.0.5:22","presence":true},'
        '"gate":"forward","object":{"id":"01K9QZ8M7Y3N5T0V2X4B6D8F1H","kind":"session"},'
        '"outcome":"refused","prev":null,"seq":3,'
        '"session":"01K9QZ8M7Y3N5T0V2X4B6D8F1H","time":"2026-11-23T14:03:22.123Z"}'
    )


_details = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
    st.one_of(
        st.booleans(),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.text(st.characters(codec="utf-8"), max_size=60),
    ),
    max_size=8,
)


@given(
    seq=st.integers(0, 2**53 - 1),
    prev=st.none() | st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    ms=st.integers(0, 253402300799999),
    name=st.text(st.characters(codec="utf-8"), max_size=50),
    detail=_details,
)
def test_what_is_written_is_read_back(seq, prev, ms, name, detail):
    actor = Actor(ActorKind.OPERATOR, "", name)
    entry = act(time=time_text(ms), actor=actor, detail=detail).at(seq, prev)
    line = entry.to_line()
    assert b"\n" not in line
    assert parse_entry(line) == entry
    assert time_ms(entry.time) == ms


@given(st.binary(max_size=200))
def test_any_bytes_give_an_entry_or_an_entry_error(data):
    with pytest.raises(EntryError):
        parse_entry(data)


@given(st.data())
def test_a_changed_byte_gives_another_entry_or_an_entry_error(data):
    line = act().at(3, None).to_line()
    place = data.draw(st.integers(0, len(line) - 1))
    changed = line[:place] + bytes([data.draw(st.integers(0, 255))]) + line[place + 1 :]
    try:
        entry = parse_entry(changed)
    except EntryError:
        return
    assert entry.to_line() == changed


def rewritten(**changes):
    obj = json.loads(act().at(3, None).to_line())
    for path, value in changes.items():
        *parents, name = path.split("__")
        target = obj
        for parent in parents:
            target = target[parent]
        target[name] = value
    return json.dumps(obj, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_unchanged_rewriting_parses():
    assert parse_entry(rewritten()).seq == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": "session:thing:invented"}, "action is not a known word"),
        ({"action": 3}, "action is not text"),
        ({"actor": []}, "actor is malformed"),
        ({"actor__extra": "x"}, "actor is malformed"),
        ({"actor__kind": "robot"}, "actor.kind is not a known word"),
        ({"actor__name": "x" * 201}, "actor.name has over 200"),
        ({"case": "x" * 65}, "case has over 64"),
        ({"clock": None}, "clock is not text"),
        ({"detail": None}, "detail is malformed"),
        ({"detail__attempt": None}, "neither text, integer nor boolean"),
        ({"detail__attempt": {"deep": 1}}, "neither text, integer nor boolean"),
        ({"detail__attempt": 2**53}, "neither text, integer nor boolean"),
        ({"detail__Attempt": 1}, "detail name is malformed"),
        ({"detail__endpoint": "x" * 2001}, "detail.endpoint has over 2000"),
        ({"detail": {f"n{i}": 1 for i in range(33)}}, "more than 32 details"),
        ({"extra": 1}, "fields are not those"),
        ({"gate": "door"}, "gate is not a known word"),
        ({"object__kind": "Session"}, "object.kind is malformed"),
        ({"outcome": "maybe"}, "outcome is not a known word"),
        ({"prev": "ABC"}, "prev is malformed"),
        ({"seq": -1}, "seq is out of range"),
        ({"seq": True}, "seq is not an integer"),
        ({"seq": 1.5}, "not an integer"),
        ({"seq": 10**30}, "seq is out of range"),
        ({"session": "not a session"}, "session is malformed"),
        ({"time": "2026-11-23T14:03:22Z"}, "time is not in the form"),
        ({"time": "2026-02-30T14:03:22.123Z"}, "time does not exist"),
        ({"time": "２026-11-23T14:03:22.123Z"}, "time is not in the form"),
    ],
)
def test_each_malformed_field_is_named(changes, words):
    with pytest.raises(EntryError, match=words):
        parse_entry(rewritten(**changes))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"seq":1,"seq":1}', "fields are not those"),
        (b"[]", "not a JSON object"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 4000, "not JSON"),
        (b'{"seq":NaN}', "not an integer"),
        (b'{"seq":1e3}', "not an integer"),
        (rewritten().replace(b'"seq":3', b'"seq":-0'), "canonical"),
        (rewritten().replace(b'"seq":3', b'"seq":3,"seq":3'), "canonical"),
        (b"{}" + b" " * MAX_LINE_BYTES, "over 8 KiB"),
        (rewritten().replace(b'"seq":3', b'"seq": 3'), "canonical"),
        (rewritten().replace(b"Marie", b"M\\u0061rie"), "canonical"),
    ],
)
def test_other_spellings_are_refused(line, words):
    with pytest.raises(EntryError, match=words):
        parse_entry(line)


def test_an_entry_over_eight_kibibytes_is_refused_when_written():
    fits = act(detail={f"path{i}": "x" * 1900 for i in range(4)}).at(0, None)
    assert len(fits.to_line()) <= MAX_LINE_BYTES
    over = act(detail={f"path{i}": "é" * 1900 for i in range(4)}).at(0, None)
    with pytest.raises(EntryError, match="over 8 KiB"):
        over.to_line()


def test_a_lone_surrogate_is_refused_when_written():
    with pytest.raises(EntryError, match="surrogate"):
        act(case="\udc80").at(0, None).to_line()


def test_a_time_out_of_range_is_refused():
    with pytest.raises(EntryError, match="range"):
        time_text(10**18)


@given(st.text(), st.integers(1, 50))
def test_foreign_text_is_made_fit(text, limit):
    fit = short(text, limit)
    assert len(fit) <= limit
    act(detail={"file": fit}).at(0, None).to_line()


def test_the_idle_agent_can_afford_this_module():
    script = "import sys, bedside.audit.chain; print(*sorted(sys.modules))"
    loaded = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    assert "bedside.audit.entry" in loaded
    heavy = {"cryptography", "asyncio", "ssl", "zipfile", "typing_extensions", "django"}
    assert not heavy & set(loaded)

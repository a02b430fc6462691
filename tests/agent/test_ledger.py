"""The journal in the device's own words: which session is open, what is news, when it is enough."""

import pytest

from bedside.agent.ledger import _LOOK_BACK, Ledger
from bedside.vocabulary import (
    DeviceId,
    Ending,
    Gate,
    JournalAction,
    MessageKind,
    Mode,
    Outcome,
    SessionId,
)

ONE = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0YZ")
TWO = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0Y0")
RECEIVED = JournalAction.ORDER_DOCUMENT_RECEIVED
REFUSED = JournalAction.ORDER_DOCUMENT_REFUSED
ORDER = MessageKind.ORDER


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "journal", DeviceId("CI-20417"))
    yield made
    made.close()


def receive(ledger, session, mode=Mode.CONTROL):
    detail = {"person": "Marie", "mode": str(mode)}
    ledger.write(RECEIVED, session=session, case="C-1", detail=detail)


def end(ledger, ending):
    """End what is open; return which sessions, and that nothing was written before its turn."""
    ended = []

    def before(opened):
        assert opened in ledger.open_sessions()
        ended.append(opened.session)

    ledger.end_open_sessions(ending, {}, before=before)
    return ended


def test_a_session_is_open_from_its_order_to_its_ending(ledger):
    assert ledger.open_sessions() == []
    receive(ledger, ONE)
    (opened,) = ledger.open_sessions()
    assert (opened.session, opened.person, opened.mode, opened.live) == (
        ONE,
        "Marie",
        Mode.CONTROL,
        False,
    )
    ledger.write(JournalAction.SESSION_LIFE_LIVE, session=ONE)
    assert ledger.open_sessions()[0].live
    ledger.write_ending(ONE, Ending.BY_OPERATOR, case="C-1")
    assert ledger.open_sessions() == []


def test_what_is_open_is_ended_once(ledger):
    receive(ledger, ONE)
    receive(ledger, TWO, Mode.VIEW)
    assert end(ledger, Ending.DEVICE_LOST) == [ONE, TWO]
    assert end(ledger, Ending.DEVICE_LOST) == []
    entries, more = ledger.page(None, 2)
    assert more
    assert [entry["detail"]["ending"] for entry in entries] == ["device_lost", "device_lost"]
    assert {entry["case"] for entry in entries} == {"C-1"}


def test_endings_that_were_interrupted_go_on_with_those_that_are_left(ledger):
    receive(ledger, ONE)
    receive(ledger, TWO)

    def interrupt(opened):
        if opened.session == TWO:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        ledger.end_open_sessions(Ending.FAILED, {}, before=interrupt)
    assert end(ledger, Ending.FAILED) == [TWO]


def test_a_refused_order_opens_nothing(ledger):
    ledger.write(RECEIVED, session=ONE, outcome=Outcome.REFUSED, gate=Gate.CLOCK)
    assert ledger.open_sessions() == []
    assert ledger.knows(ONE)
    assert not ledger.knows(TWO)


def test_it_knows_whether_a_session_it_speaks_of_has_its_ending(ledger):
    assert ledger.has_ended(ONE) is None
    ledger.write(REFUSED, session=ONE, outcome=Outcome.REFUSED, gate=Gate.CLOCK)
    assert ledger.has_ended(ONE) is False
    ledger.write_ending(ONE, Ending.REFUSED, case=None)
    assert ledger.has_ended(ONE) is True
    assert ledger.has_ended(TWO) is None


def test_a_witness_alone_is_no_news(ledger):
    size = ledger.head().size
    ledger.write(JournalAction.JOURNAL_WITNESS_RECORDED)
    assert not ledger.has_news_after(size)
    ledger.write(JournalAction.AGENT_PROCESS_STARTED)
    assert ledger.has_news_after(size)
    assert not ledger.has_news_after(ledger.head().size)


def test_pages_lead_to_the_first_entry(ledger):
    for _ in range(6):
        ledger.write(JournalAction.AGENT_PROCESS_STARTED)
    seen, before = [], None
    while True:
        entries, more = ledger.page(before, 3)
        seen += [entry["seq"] for entry in entries]
        if not more:
            break
        before = seen[-1]
    assert seen == [6, 5, 4, 3, 2, 1, 0]


def refuse(ledger, kind, action=REFUSED):
    ledger.write(
        action, outcome=Outcome.REFUSED, gate=Gate.ORDER_SIGNATURE, detail={"kind": str(kind)}
    )


def test_what_anybody_can_cause_fills_no_disk(ledger):
    now = ledger.last_entry_ms() + 1000
    for number in range(20):
        assert not ledger.has_told_enough(REFUSED, ORDER, now), number
        refuse(ledger, ORDER)
    assert ledger.has_told_enough(REFUSED, ORDER, now)
    assert not ledger.has_told_enough(REFUSED, ORDER, now + 3_700_000)
    assert not ledger.has_told_enough(REFUSED, MessageKind.RECEIPT, now)
    assert not ledger.has_told_enough(JournalAction.CONFIGURATION_DOCUMENT_REFUSED, ORDER, now)


def test_kinds_by_turns_are_enough_as_well(ledger):
    now = ledger.last_entry_ms() + 1000
    for _ in range(20):
        for kind in MessageKind:
            refuse(ledger, kind)
            ledger.write(JournalAction.JOURNAL_WITNESS_RECORDED)
    assert all(ledger.has_told_enough(REFUSED, kind, now) for kind in MessageKind)


def test_an_order_that_is_replayed_without_end_fills_no_disk(ledger):
    now = ledger.last_entry_ms() + 1000
    for number in range(20):
        assert not ledger.has_told_enough_replays(now), number
        ledger.write(REFUSED, session=ONE, outcome=Outcome.REFUSED, gate=Gate.ORDER_REPLAYED)
    assert ledger.has_told_enough_replays(now)
    assert not ledger.has_told_enough_replays(now + 3_700_000)
    assert not ledger.has_told_enough(REFUSED, ORDER, now)


def test_it_says_whether_it_can_be_written(ledger):
    assert ledger.is_writable()


@pytest.mark.parametrize("acts", [0, 399, 400, 1200])
def test_a_session_of_many_acts_still_gets_its_ending(ledger, acts):
    ledger.write(JournalAction.AGENT_PROCESS_STARTED)
    receive(ledger, ONE)
    ledger.write(JournalAction.SESSION_LIFE_LIVE, session=ONE)
    for _ in range(acts):
        ledger.write(JournalAction.SESSION_CHANNEL_OPENED, session=ONE)
    assert ledger.open_sessions()[0].live
    assert end(ledger, Ending.FAILED) == [ONE]
    assert ledger.open_sessions() == []


def test_a_session_stays_open_under_the_order_of_a_join(ledger):
    receive(ledger, ONE)
    for _ in range(_LOOK_BACK):
        ledger.write(JournalAction.JOURNAL_WITNESS_RECORDED)
    joins = {"person": "Jean", "mode": "view", "joins": ONE}
    ledger.write(RECEIVED, session=TWO, case="C-1", detail=joins)
    assert [one.session for one in ledger.open_sessions()] == [ONE, TWO]

"""Entries: what parses has one spelling, and the verifier's form accepts what the parser does."""

from bedside.audit.chain import GENESIS, extend
from bedside.audit.entry import SYSTEM, Act, EntryError, Thing, parse_entry
from bedside.audit.form import read_place
from bedside.vocabulary import ClockState, JournalAction

_ACT = Act(
    time="2026-11-23T12:00:00.000Z",
    clock=ClockState.UNKNOWN,
    actor=SYSTEM,
    action=JournalAction.JOURNAL_LOG_OPENED,
    object=Thing("device", "CI-20417"),
    detail={"reason": 'é "\\\u2028', "attempt": -7, "presence": False},
)
SEEDS = (
    _ACT.at(12, None).to_line(),
    extend(GENESIS, _ACT)[0],
    b"{}",
)


def parse(data: bytes) -> None:
    """Read one line by both doors."""
    try:
        entry = parse_entry(data)
    except EntryError:
        entry = None
    try:
        place = read_place(data)
    except EntryError:
        assert entry is None
        return
    if entry is not None:
        assert entry.to_line() == data
        assert place[0] == entry.seq
        assert (place[1] or b"").decode() == (entry.prev or "")

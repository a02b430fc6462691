import pytest

from bedside.audit.entry import SYSTEM, Thing
from bedside.console.journal.actions import person, record
from bedside.console.journal.queries import Filters, page, rows_after
from bedside.vocabulary import FieldClass, Gate, JournalAction

SESSION = "01JD0000000000000000000000"


@pytest.fixture
def entries(db):
    marie = person("7", "Marie Tremblay")
    for number in range(7):
        record(
            JournalAction.SESSION_REQUEST_REFUSED,
            actor=marie if number % 2 else SYSTEM,
            thing=Thing("device", f"CI-{number}"),
            session=SESSION if number == 3 else None,
            gate=Gate.LEVEL if number == 5 else None,
            detail={"reason": f"reason {number}", "level": 2, "unheard_of": "x"},
            at_ms=1_000 * number,
        )


def devices(filters: Filters, **more) -> list[str]:
    entries = page(filters, clearance=FieldClass.SECRET, **more).entries
    return [shown.view["object"]["id"] for shown in entries]


def test_newest_first_page_by_page(entries):
    first = page(Filters(), limit=4, clearance=FieldClass.SECRET)
    rest = page(Filters(), before=first.next_before, limit=4, clearance=FieldClass.SECRET)
    ids = [shown.view["object"]["id"] for shown in first.entries + rest.entries]
    assert ids == [f"CI-{number}" for number in reversed(range(7))]
    assert rest.next_before is None


def test_each_filter_shows_its_own(entries):
    assert devices(Filters(device="CI-2")) == ["CI-2"]
    assert devices(Filters(person="7")) == ["CI-5", "CI-3", "CI-1"]
    assert devices(Filters(session=SESSION)) == ["CI-3"]
    assert devices(Filters(gate="level")) == ["CI-5"]
    assert devices(Filters(action="session:request:refused", since_ms=2_000, until_ms=4_000)) == [
        "CI-3",
        "CI-2",
    ]
    assert devices(Filters(action="account:login:failed")) == []


@pytest.mark.parametrize(
    ("clearance", "reason", "unheard_of"),
    [
        (FieldClass.PUBLIC, None, None),
        (FieldClass.SENSITIVE, "reason 6", None),
        (FieldClass.SECRET, "reason 6", "x"),
    ],
)
def test_clearance_decides_what_is_withheld(entries, clearance, reason, unheard_of):
    shown = page(Filters(), limit=1, clearance=clearance).entries[0].view
    assert shown["detail"]["reason"] == reason
    assert shown["detail"]["unheard_of"] == unheard_of
    assert shown["detail"]["level"] == 2
    assert ("detail.reason" in shown["withheld"]) == (reason is None)


def test_rows_after_tell_what_changed_where(entries):
    rows = rows_after(0)
    assert [row[2] for row in rows] == [f"CI-{number}" for number in range(7)]
    assert rows_after(rows[-1][0]) == []

import pytest
from django.db import transaction

from bedside.audit.entry import SYSTEM, EntryError, Thing, parse_entry
from bedside.console.journal.actions import person, record
from bedside.console.journal.models import JournalRow
from bedside.vocabulary import Gate, JournalAction, Outcome

SESSION = "01JD0000000000000000000000"
DEVICE = Thing("device", "CI-20417")


@pytest.mark.django_db
def test_a_row_repeats_what_its_entry_says():
    record(
        JournalAction.SESSION_REQUEST_REFUSED,
        actor=person("7", "Marie Tremblay"),
        thing=Thing("session", SESSION),
        outcome=Outcome.REFUSED,
        device="CI-20417",
        session=SESSION,
        case="C-88213",
        gate=Gate.LEVEL,
        detail={"reason": "Pressure fault"},
        at_ms=1_000,
    )
    row = JournalRow.objects.get()
    entry = parse_entry(bytes(row.entry))
    assert (row.actor_id, row.device, row.session) == ("7", "CI-20417", SESSION)
    assert (row.case, row.gate, row.action) == ("C-88213", "level", "session:request:refused")
    assert entry.actor.name == "Marie Tremblay"
    assert entry.detail == {"reason": "Pressure fault", "device": "CI-20417"}
    assert row.sequence is None


@pytest.mark.django_db
def test_the_device_is_the_thing_itself():
    record(JournalAction.DEVICE_LOCK_SET, actor=SYSTEM, thing=DEVICE)
    row = JournalRow.objects.get()
    assert row.device == "CI-20417"
    assert parse_entry(bytes(row.entry)).detail == {}


@pytest.mark.django_db(transaction=True)
def test_an_entry_without_its_change_is_refused():
    with pytest.raises(RuntimeError, match="transaction"):
        record(JournalAction.DEVICE_LOCK_SET, actor=SYSTEM, thing=DEVICE)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_fails_takes_its_entry_with_it():
    def change() -> None:
        with transaction.atomic():
            record(JournalAction.DEVICE_LOCK_SET, actor=SYSTEM, thing=DEVICE)
            raise LookupError

    with pytest.raises(LookupError):
        change()
    assert not JournalRow.objects.exists()


@pytest.mark.django_db
def test_foreign_values_that_no_entry_can_hold_are_refused():
    with pytest.raises(EntryError, match="detail"):
        record(
            JournalAction.DEVICE_LOCK_SET, actor=SYSTEM, thing=DEVICE, detail={"reason": "x" * 3000}
        )

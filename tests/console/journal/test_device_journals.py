from dataclasses import dataclass, field

import pytest

from bedside.audit.chain import GENESIS, ChainHead, extend, line_hash
from bedside.audit.entry import Act, Actor, ActorKind, Thing, parse_entry, time_text
from bedside.audit.witness import parse_received
from bedside.console.journal.device_journals import (
    Signed,
    Verdict,
    do_reject_report,
    do_store_report,
    known_head,
)
from bedside.console.journal.models import DeviceEntry, DeviceRejection, JournalRow
from bedside.console.journal.queries import device_entries, device_witness
from bedside.protocol.orders import DeviceReport
from bedside.vocabulary import ClockState, DeviceId, JournalAction

pytestmark = pytest.mark.django_db
DEVICE = DeviceId("CI-20417")
SESSION = "01JD0000000000000000000000"
NOW = 1_763_900_000_000


@dataclass
class Journal:
    """A device's journal that grows, and reports of ranges of it."""

    lines: list[bytes] = field(default_factory=list)
    heads: list[ChainHead] = field(default_factory=lambda: [GENESIS])

    def write(self, count: int, name: str = "agent") -> "Journal":
        for _ in range(count):
            act = Act(
                time=time_text(NOW),
                clock=ClockState.UNKNOWN,
                actor=Actor(ActorKind.DEVICE, DEVICE, name),
                action=JournalAction.SESSION_CONSENT_ASKED,
                object=Thing("session", SESSION),
                session=SESSION,
            )
            line, head = extend(self.heads[-1], act)
            self.lines.append(line)
            self.heads.append(head)
        return self

    def report(self, first: int = 0, end: int | None = None, sent_ms: int = NOW) -> DeviceReport:
        chosen = self.lines[first:end]
        return DeviceReport(
            device=DEVICE,
            first=first,
            entries=tuple(line.decode() for line in chosen),
            size=self.heads[-1].size,
            head=self.heads[-1].hash,
            sent_ms=sent_ms,
        )


def store(report: DeviceReport):
    return do_store_report(report, Signed(report.to_bytes(), "c2ln", "k"), now=NOW)


def told() -> list[str]:
    return list(JournalRow.objects.values_list("action", flat=True))


def test_a_first_report_is_taken_and_witnessed():
    journal = Journal().write(3)
    reception = store(journal.report())
    assert (reception.verdict, reception.head) == (Verdict.RECEIVED, journal.heads[3])
    assert list(reception.new) == list(device_entries(DEVICE)) == journal.lines
    assert told() == ["journal:device:received"]
    received = parse_received(parse_entry(bytes(JournalRow.objects.get().entry)))
    assert (received.first, received.count, received.head) == (0, 3, journal.heads[3])
    assert (received.signature, received.key_id, received.sent_ms) == ("c2ln", "k", NOW)
    assert (device_witness(DEVICE).size, device_witness(DEVICE).head) == (3, journal.heads[3].hash)
    assert DeviceEntry.objects.filter(session=SESSION).count() == 3


def test_what_follows_is_taken_and_what_overlaps_once_only():
    journal = Journal().write(3)
    store(journal.report())
    journal.write(2)
    reception = store(journal.report(first=1))
    assert list(reception.new) == journal.lines[3:]
    assert list(device_entries(DEVICE)) == journal.lines


def test_a_replay_changes_nothing():
    journal = Journal().write(3)
    old = journal.report()
    store(old)
    store(journal.write(2).report(first=3, sent_ms=NOW + 1))
    before = told()
    for _ in range(2):
        reception = store(old)
        assert (reception.verdict, reception.new) == (Verdict.KNOWN, ())
        assert reception.head == journal.heads[5]
    assert told() == before
    assert not device_witness(DEVICE).conflict


def test_a_gap_is_refused_and_the_known_end_told():
    journal = Journal().write(5)
    store(journal.report(end=2))
    reception = store(journal.report(first=3))
    assert (reception.verdict, reception.head) == (Verdict.GAP, journal.heads[2])
    assert not device_witness(DEVICE).conflict
    assert store(journal.report(first=reception.head.size)).head == journal.heads[5]


@pytest.mark.parametrize("first", [0, 3])
def test_a_fork_is_evidence_and_what_is_known_stays(first):
    honest = Journal().write(3)
    store(honest.report())
    fork = Journal().write(2).write(3, name="forger")
    reception = store(fork.report(first=first))
    assert (reception.verdict, reception.head) == (Verdict.CONFLICT, honest.heads[3])
    assert list(device_entries(DEVICE)) == honest.lines
    assert told() == ["journal:device:received", "journal:device:rejected"]
    assert device_witness(DEVICE).conflict
    assert bytes(DeviceRejection.objects.get().report) == fork.report(first=first).to_bytes()


def test_the_same_evidence_is_told_once():
    store(Journal().write(3).report())
    fork = Journal().write(3, name="forger").report()
    store(fork)
    store(fork)
    assert told().count("journal:device:rejected") == 1


def test_a_journal_that_lost_its_end_is_evidence():
    store(Journal().write(5).report())
    reception = store(Journal().write(2).report(sent_ms=NOW + 1))
    assert reception.verdict is Verdict.CONFLICT
    assert device_witness(DEVICE).rejections == ("shortened",)


def test_a_stated_head_that_its_entries_do_not_have_is_evidence():
    journal = Journal().write(2)
    other = Journal().write(2, name="other")
    lying = DeviceReport(
        device=DEVICE,
        first=0,
        entries=tuple(line.decode() for line in journal.lines),
        size=2,
        head=other.heads[-1].hash,
        sent_ms=NOW,
    )
    assert store(lying).verdict is Verdict.CONFLICT
    assert known_head(DEVICE) == GENESIS


def test_an_entry_of_a_later_version_is_kept():
    line = Journal().write(1).lines[0].replace(b"session:consent:asked", b"session:consent:sung")
    other = Journal([line], [GENESIS, ChainHead(1, line_hash(line))])
    assert store(other.report()).verdict is Verdict.RECEIVED
    assert DeviceEntry.objects.get().action == "session:consent:sung"


@pytest.mark.parametrize("line", ["{}", '{"seq":0}', "x", "[1]"])
def test_what_is_no_entry_is_refused(line):
    report = DeviceReport(
        device=DEVICE, first=0, entries=(line,), size=1, head="0" * 64, sent_ms=NOW
    )
    assert store(report).verdict is Verdict.CONFLICT
    assert not DeviceEntry.objects.exists()


def test_a_forged_report_is_told_once_a_minute():
    for at in (NOW, NOW + 1, NOW + 61_000):
        do_reject_report(DEVICE, "signature", relay="a", now=at)
    assert told() == ["journal:device:rejected"] * 2

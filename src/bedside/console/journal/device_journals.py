"""The devices' journals as the console holds them: verbatim, in one unbroken chain each.

1. Entries continue the chain that is known, or nothing of the report is taken.
2. What is known already and comes again, the same, changes nothing.
3. A report that begins behind the known end leaves a gap: it is refused without blame, and the
   device is told from where to go on.
4. A signed report that contradicts what is known is evidence: it is kept, told in the console's
   journal, and what is known stays.
5. Place and hash are judged, not vocabulary: an agent newer than the console loses no entry.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from bedside.audit.chain import GENESIS, ChainHead, verify
from bedside.audit.entry import EntryError, Thing, time_ms
from bedside.audit.witness import Received, received_deed
from bedside.console.journal.actions import device_actor, record
from bedside.console.journal.models import DeviceEntry, DeviceHead, DeviceRejection, JournalRow
from bedside.protocol.orders import DeviceReport
from bedside.vocabulary import JournalAction, Outcome

__all__ = [
    "Reception",
    "Signed",
    "Verdict",
    "do_reject_report",
    "do_store_report",
    "known_head",
]

_MAX_EVIDENCE = 50
_QUIET_MS = 60_000


class Verdict(StrEnum):
    """What became of a report."""

    RECEIVED = "received"
    KNOWN = "known"
    GAP = "gap"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Signed:
    """A report's envelope, and the signature in it that was checked: base64, and its key's id."""

    envelope: bytes
    signature: str
    key_id: str


@dataclass(frozen=True)
class Reception:
    """The verdict, the entries that are new, and how far the journal is known now."""

    verdict: Verdict
    new: tuple[bytes, ...]
    head: ChainHead


def known_head(device: str) -> ChainHead:
    """Return how far the journal of `device` is known."""
    row = DeviceHead.objects.filter(pk=device).first()
    return ChainHead(row.size, row.head) if row else GENESIS


def do_store_report(report: DeviceReport, signed: Signed, *, now: int) -> Reception:
    """Take over what is new in a report whose signature has been checked.

    Args:
        report: the range of entries and the head that the device states.
        signed: the envelope it came in, kept when it contradicts what is known; its signature goes
            into the console's journal, so that the device cannot deny what it sent.
        now: Unix milliseconds.
    """
    row, _ = DeviceHead.objects.select_for_update().get_or_create(
        device=report.device, defaults={"head": GENESIS.hash, "received_ms": now}
    )
    known = ChainHead(row.size, row.head)
    if report.first > known.size:  # 3
        return Reception(Verdict.GAP, (), known)
    lines = tuple(line.encode() for line in report.entries)
    reason, reached = _judge(report, lines, known, row.sent_ms)
    if reason:
        _keep_evidence(report.device, reason, signed.envelope, now)
        row.conflict = True
        row.save(update_fields=["conflict"])
        return Reception(Verdict.CONFLICT, (), known)
    new = lines[known.size - report.first :]
    row.sent_ms = max(row.sent_ms, report.sent_ms)
    if new:
        _append(report.device, known.size, new, now)
        row.size, row.head, row.received_ms = reached.size, reached.hash, now
        _tell(report, signed, now)
    row.save()
    return Reception(Verdict.RECEIVED if new else Verdict.KNOWN, new, reached if new else known)


def do_reject_report(device: str, reason: str, *, relay: str, now: int) -> None:
    """Tell in the journal that something came in a device's name that it cannot have signed.

    A relay that repeats it does not fill the journal: once a minute and device is enough.
    """
    before = JournalRow.objects.filter(
        device=device, action=JournalAction.JOURNAL_DEVICE_REJECTED, at_ms__gt=now - _QUIET_MS
    )
    if not before.exists():
        _tell_rejected(device, now, reason_code=reason, relay=relay)


def _judge(
    report: DeviceReport, lines: Sequence[bytes], known: ChainHead, last_sent_ms: int
) -> tuple[str, ChainHead]:
    # The reason why the report contradicts what is known ("" when it does not), and its end.
    again = known.size - report.first
    held = DeviceEntry.objects.filter(
        device=report.device, seq__gte=report.first, seq__lt=report.first + len(lines)
    )
    stored = [line.encode() for line in held.order_by("seq").values_list("line", flat=True)]
    if stored != list(lines[:again]):
        return "changed", known
    verdict = verify(lines[again:], start=known)
    if verdict.fault:
        return verdict.fault.kind.value, known
    if report.size == verdict.head.size and report.head != verdict.head.hash:
        return "head", known
    if report.size < known.size and report.sent_ms > last_sent_ms:
        return "shortened", known
    return "", verdict.head


def _append(device: str, first: int, lines: Sequence[bytes], now: int) -> None:
    rows = []
    for seq, line in enumerate(lines, first):
        entry = json.loads(line)
        rows.append(
            DeviceEntry(
                device=device,
                seq=seq,
                at_ms=_time_ms(entry["time"], now),
                action=entry["action"][:48],
                session=entry["session"] or "",
                line=line.decode(),
                received_ms=now,
            )
        )
    DeviceEntry.objects.bulk_create(rows)


def _time_ms(text: str, now: int) -> int:
    # The line stays as it was written; only the column to search by needs a time that exists.
    try:
        return time_ms(text)
    except EntryError:
        return now


def _keep_evidence(device: str, reason: str, signed: bytes, now: int) -> None:
    kept = DeviceRejection.objects.filter(device=device)
    digest = sha256(signed).hexdigest()
    if kept.filter(digest=digest).exists() or kept.count() >= _MAX_EVIDENCE:
        return
    DeviceRejection.objects.create(
        device=device, at_ms=now, reason=reason, digest=digest, report=signed
    )
    _tell_rejected(device, now, reason_code=reason, sha256=digest)


def _tell(report: DeviceReport, signed: Signed, now: int) -> None:
    deed = received_deed(
        Received(
            device=report.device,
            first=report.first,
            count=len(report.entries),
            head=ChainHead(report.size, report.head),
            sent_ms=report.sent_ms,
            signature=signed.signature,
            key_id=signed.key_id,
        ),
        actor=device_actor(report.device),
    )
    record(deed.action, actor=deed.actor, thing=deed.object, detail=deed.detail, at_ms=now)


def _tell_rejected(device: str, now: int, **detail: str) -> None:
    record(
        JournalAction.JOURNAL_DEVICE_REJECTED,
        actor=device_actor(device),
        thing=Thing("device", device),
        outcome=Outcome.FAILURE,
        detail=detail,
        at_ms=now,
    )

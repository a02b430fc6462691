"""A device's journal against the console's log: what is missing or changed, where, and on which side.

Each side holds statements that the other signed (`bedside.audit.witness`):

1. In the console's log, a batch that the device signed. If the device's journal no longer leads to
   the head it signed, the device's journal was changed or cut.
2. In the device's journal, a checkpoint that the console signed. If the console's log no longer has
   that root at that size, the console's log was changed or cut.
3. The console's copy of the device's entries is judged by the same heads: it must be the chain that
   the device signed, and reach as far as the console acknowledged.

A console that was restored from a backup lost what it had sealed since, and devices hold checkpoints
of that. Where its log has the entry of that restore, with the size it went back to, such a checkpoint
is told as what the restore cost, and contradicts nothing: as long as the device took it in before the
first one that vouches for the restored log.

A finding is proven when the accused side's own signature over what it held has been checked here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import zip_longest

from bedside.audit.chain import Fault, FaultKind, Verdict, line_hash, verify
from bedside.audit.checkpoint import CheckpointError, VerifierKey, open_checkpoint
from bedside.audit.entry import EntryError, parse_entry
from bedside.audit.witness import (
    Received,
    Restore,
    Witnessed,
    parse_received,
    parse_restore,
    parse_witnessed,
    report_payload,
)
from bedside.vocabulary import DeviceId, SessionId

__all__ = [
    "ConsoleRecord",
    "DeviceRecord",
    "Finding",
    "Journal",
    "Reconciliation",
    "Side",
    "SignatureCheck",
    "Wrong",
    "batches_received",
    "checkpoints_witnessed",
    "reconcile",
    "restores_told",
]

SignatureCheck = Callable[[Received, bytes], bool]
"""Whether a batch's signature is the device's over these payload bytes."""

_RECEIVED = b'{"action":"journal:device:received"'
_RESTORED = b'{"action":"journal:backup:restored"'
_WITNESSED = b'{"action":"journal:witness:recorded"'


class Side(StrEnum):
    """Whose record is wrong."""

    CONSOLE = "console"
    DEVICE = "device"


class Journal(StrEnum):
    """Which record: a device's journal, the console's copy of it, or the console's own log."""

    DEVICE_JOURNAL = "device_journal"
    CONSOLE_COPY = "console_copy"
    CONSOLE_LOG = "console_log"


class Wrong(StrEnum):
    """What is wrong with it."""

    CHANGED = "changed"
    DAMAGED = "damaged"
    MISSING = "missing"
    RESTORED = "restored"
    """Lost with a console that was brought back from a backup, as its own log says."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Entries `first` to `last` (None: to the end) are missing or changed in `journal`.

    `evidence` is the place of the statement that shows it, in the other side's journal, or None
    where the record contradicts itself; `proven` says that the accused side signed it.
    """

    side: Side
    journal: Journal
    wrong: Wrong
    first: int
    last: int | None
    evidence: int | None
    proven: bool


@dataclass(frozen=True, slots=True)
class ConsoleRecord:
    """The console's side: its verified log's size, roots, batches, and its copy of the journal.

    `roots` holds the log's root at each size that the device's checkpoints name; `key` is the
    log's; `fault` is what verification of the log found.
    """

    size: int
    roots: dict[int, bytes]
    batches: Sequence[Received]
    copy: Sequence[bytes]
    keys: Sequence[VerifierKey]
    fault: Fault | None = None
    restores: Sequence[Restore] = ()


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """The device's side: its journal's lines and the checkpoints among them."""

    device: DeviceId
    lines: Sequence[bytes]
    checkpoints: Sequence[Witnessed]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was found; `agreed` entries are the same on both sides, `pending` are yet to be sent."""

    device: DeviceId
    findings: tuple[Finding, ...]
    agreed: int
    pending: int
    witnesses: int
    session_entries: int | None = None

    @property
    def good(self) -> bool:
        """Whether the two journals vouch for each other, but for what a restore openly cost."""
        return all(finding.wrong is Wrong.RESTORED for finding in self.findings)


def batches_received(log: Iterable[bytes], device: DeviceId | None = None) -> Iterator[Received]:
    """Yield what the console's log says it received, from one device or (None) from all.

    Raises EntryError for an entry about a batch that is malformed.
    """
    for line in log:
        if line.startswith(_RECEIVED):
            received = parse_received(parse_entry(line))
            if device in (None, received.device):
                yield received


def restores_told(log: Iterable[bytes]) -> Iterator[Restore]:
    """Yield the restores that the console's log tells of; raises EntryError for a malformed one."""
    for line in log:
        if line.startswith(_RESTORED):
            yield parse_restore(parse_entry(line))


def checkpoints_witnessed(journal: Iterable[bytes]) -> Iterator[Witnessed]:
    """Yield the checkpoints in a device's journal; one that is malformed is passed over.

    The chain vouches for the line; a malformed note in it proves nothing about the console.
    """
    for line in journal:
        if line.startswith(_WITNESSED):
            try:
                yield parse_witnessed(parse_entry(line))
            except EntryError:
                continue


def reconcile(
    console: ConsoleRecord,
    device: DeviceRecord,
    *,
    check_signature: SignatureCheck | None = None,
    session: SessionId | None = None,
) -> Reconciliation:
    """Compare the two records and return what is missing or changed, first things first.

    Args:
        console: the console's record, with the roots at the sizes of `device.checkpoints`.
        device: the device's record.
        check_signature: proves that the device signed a batch; without it nothing is proven
            against a device.
        session: count the entries of this session that both sides hold.
    """
    trial = _Trial(console, device, check_signature)
    findings = (*trial.judge_journal(), *trial.judge_copy(), *trial.judge_log())
    return Reconciliation(
        device=device.device,
        findings=_merged(findings),
        agreed=trial.agreed,
        pending=max(0, len(device.lines) - len(console.copy)),
        witnesses=len(console.batches) + len(device.checkpoints),
        session_entries=None if session is None else trial.count(session),
    )


class _Trial:
    """One comparison: every statement is held against the record of the side that made it."""

    def __init__(
        self, console: ConsoleRecord, device: DeviceRecord, check: SignatureCheck | None
    ) -> None:
        self._console = console
        self._device = device
        self._check = check
        self.agreed = _agreed(console.copy, device.lines)

    def judge_journal(self) -> Iterator[Finding]:
        """Hold the device's journal against itself and against every head that it signed."""
        lines = self._device.lines
        verdict = verify(lines)
        if verdict.fault:
            yield self._self_contradiction(verdict, Journal.DEVICE_JOURNAL)
        for batch in self._console.batches:
            size = batch.head.size
            if size > len(lines):
                yield self._against_device(batch, Wrong.MISSING, len(lines), size - 1)
            elif size and line_hash(lines[size - 1]) != batch.head.hash:
                yield self._against_device(batch, Wrong.CHANGED, self._first_change(size), None)

    def judge_copy(self) -> Iterator[Finding]:
        """Hold the console's copy against itself and against what the console said it has."""
        copy = self._console.copy
        verdict = verify(copy)
        if verdict.fault:
            yield self._self_contradiction(verdict, Journal.CONSOLE_COPY)
        for batch in self._console.batches:
            end = batch.first + batch.count
            if end > len(copy):
                yield _copy_finding(Wrong.MISSING, len(copy), end - 1, batch.sequence)
            elif 0 < batch.head.size <= len(copy) and not _leads_to(copy, batch):
                first = min(self.agreed, batch.head.size - 1)
                yield _copy_finding(Wrong.CHANGED, first, None, batch.sequence)
        for witnessed in self._device.checkpoints:
            size = witnessed.acknowledged.size
            if size > len(copy):
                yield self._against_console(
                    witnessed, Journal.CONSOLE_COPY, (len(copy), size - 1), Wrong.MISSING
                )

    def judge_log(self) -> Iterator[Finding]:
        """Hold the console's log against itself and against every checkpoint that it signed."""
        fault, size = self._console.fault, self._console.size
        if fault:
            wrong = _WRONG.get(fault.kind, Wrong.DAMAGED)
            yield Finding(
                Side.CONSOLE, Journal.CONSOLE_LOG, wrong, fault.sequence, None, None, proven=True
            )
        sound = 0
        for witnessed in self._device.checkpoints:
            if self._console.roots.get(witnessed.size) == witnessed.root:
                sound = max(sound, witnessed.size)
            elif restore := self._excuse(witnessed, sound):
                span = (restore.size, witnessed.size - 1)
                yield self._against_console(witnessed, Journal.CONSOLE_LOG, span, Wrong.RESTORED)
            elif witnessed.size > size:
                span = (size, witnessed.size - 1)
                yield self._against_console(witnessed, Journal.CONSOLE_LOG, span, Wrong.MISSING)
            elif not fault or fault.sequence >= witnessed.size:
                span = (sound, witnessed.size - 1)
                yield self._against_console(witnessed, Journal.CONSOLE_LOG, span, Wrong.CHANGED)

    def _excuse(self, witnessed: Witnessed, sound: int) -> Restore | None:
        """Return the restore that cost this checkpoint: one that went back behind it, not vouched for yet."""
        told = self._console.restores
        return next((r for r in told if r.size < witnessed.size and sound <= r.sequence), None)

    def count(self, session: SessionId) -> int:
        """Return how many entries of `session` stand the same on both sides."""
        mark = f'"session":"{session}"'.encode()
        return sum(mark in line for line in self._device.lines[: self.agreed])

    def _first_change(self, size: int) -> int:
        # The console's copy tells the very entry; without it, the last head that still agrees.
        lines = self._device.lines
        copy_is_sound = verify(self._console.copy).good
        if copy_is_sound and self.agreed < min(size, len(self._console.copy)):
            return self.agreed
        sound = [
            batch.head.size
            for batch in self._console.batches
            if batch.head.size < size and _leads_to(lines, batch)
        ]
        return max(sound, default=0)

    def _against_device(
        self, batch: Received, wrong: Wrong, first: int, last: int | None
    ) -> Finding:
        lines = self._console.copy[batch.first : batch.first + batch.count]
        proven = (
            self._check is not None
            and len(lines) == batch.count
            and self._check(batch, report_payload(batch, lines))
        )
        return Finding(
            Side.DEVICE, Journal.DEVICE_JOURNAL, wrong, first, last, batch.sequence, proven=proven
        )

    def _against_console(
        self, witnessed: Witnessed, journal: Journal, span: tuple[int, int], wrong: Wrong
    ) -> Finding:
        try:
            open_checkpoint(witnessed.note, self._console.keys)
            # The note signs the log's root; what the console acknowledged stands beside it.
            proven = journal is Journal.CONSOLE_LOG
        except CheckpointError:
            proven = False
        first, last = span
        return Finding(Side.CONSOLE, journal, wrong, first, last, witnessed.sequence, proven=proven)

    def _self_contradiction(self, verdict: Verdict, journal: Journal) -> Finding:
        assert verdict.fault
        wrong = _WRONG.get(verdict.fault.kind, Wrong.DAMAGED)
        side = Side.DEVICE if journal is Journal.DEVICE_JOURNAL else Side.CONSOLE
        return Finding(side, journal, wrong, verdict.fault.sequence, None, None, proven=False)


_WRONG = {
    FaultKind.CHANGED: Wrong.CHANGED,
    FaultKind.SEQUENCE: Wrong.MISSING,
    FaultKind.SHORTENED: Wrong.MISSING,
}


def _copy_finding(wrong: Wrong, first: int, last: int | None, evidence: int) -> Finding:
    # The log that says it received them and the copy without them are the same side's.
    return Finding(Side.CONSOLE, Journal.CONSOLE_COPY, wrong, first, last, evidence, proven=True)


def _merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each place, with the best evidence.

    What is missing spans all that any statement shows; a change lies in the narrowest span.
    """
    merged: dict[tuple[Journal, int], Finding] = {}
    for each in findings:
        place = (each.journal, each.first)
        known = merged.get(place)
        merged[place] = each if known is None else _joined(known, each)
    order = list(Journal)
    return tuple(sorted(merged.values(), key=lambda f: (order.index(f.journal), f.first)))


def _joined(known: Finding, other: Finding) -> Finding:
    widens = (
        known.wrong is other.wrong
        and known.wrong in (Wrong.MISSING, Wrong.RESTORED)
        and known.last is not None
        and other.last is not None
        and other.last > known.last
    )
    last = other.last if widens else known.last
    stronger = (other.proven, other.evidence is not None) > (
        known.proven,
        known.evidence is not None,
    )
    best = other if stronger or (widens and other.proven >= known.proven) else known
    return replace(known, last=last, evidence=best.evidence, proven=best.proven)


def _leads_to(lines: Sequence[bytes], batch: Received) -> bool:
    size = batch.head.size
    return 0 < size <= len(lines) and line_hash(lines[size - 1]) == batch.head.hash


def _agreed(copy: Sequence[bytes], lines: Sequence[bytes]) -> int:
    for place, (left, right) in enumerate(zip_longest(copy, lines)):
        if left != right:
            return place
    return len(copy)

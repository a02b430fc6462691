"""What `bedside audit` says, in the reader's language: verdicts and findings as sentences."""

from collections.abc import Callable, Iterable, Iterator

from bedside.audit.chain import Fault, FaultKind, Verdict
from bedside.audit.copies import CopyVerdict, ExportVerdict
from bedside.audit.reconcile import Finding, Journal, Reconciliation, Side, Wrong
from bedside.language import N_

__all__ = ["Speak", "chain_words", "export_words", "reconciliation_words"]

Speak = Callable[[str], str]
"""Says a marked sentence in the reader's language."""

_FAULTS = {
    FaultKind.CHANGED: N_("Entry {n} is not the one that was written."),
    FaultKind.MALFORMED: N_("Entry {n} cannot be read."),
    FaultKind.SEQUENCE: N_("Entry {n} is missing, or another one stands in its place."),
    FaultKind.SHORTENED: N_("Entry {n} and all after it are missing."),
    FaultKind.TORN_TAIL: N_("Entry {n}, the last one, is cut off."),
}

_FINDINGS = {
    (Journal.DEVICE_JOURNAL, Wrong.CHANGED): N_("The device's journal was changed: {span}."),
    (Journal.DEVICE_JOURNAL, Wrong.DAMAGED): N_("The device's journal cannot be read: {span}."),
    (Journal.DEVICE_JOURNAL, Wrong.MISSING): N_("The device's journal lacks entries: {span}."),
    (Journal.CONSOLE_COPY, Wrong.CHANGED): N_(
        "The console's copy of the device's journal was changed: {span}."
    ),
    (Journal.CONSOLE_COPY, Wrong.DAMAGED): N_(
        "The console's copy of the device's journal cannot be read: {span}."
    ),
    (Journal.CONSOLE_COPY, Wrong.MISSING): N_(
        "The console's copy of the device's journal lacks entries: {span}."
    ),
    (Journal.CONSOLE_LOG, Wrong.CHANGED): N_("The console's journal was changed: {span}."),
    (Journal.CONSOLE_LOG, Wrong.DAMAGED): N_("The console's journal cannot be read: {span}."),
    (Journal.CONSOLE_LOG, Wrong.MISSING): N_("The console's journal lacks entries: {span}."),
    (Journal.CONSOLE_LOG, Wrong.RESTORED): N_(
        "The console was restored from a backup, and says so; what it had sealed since is lost: {span}."
    ),
}

_PROVEN = {
    Side.CONSOLE: N_("Proven: the console signed what it held ({where})."),
    Side.DEVICE: N_("Proven: the device signed what it held ({where})."),
}
_EVIDENCE = {
    Side.CONSOLE: N_("entry {n} of the device's journal"),
    Side.DEVICE: N_("entry {n} of the console's journal"),
}
_OWN_EVIDENCE = N_("entry {n} of its own journal")
_ITSELF = N_("its own record contradicts itself")


def chain_words(verdict: Verdict, speak: Speak) -> Iterator[str]:
    """Yield the lines about a device's journal."""
    yield speak(N_("Device's journal. Entries that stand as written: {count}.")).format(
        count=verdict.head.size
    )
    yield speak(N_("Head: {hash}")).format(hash=verdict.head.hash)
    yield from _end_words(verdict.fault, verdict.backward_steps, speak)


def export_words(verdict: ExportVerdict, speak: Speak) -> Iterator[str]:
    """Yield the lines about a console's export: its log, and its copies of devices' journals."""
    log = verdict.log
    yield speak(N_("Console's journal {origin}. Entries sealed: {count}.")).format(
        origin=log.checkpoint.origin, count=log.checkpoint.size
    )
    yield speak(N_("Root: {hash}")).format(hash=log.checkpoint.root.hex())
    if log.pinned:
        yield speak(N_("Sealed with the key that you gave."))
    else:
        yield speak(
            N_(
                "Sealed with the key inside the export: {key}. Compare it with the one you were "
                "given, or give that one with --key."
            )
        ).format(key=log.key.to_text())
    yield speak(N_("Copies of devices' journals: {count}. Entries in them: {entries}.")).format(
        count=len(verdict.copies), entries=sum(each.verdict.head.size for each in verdict.copies)
    )
    yield from _copy_words(verdict.bad_copies, speak)
    copied = sum(each.verdict.backward_steps for each in verdict.copies)
    if log.fault or verdict.good:
        yield from _end_words(log.fault, log.backward_steps + copied, speak)


def _copy_words(bad: Iterable[CopyVerdict], speak: Speak) -> Iterator[str]:
    for copy in bad:
        assert copy.verdict.fault
        yield "✗ " + speak(N_("The console's copy of {device}'s journal. {what}")).format(
            device=copy.device, what=_fault_words(copy.verdict.fault, speak)
        )


def reconciliation_words(result: Reconciliation, speak: Speak) -> Iterator[str]:
    """Yield the lines about the two journals side by side."""
    yield speak(N_("Device {device}. Entries the same on both sides: {count}.")).format(
        device=result.device, count=result.agreed
    )
    yield speak(N_("Entries that the device has not sent yet: {count}.")).format(
        count=result.pending
    )
    yield speak(N_("Statements of each side about the other: {count}.")).format(
        count=result.witnesses
    )
    if result.session_entries is not None:
        yield speak(N_("Entries of this session on both sides: {count}.")).format(
            count=result.session_entries
        )
    for finding in result.findings:
        mark = "! " if finding.wrong is Wrong.RESTORED else "✗ "
        yield mark + _finding_words(finding, speak)
        yield "  " + _proof_words(finding, speak)
    if result.good:
        yield "✓ " + speak(N_("The two journals vouch for each other."))


def _end_words(fault: Fault | None, backward_steps: int, speak: Speak) -> Iterator[str]:
    if backward_steps:
        yield speak(
            N_("Times that go backwards (a clock was set, nothing is lost): {count}.")
        ).format(count=backward_steps)
    if fault:
        yield "✗ " + _fault_words(fault, speak)
    else:
        yield "✓ " + speak(N_("Every entry stands as it was written."))


def _fault_words(fault: Fault, speak: Speak) -> str:
    return speak(_FAULTS[fault.kind]).format(n=fault.sequence)


def _finding_words(finding: Finding, speak: Speak) -> str:
    span = str(finding.first)
    if finding.last is None:
        span = speak(N_("from entry {n} on")).format(n=finding.first)
    elif finding.wrong is Wrong.CHANGED and finding.last != finding.first:
        span = speak(N_("the first one lies between entries {first} and {last}")).format(
            first=finding.first, last=finding.last
        )
    elif finding.last != finding.first:
        span = speak(N_("entries {first} to {last}")).format(first=finding.first, last=finding.last)
    else:
        span = speak(N_("entry {n}")).format(n=finding.first)
    return speak(_FINDINGS[finding.journal, finding.wrong]).format(span=span)


def _proof_words(finding: Finding, speak: Speak) -> str:
    if finding.evidence is None:
        where = speak(_ITSELF)
    else:
        own = finding.journal is Journal.CONSOLE_COPY and finding.proven
        where = speak(_OWN_EVIDENCE if own else _EVIDENCE[finding.side]).format(n=finding.evidence)
    if finding.proven:
        return speak(_PROVEN[finding.side]).format(where=where)
    return speak(N_("Shown, not proven ({where}).")).format(where=where)

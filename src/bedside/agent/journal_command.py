"""The device's journal for who stands before it: read, verify, export, without the maker (S27).

Each of the three raises JournalHeldError where another program has the journal for two seconds.
"""

import json
import sys
from pathlib import Path

from bedside.agent.journal import FAULT_SENTENCES, Journal, JournalError, JournalHeldError
from bedside.agent.moment import wall_ms
from bedside.agent.raised import raised
from bedside.agent.words import say
from bedside.audit.entry import time_text
from bedside.audit.export import write_device_export
from bedside.language import N_, Language, action_sentence, gate_sentence
from bedside.vocabulary import Gate, JournalAction

__all__ = ["export_journal", "show_journal", "verify_journal"]

_BATCH = 200
_PATIENCE_MS = 2_000


def show_journal(folder: Path, limit: int, language: Language) -> int:
    """Print the last `limit` entries, newest last; returns the exit code."""
    with Journal(folder, patience_ms=_PATIENCE_MS) as journal:
        size = journal.head().size
        first = max(size - limit, 0)
        for line in journal.entries(first, limit, max_bytes=limit * 8192):
            entry = json.loads(line)
            words = action_sentence(JournalAction(entry["action"]), language)
            gate = f" [{gate_sentence(Gate(entry['gate']), language)}]" if entry["gate"] else ""
            print(f"{entry['seq']:>6}  {entry['time']}  {entry['actor']['name']}: {words}{gate}")
    return 0


def verify_journal(folder: Path, language: Language) -> int:
    """Verify every entry; returns 0, or 4 with the first bad entry named."""
    try:
        with Journal(folder, patience_ms=_PATIENCE_MS) as journal:
            verdict = journal.verify()
    except JournalHeldError:
        raise
    except JournalError as error:
        why = say(language, error.text, **error.fields)
        print(say(language, N_("The journal is damaged: {why}"), why=why), file=sys.stderr)
        return 4
    if verdict.fault is not None:
        fault = verdict.fault
        why = say(language, FAULT_SENTENCES[fault.kind], number=fault.sequence)
        print(say(language, N_("The journal is damaged: {why}"), why=why), file=sys.stderr)
        return 4
    text = N_("{count} entries, each as it was written; the last has the hash {hash}.")
    print(say(language, text, count=verdict.head.size, hash=verdict.head.hash))
    return 0


def export_journal(folder: Path, out: Path | None, language: Language) -> int:
    """Write the whole journal as an archive that anybody can verify; returns the exit code."""
    if out is None:
        print(say(language, N_("Say where to with --to FILE.")), file=sys.stderr)
        return 2
    with raised():
        file = out.open("xb")
    with Journal(folder, patience_ms=_PATIENCE_MS) as journal, file:
        size = journal.head().size
        lines = (
            line for first in range(0, size, _BATCH) for line in journal.entries(first, _BATCH)
        )
        head = write_device_export(
            file, device=_device(journal), lines=lines, exported=time_text(wall_ms())
        )
    print(say(language, N_("{count} entries are in {file}."), count=head.size, file=out))
    return 0


def _device(journal: Journal) -> str:
    """Return the device that the last entries speak of, or nothing before enrolment."""
    size = journal.head().size
    for line in reversed(journal.entries(max(size - _BATCH, 0), _BATCH, max_bytes=_BATCH * 8192)):
        actor = json.loads(line)["actor"]
        if actor["kind"] == "device":
            return str(actor["id"])
    return ""

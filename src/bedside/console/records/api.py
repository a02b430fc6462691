"""REST: reading and exporting the journal."""

import base64
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, Any

from django.http import FileResponse, Http404, HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema

from bedside.console.accounts.bearer import caller
from bedside.console.devices.queries import access_device
from bedside.console.journal.proofs import LogUnreadableError, prove
from bedside.console.journal.queries import Filters, ShownEntry
from bedside.console.records.actions import do_export_device_journal, do_export_journal
from bedside.console.records.queries import acts_of, journal_page, visible_entries
from bedside.console.rest.cursors import MAX_LIMIT
from bedside.console.rest.problems import ProblemError
from bedside.console.service_sessions.queries import access_session
from bedside.vocabulary import Gate, JournalAction, Outcome, Permission

router = Router(tags=["journal"])

_SPOOL_BYTES = 4 * 1024 * 1024


class EntryAnswer(Schema):
    """An entry as this reader may see it; `sequence` is null until it is sealed into the log."""

    id: int
    sequence: int | None
    at_ms: int
    view: dict[str, Any]


class JournalAnswer(Schema):
    """Some entries, newest first; `next` is the cursor of the older ones, null at the end."""

    items: list[EntryAnswer]
    next: int | None


class ProofAnswer(Schema):
    """The way from an entry's leaf to the root of a signed checkpoint (RFC 9162, 2.1.3.1)."""

    checkpoint: str
    key: str
    line: str | None = Field(description="the sealed line, base64; null where a field is withheld")
    leaf: str
    proof: list[str]


class EntryProved(EntryAnswer):
    """An entry with its proof; `proof` is null until it is sealed and a checkpoint covers it."""

    proof: ProofAnswer | None


class JournalQuery(Schema):
    """What is looked for."""

    device: str = Field("", max_length=30)
    person: str = Field("", max_length=26)
    session: str = Field("", max_length=26)
    action: JournalAction | None = None
    gate: Gate | None = None
    outcome: Outcome | None = None
    since_ms: int | None = Field(None, ge=0, le=2**53 - 1)
    until_ms: int | None = Field(None, ge=0, le=2**53 - 1)
    cursor: int | None = Field(None, ge=0, le=2**53 - 1)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


@router.get("/journal", response=JournalAnswer, operation_id="readJournal")
def read_journal(request: HttpRequest, query: Query[JournalQuery]) -> dict[str, Any]:
    """Return the entries that the caller may read; what is withheld is named in each."""
    filters = Filters(
        device=query.device,
        person=query.person,
        session=query.session,
        action=query.action or "",
        gate=query.gate or "",
        outcome=query.outcome or "",
        since_ms=query.since_ms,
        until_ms=query.until_ms,
    )
    page = journal_page(caller(request), filters, before=query.cursor, limit=query.limit)
    return {"items": page.entries, "next": page.next_before}


class ActsQuery(Schema):
    """Which of them."""

    cursor: int | None = Field(None, ge=0, le=2**53 - 1)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


@router.get("/sessions/{session_id}/acts", response=JournalAnswer, operation_id="listActs")
def list_acts(request: HttpRequest, session_id: str, query: Query[ActsQuery]) -> dict[str, Any]:
    """Return what the device told of a session and of whoever joined it, as it told it.

    `id` and `sequence` are the entry's place in the device's own journal. The session's stream of
    events says when there is more.
    """
    user = caller(request)
    session = access_session(user, session_id)
    page = acts_of(user, session, before=query.cursor, limit=query.limit)
    return {"items": page.entries, "next": page.next_before}


@router.get("/journal/export", operation_id="exportJournal")
def export_journal(request: HttpRequest) -> FileResponse:
    """Return the sealed journal with its proofs, for `bedside audit verify`."""
    user = caller(request)
    return _file("journal-console.zip", lambda out: do_export_journal(out, acting_user=user))


@router.get("/devices/{device_id}/journal/export", operation_id="exportDeviceJournal")
def export_device_journal(request: HttpRequest, device_id: str) -> FileResponse:
    """Return a device's journal as the console received it."""
    user = caller(request)
    device = access_device(user, device_id, Permission.JOURNAL_ENTRY_EXPORT)
    return _file(
        f"journal-{device.pk}.zip",
        lambda out: do_export_device_journal(out, device, acting_user=user),
    )


@router.get("/journal/{row_id}", response=EntryProved, operation_id="readEntry")
def read_entry(request: HttpRequest, row_id: int) -> dict[str, Any]:
    """Return one entry with its proof, which anybody checks against the log's key."""
    shown = visible_entries(caller(request), [row_id]).get(row_id)
    if shown is None:
        raise Http404
    return {**asdict(shown), "proof": _proof(shown)}


def _proof(shown: ShownEntry) -> dict[str, Any] | None:
    try:
        found = prove([shown.id])
    except LogUnreadableError as error:
        title = _("The log cannot be read now: its files are missing or wrong.")
        raise ProblemError(503, "unreadable", title) from error
    if found is None or not found.entries:
        return None
    (entry,) = found.entries
    # Who may not read a field is not given the line that holds it, only the line's hash.
    withheld = shown.view["withheld"]
    return {
        "checkpoint": found.note,
        "key": found.key,
        "line": None if withheld else base64.b64encode(entry.line).decode("ascii"),
        "leaf": entry.leaf.hex(),
        "proof": [step.hex() for step in entry.proof],
    }


def _file(name: str, write: Callable[[IO[bytes]], None]) -> FileResponse:
    out = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - the response closes it
    try:
        write(out)
    except BaseException:
        out.close()
        raise
    out.seek(0)
    return FileResponse(out, as_attachment=True, filename=name, content_type="application/zip")

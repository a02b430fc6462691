"""The journal: filtered, each entry open to its proof, and taken out as a file."""

import base64
import tempfile
from collections.abc import Callable
from typing import IO, Any

from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import has_permission, visible_people
from bedside.console.devices.queries import access_device
from bedside.console.journal.export import NothingSealedError
from bedside.console.journal.proofs import MAX_PROOFS, EntryProof, LogUnreadableError, holds, prove
from bedside.console.journal.queries import MOST_UNSEALED, Filters, ShownEntry, log_status
from bedside.console.pages.forms import JournalFilters
from bedside.console.pages.shown import shown_entries, shown_entry
from bedside.console.pages.views.errors import refused
from bedside.console.pages.views.people import for_people, zone_of
from bedside.console.records.actions import do_export_device_journal, do_export_journal
from bedside.console.records.queries import journal_page, visible_entries
from bedside.vocabulary import Permission

__all__ = ["entry", "export", "export_device", "journal", "proofs"]

_PAGE = 50
_SPOOL_BYTES = 4 * 1024 * 1024


@require_safe
@for_people
def journal(request: HttpRequest, user: User) -> HttpResponse:
    """Show the entries that the person may read, newest first."""
    form = JournalFilters(request.GET)
    values = form.values
    page = journal_page(user, _filters(user, form), before=_number(request, "before"), limit=_PAGE)
    kept = {name: str(request.GET[name]) for name in values}
    context = {
        "form": form,
        "entries": shown_entries(page.entries),
        "filtered": bool(kept),
        "later": "before" in request.GET,
        "zone": zone_of(user),
        "status": log_status(),
        "most_unsealed": MOST_UNSEALED,
        "next": urlencode({**kept, "before": str(page.next_before)}) if page.next_before else "",
        "first": urlencode(kept),
        "may_export": has_permission(user, Permission.JOURNAL_ENTRY_EXPORT) and not user.site,
    }
    return render(request, "pages/journal.html", context)


@require_safe
@for_people
def entry(request: HttpRequest, user: User, row_id: int) -> HttpResponse:
    """Show one entry with its proof."""
    shown = visible_entries(user, [row_id]).get(row_id)
    if shown is None:
        raise Http404
    proof, checkpoint, holding, fault = None, "", False, False
    try:
        found = prove([row_id])
        if found and found.entries:
            proof, checkpoint = found.entries[0], found.note
            holding = holds(found, proof)
    except LogUnreadableError:
        fault = True
    context = {
        "entry": shown_entry(shown),
        "zone": zone_of(user),
        "proof": proof,
        "holding": holding,
        "fault": fault,
        "checkpoint": checkpoint,
        "steps": [step.hex() for step in proof.proof] if proof else [],
        "leaf": proof.leaf.hex() if proof else "",
        "line": _line(shown, proof),
    }
    return render(request, "pages/entry.html", context)


@require_safe
@for_people
def proofs(request: HttpRequest, user: User) -> HttpResponse:
    """Return the proofs of some entries that the person may read, for the page's own check."""
    try:
        rows = [int(value) for value in request.GET.getlist("entry")[:MAX_PROOFS]]
    except ValueError as error:
        raise BadRequest("entry is a number") from error
    readable = visible_entries(user, rows)
    try:
        found = prove(readable)
    except LogUnreadableError:
        return JsonResponse({"code": "unreadable"}, status=503)
    if found is None:
        return JsonResponse({"code": "not_sealed"}, status=503)
    return JsonResponse(
        {
            "checkpoint": found.note,
            "key": found.key,
            "entries": [_as_json(readable[each.id], each) for each in found.entries],
        }
    )


@require_POST
@for_people
def export(request: HttpRequest, user: User) -> HttpResponse | FileResponse:
    """Return the sealed journal with its proofs; taking it is itself an act in the journal."""
    try:
        return _file("journal-console.zip", lambda out: do_export_journal(out, acting_user=user))
    except NothingSealedError:
        sentence = _("Nothing is sealed yet. The worker seals the journal every few seconds.")
        return refused(request, 503, _("The journal cannot be exported now"), sentence)


@require_POST
@for_people
def export_device(request: HttpRequest, user: User, device_id: str) -> FileResponse:
    """Return a device's own journal as the console received it."""
    del request
    device = access_device(user, device_id, Permission.JOURNAL_ENTRY_EXPORT)
    return _file(
        f"journal-{device.pk}.zip",
        lambda out: do_export_device_journal(out, device, acting_user=user),
    )


def _filters(user: User, form: JournalFilters) -> Filters:
    values = form.values
    since, until = form.between(zone_of(user))
    return Filters(
        device=values.get("device", ""),
        person=_person(user, values.get("person", "")),
        session=values.get("session", ""),
        action=values.get("action", ""),
        gate=values.get("gate", ""),
        outcome=values.get("outcome", ""),
        since_ms=since,
        until_ms=until,
    )


def _person(user: User, text: str) -> str:
    if "@" not in text:
        return text
    found = visible_people(user).filter(Q(email__iexact=text)).first()
    return found.pk if found else text


def _line(shown: ShownEntry, proof: EntryProof | None) -> str:
    # Who may not read a field is not given the line that holds it, only the line's hash.
    if proof is None or shown.view["withheld"]:
        return ""
    return proof.line.decode()


def _as_json(shown: ShownEntry, proof: EntryProof) -> dict[str, Any]:
    line = None if shown.view["withheld"] else base64.b64encode(proof.line).decode("ascii")
    return {
        "id": proof.id,
        "sequence": proof.sequence,
        "line": line,
        "leaf": proof.leaf.hex(),
        "proof": [step.hex() for step in proof.proof],
    }


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 17 else None


def _file(name: str, write: Callable[[IO[bytes]], None]) -> FileResponse:
    out = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - the response closes it
    try:
        write(out)
    except BaseException:
        out.close()
        raise
    out.seek(0)
    return FileResponse(out, as_attachment=True, filename=name, content_type="application/zip")

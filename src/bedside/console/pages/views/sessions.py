"""Sessions: the list, and one from request to end."""

import shlex

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.pages.forms import SessionFilters
from bedside.console.pages.queries import journal_of_session
from bedside.console.pages.shown import shown_entries
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, stream, zone_of
from bedside.console.pages.words import ACCESS_HELP, MODE_HELP, language
from bedside.console.service_sessions.models import ServiceSession, TimelineRow
from bedside.console.service_sessions.queries import (
    Present,
    access_session,
    asking_right,
    find_sessions,
    refusals,
    timeline_of,
    who_is_in,
)
from bedside.language import ending_sentence, gate_advice, gate_sentence, state_sentence
from bedside.protocol.states import LIVE
from bedside.vocabulary import AccessKind, Ending, Gate, Mode, Permission, SessionState

__all__ = ["join_command", "session", "sessions", "shown_session"]


# What a row of the list shows of a session and of its device's site.
_SHOWN = (
    "person_name", "person_employer", "access", "mode", "state", "ending", "requested_ms", "case",
    "device__site__name", "device__site__timezone",
)  # fmt: skip


@require_safe
@for_people
def sessions(request: HttpRequest, user: User) -> HttpResponse:
    """Show the sessions that the person may see, newest first."""
    check_permission(user, Permission.SESSIONS_SESSION_READ)
    form = SessionFilters(request.GET)
    values = form.values
    found = find_sessions(user, device=values.get("device", ""), mine=bool(values.get("mine")))
    if values.get("state") == "ended":
        found = found.filter(state=SessionState.ENDED.value)
    elif values.get("state") == "open":
        found = found.exclude(state=SessionState.ENDED.value)
    page = page_of(request, found.only(*_SHOWN), newest_first=True)
    kept = {name: value for name, value in values.items() if value}
    context = {
        "form": form,
        "rows": page.rows,
        "filtered": bool(kept),
        "later": "after" in request.GET,
        "zone": zone_of(user),
        "next": urlencode({**kept, "after": page.next}) if page.next else "",
        "first": urlencode(kept),
        "stream": stream("/live/fleet/events"),
    }
    return render(request, "pages/sessions.html", context)


@require_safe
@for_people
def session(request: HttpRequest, user: User, session_id: str) -> HttpResponse:
    """Show one session: who, what, why, how far, and what both journals say of it."""
    found = access_session(user, session_id)
    told = journal_of_session(user, found)
    present = who_is_in(found)
    context = {
        **shown_session(user, found),
        "timeline": _timeline(found),
        "mine": found.person_id == user.pk,
        "gate": gate_sentence(Gate(found.gate), language()) if found.gate else "",
        "advice": gate_advice(Gate(found.gate), language()) if found.gate else "",
        "refusals": refusals(found, language()),
        "console_told": shown_entries(told.console, brief=True) if told else [],
        "device_told": shown_entries(told.device, brief=True) if told else [],
        "reads_journal": told is not None,
        "connect": f"bedside ssh {found.device_id}",
        "approvals": found.approvals.all(),
        "who": present,
        "nobody_controls": found.mode == Mode.CONTROL and not any(e.controls for e in present),
        "control": _control_command(user, found, present),
        "of_site": bool(user.site),
        "join": join_command(user, found),
        "may_approve": found.state == SessionState.AWAITING_SITE
        and has_permission(user, Permission.SITES_REQUEST_APPROVE),
        "other_ending": _other_ending(found),
    }
    return render(request, "pages/session.html", context)


def shown_session(user: User, found: ServiceSession) -> dict[str, object]:
    """Return what every page about one session shows of it."""
    over = found.state == SessionState.ENDED
    return {
        "session": found,
        "device": found.device,
        "zone": found.device.site.timezone,
        "access_name": ACCESS_HELP[AccessKind(found.access)][0],
        "mode_name": MODE_HELP[Mode(found.mode)][0],
        "over": over,
        "live": SessionState(found.state) in LIVE,
        "host": found.host,
        "may_end": not over and _may_end(user, found),
        "stream": stream(f"/live/sessions/{found.pk}/events"),
    }


def _timeline(found: ServiceSession) -> list[dict[str, object]]:
    rows = timeline_of(found)
    return [
        {
            "at_ms": row.at_ms,
            "state": row.state,
            "note": row.note,
            "words": _handed(found) if _is_turn(found, row) else _state(row),
        }
        for row in rows
    ]


def _other_ending(found: ServiceSession) -> str:
    """Return what the device calls the ending, where that is not what the console calls it."""
    if found.device_ending in ("", found.ending):
        return ""
    if (found.ending, found.device_ending) == (Ending.RELAY_STOPPED, Ending.RELAY_LOST):
        return ""  # A device cannot tell a relay that was stopped from one that broke down.
    return ending_sentence(Ending(found.device_ending), language())


def _state(row: TimelineRow) -> str:
    return state_sentence(SessionState(row.state), language())


def _is_turn(found: ServiceSession, row: TimelineRow) -> bool:
    return found.mode == Mode.CONTROL and row.state == SessionState.LIVE_VIEW


def _handed(found: ServiceSession) -> str:
    return _("%(person)s does not control: control was handed over") % {"person": found.person_name}


def _control_command(user: User, found: ServiceSession, present: list[Present]) -> tuple[str, str]:
    """Return what `user` can do about who controls, as words and a command; ("", "") for nothing."""
    device = found.device_id
    if found.person_id != user.pk or found.of_site or SessionState(found.state) not in LIVE:
        return "", ""
    if found.joins_id is not None and not found.hands_over:
        ask = f"bedside control ask {device} --case … --reason …"
        asked = any(each.may_control for each in who_is_in(found.joins or found))
        return ("", "") if asked else (_("Ask for control"), ask)
    if found.mode == Mode.CONTROL and found.state == SessionState.LIVE_VIEW:
        return _("Take control back"), f"bedside control take {device}"
    heirs = [each.session.person_name for each in present if each.may_control]
    if heirs and not found.hands_over:
        return _("Hand control over"), f"bedside control hand {device} {shlex.quote(heirs[0])}"
    return "", ""


def join_command(user: User, found: ServiceSession) -> str:
    """Return the command by which `user` asks to join a session of somebody else, if they may ask."""
    joinable = SessionState(found.state) in LIVE and found.joins_id is None
    if not joinable or not has_permission(user, asking_right(user)) or found.person_id == user.pk:
        return ""
    if user.site:
        return f"bedside watch {found.pk}"
    return f"bedside request {found.device_id} --join {found.pk} --case … --reason …"


def _may_end(user: User, found: ServiceSession) -> bool:
    """Whether `user` is offered to end a session that is open."""
    # The door of the act itself decides; this only spares a button that would refuse.
    if not has_permission(user, Permission.SESSIONS_SESSION_END):
        return False
    asks = has_permission(user, Permission.SESSIONS_SESSION_REQUEST)
    return found.person_id == user.pk or not asks

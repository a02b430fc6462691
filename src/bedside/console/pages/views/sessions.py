"""Sessions: the list, and one from request to end."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.pages.forms import SessionFilters
from bedside.console.pages.queries import journal_of_session
from bedside.console.pages.shown import shown_entries
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, stream, zone_of
from bedside.console.pages.words import ACCESS_HELP, MODE_HELP, language
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import access_session, find_sessions, refusals
from bedside.language import gate_advice, gate_sentence, state_sentence
from bedside.protocol.states import LIVE
from bedside.vocabulary import AccessKind, Gate, Mode, Permission, SessionState

__all__ = ["session", "sessions"]


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
    page = page_of(request, found, newest_first=True)
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
    over = found.state == SessionState.ENDED
    context = {
        "session": found,
        "device": found.device,
        "zone": found.device.site.timezone,
        "access_name": ACCESS_HELP[AccessKind(found.access)][0],
        "mode_name": MODE_HELP[Mode(found.mode)][0],
        "timeline": _timeline(found),
        "over": over,
        "live": SessionState(found.state) in LIVE,
        "mine": found.person_id == user.pk,
        "gate": gate_sentence(Gate(found.gate), language()) if found.gate else "",
        "advice": gate_advice(Gate(found.gate), language()) if found.gate else "",
        "refusals": refusals(found, language()),
        "console_told": shown_entries(told.console, brief=True) if told else [],
        "device_told": shown_entries(told.device, brief=True) if told else [],
        "reads_journal": told is not None,
        "connect": f"bedside ssh {found.device_id}",
        "approvals": found.approvals.all(),
        "host": found.joins,
        "joined": found.joined.exclude(state=SessionState.ENDED.value),
        "join": _join_command(user, found),
        "may_approve": found.state == SessionState.AWAITING_SITE
        and has_permission(user, Permission.SITES_REQUEST_APPROVE),
        "may_end": not over and _may_end(user, found),
        "stream": stream(f"/live/sessions/{found.pk}/events"),
    }
    return render(request, "pages/session.html", context)


def _timeline(found: ServiceSession) -> list[dict[str, object]]:
    return [
        {
            "at_ms": row.at_ms,
            "state": row.state,
            "note": row.note,
            "words": state_sentence(SessionState(row.state), language()),
        }
        for row in found.timeline.all()
    ]


def _join_command(user: User, found: ServiceSession) -> str:
    """Return the command by which `user` asks to join a session of somebody else, if they may ask."""
    joinable = SessionState(found.state) in LIVE and found.joins_id is None
    asks = has_permission(user, Permission.SESSIONS_SESSION_REQUEST)
    if not joinable or not asks or found.person_id == user.pk:
        return ""
    return f"bedside request {found.device_id} --join {found.pk} --case … --reason …"


def _may_end(user: User, found: ServiceSession) -> bool:
    # The door of the act itself decides; this only spares a button that would refuse.
    if not has_permission(user, Permission.SESSIONS_SESSION_END):
        return False
    asks = has_permission(user, Permission.SESSIONS_SESSION_REQUEST)
    return found.person_id == user.pk or not asks

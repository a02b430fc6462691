"""The queue of cases: what waits, who has it, what was found."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bedside.console.access.queries import refusals_to_serve
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.cases import actions
from bedside.console.cases.models import Case
from bedside.console.cases.queries import access_case, find_cases, holds, refusal_views
from bedside.console.journal.actions import now_ms
from bedside.console.pages.device_now import device_now
from bedside.console.pages.site_forms import ReviewForm
from bedside.console.pages.views.errors import refused
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, stream, zone_of
from bedside.console.pages.words import ACTIVITIES, language
from bedside.console.service_sessions.queries import visible_sessions
from bedside.language import gate_sentence, help_name
from bedside.vocabulary import Activity, Gate, HelpTopic, Permission

__all__ = ["case", "cases", "release", "take"]

_STATES = ("waiting", "taken", "closed")


@require_safe
@for_people
def cases(request: HttpRequest, user: User) -> HttpResponse:
    """Show the queue, newest first; what waits for somebody comes first by its filter."""
    check_permission(user, Permission.CASES_CASE_READ)
    state = request.GET.get("state", "waiting")
    state = state if state in _STATES else ""
    page = page_of(request, find_cases(user, state=state), newest_first=True)
    kept = {"state": state} if state else {"state": "all"}
    context = {
        "rows": [(row, help_name(HelpTopic(row.topic), language())) for row in page.rows],
        "state": state,
        "zone": zone_of(user),
        "may_take": has_permission(user, Permission.CASES_CASE_TAKE),
        "later": "after" in request.GET,
        "next": urlencode({**kept, "after": page.next}) if page.next else "",
        "first": urlencode(kept),
        "stream": stream("/live/fleet/events"),
    }
    return render(request, "pages/cases.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def case(request: HttpRequest, user: User, number: str) -> HttpResponse:
    """Show a case with its device; close it with what was found."""
    posting = request.method == "POST"
    needed = Permission.CASES_CASE_TAKE if posting else Permission.CASES_CASE_READ
    found = access_case(user, number, needed)
    form = ReviewForm(request.POST if posting else None)
    if posting and form.is_valid():
        try:
            actions.do_close_case(found, finding=form.cleaned_data["finding"], acting_user=user)
        except ValidationError as error:
            form.add_error(None, error)
        except actions.NotYoursError:
            return _not_yours(request, found)
        else:
            messages.success(request, _("The case is closed."))
            return redirect("case", found.number)
    return _shown(request, user, found, form, status=400 if form.is_bound else 200)


def _shown(
    request: HttpRequest, user: User, found: Case, form: ReviewForm, *, status: int
) -> HttpResponse:
    may_take = has_permission(user, Permission.CASES_CASE_TAKE)
    free = may_take and not found.taken_by_id and not found.closed_ms
    reasons = refusals_to_serve(user, found.device, at_ms=now_ms()) if free else ()
    context = {
        "case": found,
        "device": found.device,
        "topic": help_name(HelpTopic(found.topic), language()),
        "zone": found.device.site.timezone,
        "now": device_now(user, found.device),
        "how": _how(found),
        "form": form,
        "mine": found.taken_by_id == user.pk,
        "may_take": free and not reasons,
        "refusals": refusal_views(reasons, language()),
        "holds": not found.closed_ms and holds(user, found),
        "ask": _ask_address(user, found),
        "sessions": visible_sessions(user)
        .filter(device_id=found.device_id, case=found.number)
        .order_by("-id")[:20],
    }
    return render(request, "pages/case.html", context, status=status)


@require_POST
@for_people
def take(request: HttpRequest, user: User, number: str) -> HttpResponse:
    """Take a case: the first one has it, and goes on to ask for access."""
    found = access_case(user, number, Permission.CASES_CASE_TAKE)
    try:
        taken = actions.do_take_case(found, acting_user=user)
    except actions.CannotServeError:
        return _shown(request, user, found, ReviewForm(), status=403)
    if taken:
        messages.success(request, _("The case is yours."))
    else:
        messages.info(request, _("Somebody has taken this case already."))
    return redirect("case", found.number)


@require_POST
@for_people
def release(request: HttpRequest, user: User, number: str) -> HttpResponse:
    """Give a case back, so that somebody else can take it."""
    found = access_case(user, number, Permission.CASES_CASE_TAKE)
    try:
        released = actions.do_release_case(found, acting_user=user)
    except actions.NotYoursError:
        return _not_yours(request, found)
    if released:
        messages.success(request, _("The case is given back: somebody else can take it."))
    else:
        messages.info(request, _("Nobody has this case, or it is closed."))
    return redirect("case", found.number)


def _not_yours(request: HttpRequest, found: Case) -> HttpResponse:
    sentence = _("Only who took this case, or a support manager, gives it back or closes it.")
    return refused(request, 403, found.number, sentence)


def _ask_address(user: User, found: Case) -> str:
    if not has_permission(user, Permission.SESSIONS_SESSION_REQUEST):
        return ""
    reason = help_name(HelpTopic(found.topic), language())
    query = urlencode({"case": found.number, "reason": reason})
    return f"{reverse('request', args=[found.device_id])}?{query}"


def _how(found: Case) -> list[str]:
    told = []
    if found.state.get("activity") in set(Activity):
        told.append(str(ACTIVITIES[Activity(found.state["activity"])]))
    if found.state.get("state") in set(Gate):
        told.append(gate_sentence(Gate(found.state["state"]), language()))
    return told

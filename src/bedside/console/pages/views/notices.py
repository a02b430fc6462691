"""What was told, and what could not be: dead letters that somebody can see and send again."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of, check_permission
from bedside.console.notices.actions import do_try_again
from bedside.console.notices.models import Notice
from bedside.console.notices.queries import MOST_DEAD, dead_count, notices_of
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, zone_of
from bedside.vocabulary import Permission

__all__ = ["again", "notices"]


@require_safe
@for_people
def notices(request: HttpRequest, user: User) -> HttpResponse:
    """Show notices, newest first; `state` narrows them."""
    check_permission(user, Permission.NOTICES_NOTICE_READ)
    state = request.GET.get("state", "")
    state = state if state in Notice.State.values else ""
    page = page_of(request, notices_of(user.site, state=state), newest_first=True)
    kept = {"state": state} if state else {}
    context = {
        "rows": page.rows,
        "state": state,
        "dead": dead_count(),
        "most_dead": MOST_DEAD,
        "zone": zone_of(user),
        "later": "after" in request.GET,
        "next": urlencode({**kept, "after": page.next}) if page.next else "",
        "first": urlencode(kept),
    }
    return render(request, "pages/notices.html", context)


@require_POST
@for_people
def again(request: HttpRequest, user: User, notice_id: str) -> HttpResponse:
    """Try a notice again that was given up."""
    notice = notices_of(user.site).filter(pk=notice_id).first()
    if notice is None:
        raise Http404
    check_permission(user, Permission.NOTICES_NOTICE_READ)
    if do_try_again(notice, actor=actor_of(user)):
        messages.success(request, _("It is tried again now."))
    return redirect("notices")

"""Locks over whatever can be locked: what holds, and a new one, once it was seen what it ends."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bedside.console.access.actions import LockTarget
from bedside.console.access.queries import access_lock, visible_locks
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.pages.lock_forms import ScopedLockForm
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, zone_of
from bedside.console.pages.words import LOCKED
from bedside.console.service_sessions.actions import do_clear_lock, do_set_lock
from bedside.console.service_sessions.queries import open_under
from bedside.policy.facts import LockScope
from bedside.vocabulary import Permission

__all__ = ["clear", "locks"]


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def locks(request: HttpRequest, user: User) -> HttpResponse:
    """Show the locks that hold; set one, after what it ends was shown."""
    posting = request.method == "POST"
    needed = Permission.DEVICES_DEVICE_LOCK if posting else Permission.DEVICES_DEVICE_READ
    check_permission(user, needed)
    form = ScopedLockForm(request.POST if posting else None, user=user)
    asked = form.lock if posting and form.is_valid() else None
    if asked is not None and "apply" in request.POST:
        do_set_lock(asked, reason=form.cleaned_data["reason"], acting_user=user)
        messages.success(request, _("The lock holds."))
        return redirect("locks")
    context = {**_held(request, user), "form": form, **_preview(asked)}
    wrong = posting and not form.is_valid()
    return render(request, "pages/locks.html", context, status=400 if wrong else 200)


@require_POST
@for_people
def clear(request: HttpRequest, user: User, lock_id: int) -> HttpResponse:
    """Clear a lock of one's own organisation; sessions that it ended stay ended."""
    try:
        lock = access_lock(user, lock_id)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("locks")
    do_clear_lock(LockTarget(LockScope(lock.scope), lock.target), acting_user=user)
    messages.success(request, _("The lock is cleared."))
    return redirect("locks")


def _held(request: HttpRequest, user: User) -> dict[str, Any]:
    page = page_of(request, visible_locks(user), newest_first=True)
    people = [lock.target for lock in page.rows if lock.scope == LockScope.PERSON]
    names = dict(User.objects.filter(pk__in=people).values_list("pk", "name"))
    return {
        "rows": [
            (lock, LOCKED[LockScope(lock.scope)], names.get(lock.target, lock.target))
            for lock in page.rows
        ],
        "zone": zone_of(user),
        "may_lock": has_permission(user, Permission.DEVICES_DEVICE_LOCK),
        "may_read_policy": has_permission(user, Permission.ACCESS_POLICY_READ),
        "later": "after" in request.GET,
        "next": f"after={page.next}" if page.next else "",
        "first": "",
    }


def _preview(asked: LockTarget | None) -> dict[str, Any]:
    if asked is None:
        return {"asked": None}
    open_ = open_under(asked.scope, asked.target)
    return {"asked": asked, "asked_name": LOCKED[asked.scope], "open": open_}

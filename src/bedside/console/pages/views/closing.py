"""Acts that close something: each page says first what the act will do, to how many."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bedside.console.access.actions import LockTarget
from bedside.console.access.queries import locks_on
from bedside.console.accounts.models import User
from bedside.console.devices.models import Device
from bedside.console.devices.queries import access_device
from bedside.console.pages.forms import EndForm, LockForm
from bedside.console.pages.views.people import for_people
from bedside.console.service_sessions import actions
from bedside.console.service_sessions.queries import access_session, find_sessions
from bedside.policy.facts import LockScope
from bedside.vocabulary import Permission, SessionState

__all__ = ["end", "lock", "revoke", "unlock"]

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
@for_people
def lock(request: HttpRequest, user: User, device_id: str) -> HttpResponse:
    """Lock a device: what is open on it ends, nothing opens until it is unlocked."""
    device = access_device(user, device_id, Permission.DEVICES_DEVICE_LOCK)
    form = LockForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        actions.do_set_lock(_target(device), reason=form.cleaned_data["reason"], acting_user=user)
        messages.success(request, _("%(device)s is locked.") % {"device": device.pk})
        return redirect("device", device.pk)
    context = {"device": device, "form": form, "open": _open_on(user, device)}
    status = 400 if form.is_bound else 200
    return render(request, "pages/lock.html", context, status=status)


@require_http_methods(_METHODS)
@for_people
def unlock(request: HttpRequest, user: User, device_id: str) -> HttpResponse:
    """Clear the lock of one's own organisation on a device."""
    device = access_device(user, device_id, Permission.DEVICES_DEVICE_LOCK)
    locks = locks_on(LockScope.DEVICE, device.pk)
    others = [lock for lock in locks if lock.organisation_id != user.organisation_id]
    refused = bool(others) and len(others) == len(locks)
    if request.method == "POST" and not refused:
        actions.do_clear_lock(_target(device), acting_user=user)
        if others:
            messages.info(request, _("Your lock is cleared; another one holds."))
        else:
            messages.success(request, _("%(device)s is unlocked.") % {"device": device.pk})
        return redirect("device", device.pk)
    context = {"device": device, "locks": locks, "others": others, "refused": refused}
    status = 409 if request.method == "POST" else 200
    return render(request, "pages/unlock.html", context, status=status)


@require_http_methods(_METHODS)
@for_people
def revoke(request: HttpRequest, user: User, device_id: str) -> HttpResponse:
    """Take a device's certificates away, for whoever types its name."""
    device = access_device(user, device_id, Permission.DEVICES_DEVICE_REVOKE)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip().upper() == device.pk:
            actions.do_revoke_device(device, acting_user=user)
            messages.success(request, _("%(device)s is revoked.") % {"device": device.pk})
            return redirect("device", device.pk)
        wrong = True
    context = {"device": device, "open": _open_on(user, device), "wrong": wrong}
    return render(request, "pages/revoke.html", context, status=400 if wrong else 200)


@require_http_methods(_METHODS)
@for_people
def end(request: HttpRequest, user: User, session_id: str) -> HttpResponse:
    """End a session, whatever its state."""
    session = access_session(user, session_id, Permission.SESSIONS_SESSION_END)
    form = EndForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if actions.do_end_session(session, acting_user=user, reason=form.cleaned_data["reason"]):
            messages.success(request, _("The session is ended."))
        else:
            messages.info(request, _("The session had ended already."))
        return redirect("session", session.pk)
    context = {"session": session, "device": session.device, "form": form}
    return render(request, "pages/end.html", context, status=400 if form.is_bound else 200)


def _target(device: Device) -> LockTarget:
    return LockTarget(LockScope.DEVICE, device.pk)


def _open_on(user: User, device: Device) -> int:
    found = find_sessions(user, device=device.pk)
    return found.exclude(state=SessionState.ENDED.value).count()

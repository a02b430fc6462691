"""One device: who it is, whether it is well, who was here, and how it gets its identity."""

import base64

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from bedside.console.access.queries import open_locks
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import has_permission
from bedside.console.devices.actions import do_offer_enrolment
from bedside.console.devices.queries import access_device, pin_of
from bedside.console.enrolment.queries import identity, offered
from bedside.console.journal.actions import now_ms
from bedside.console.journal.queries import device_witness
from bedside.console.monitoring.queries import watched
from bedside.console.pages.views.people import for_people, stream
from bedside.console.pages.words import ACTIVITIES, LOCK_SCOPES
from bedside.console.relays.queries import presence
from bedside.console.service_sessions.queries import find_sessions
from bedside.console.sites.queries import running_glass
from bedside.policy.facts import DeviceState, LockScope
from bedside.vocabulary import Permission, SessionState

__all__ = ["device", "enrol"]

_RECENT = 10
_DAY_MS = 86_400_000
_RENEWAL_DUE_MS = 14 * _DAY_MS


@require_safe
@for_people
def device(request: HttpRequest, user: User, device_id: str) -> HttpResponse:
    """Show a device to somebody who may see it."""
    found = access_device(user, device_id)
    seen = presence(found.pk)
    known = identity(found.pk)
    sessions = list(find_sessions(user, device=found.pk).order_by("-id")[:_RECENT])
    moment = now_ms()
    alarm, mute = watched(found, now=moment)
    context = {
        "alarm": alarm,
        "mute": mute,
        "device": found,
        "zone": found.site.timezone,
        "seen": seen,
        "activity": ACTIVITIES[seen.activity] if seen else "",
        "identity": known,
        "pin": pin_of(found),
        "certificate_due": known is not None and known.not_after_ms - moment < _RENEWAL_DUE_MS,
        "code_waiting": offered(found.pk, now=moment),
        "witness": device_witness(found.pk),
        "locks": [
            {"scope": LOCK_SCOPES[LockScope(lock.scope)], "reason": lock.reason, "row": lock}
            for lock in open_locks(user, found)
        ],
        "glass": running_glass([found.pk], moment).get(found.pk),
        "sessions": sessions,
        "open": [row for row in sessions if row.state != SessionState.ENDED],
        "may_here": _may(user),
        "stream": stream("/live/fleet/events"),
    }
    return render(request, "pages/device.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def enrol(request: HttpRequest, user: User, device_id: str) -> HttpResponse:
    """Say what an enrolment code does, then make one and show it once."""
    found = access_device(user, device_id, Permission.DEVICES_DEVICE_ENROL)
    closed = found.state in (DeviceState.REVOKED, DeviceState.CLONED)
    if request.method != "POST":
        context = {"device": found, "closed": closed, "enrolled": identity(found.pk) is not None}
        return render(request, "pages/enrol.html", context)
    offer = do_offer_enrolment(found, acting_user=user)
    context = {
        "device": found,
        "code": offer.code,
        "command": f"bedside agent enrol --bundle {found.pk}.bundle --code {offer.code}",
        "bundle": base64.b64encode(offer.bundle).decode("ascii"),
        "expires_ms": offer.expires_ms,
        "zone": found.site.timezone,
    }
    return render(request, "pages/enrolled.html", context)


def _may(user: User) -> dict[str, bool]:
    return {
        "ask": has_permission(user, Permission.SESSIONS_SESSION_REQUEST),
        "lock": has_permission(user, Permission.DEVICES_DEVICE_LOCK),
        "review": has_permission(user, Permission.CASES_REVIEW_CLOSE),
        "revoke": has_permission(user, Permission.DEVICES_DEVICE_REVOKE),
        "break_glass": bool(user.site) and has_permission(user, Permission.SITES_BREAK_GLASS_START),
        "enrol": has_permission(user, Permission.DEVICES_DEVICE_ENROL),
        "read_journal": has_permission(user, Permission.JOURNAL_ENTRY_READ),
        "export": has_permission(user, Permission.JOURNAL_ENTRY_EXPORT),
    }

"""The site's portal: who is in now, who has asked, what is planned, what happened."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.passkeys import passkeys_of
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.journal.actions import now_ms
from bedside.console.pages.queries import lagging_shown
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, stream
from bedside.console.service_sessions.queries import visible_sessions
from bedside.console.sites.models import SiteKey
from bedside.console.sites.queries import (
    access_site,
    arrangement,
    policy_of,
    unreviewed_glass,
    visible_sites,
    windows_of,
)
from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import load_public_key
from bedside.protocol.states import LIVE
from bedside.vocabulary import Permission, SessionState

__all__ = ["approver", "portal", "sites"]

# What a row of the portal shows of a session and of its device.
_SHOWN = (
    "person_name", "person_employer", "person_country", "access", "mode", "state", "ending",
    "requested_ms", "answer_by_ms", "device__display_name",
)  # fmt: skip
_PAST = 10
_SOME = 25


@require_safe
@for_people
def sites(request: HttpRequest, user: User) -> HttpResponse:
    """Show the sites; somebody of a site goes straight to their own."""
    check_permission(user, Permission.SITES_POLICY_READ)
    if user.site:
        return redirect("site", user.site)
    page = page_of(request, visible_sites(user))
    context = {
        "rows": page.rows,
        "later": "after" in request.GET,
        "next": f"after={page.next}" if page.next else "",
        "first": "",
    }
    return render(request, "pages/sites.html", context)


@require_safe
@for_people
def portal(request: HttpRequest, user: User, site_id: str) -> HttpResponse:
    """Show one site: now, asked, planned, past."""
    site = access_site(user, site_id)
    moment = now_ms()
    at_site = visible_sessions(user).filter(device__site_id=site.pk)
    at_site = at_site.select_related(None).select_related("device").only(*_SHOWN)
    waiting = at_site.filter(state=SessionState.AWAITING_SITE.value)
    # One condition each: the index of what is open is taken for the first.
    ongoing = at_site.exclude(state=SessionState.ENDED.value).exclude(
        state=SessionState.AWAITING_SITE.value
    )
    policy = policy_of(site.pk)
    context = {
        "site": site,
        "zone": site.timezone,
        "waiting": waiting.order_by("id")[:_SOME],
        "ongoing": ongoing.order_by("-id")[:_SOME],
        "live_states": [state.value for state in LIVE],
        "planned": windows_of(site.pk, since_ms=moment)[:_SOME],
        "past": at_site.filter(state=SessionState.ENDED.value).order_by("-id")[:_PAST],
        "now_ms": moment,
        "reviews": unreviewed_glass(site.pk)[:_SOME],
        "policy": policy,
        "keyed": policy is None and SiteKey.objects.filter(pk=site.pk).exists(),
        "lagging": lagging_shown(site.pk, policy),
        "arrangement": arrangement(site.pk).label,
        "may_approve": has_permission(user, Permission.SITES_REQUEST_APPROVE),
        "may_plan": has_permission(user, Permission.SITES_WINDOW_MANAGE),
        "may_review": has_permission(user, Permission.CASES_REVIEW_CLOSE),
        "mine": user.site == site.pk,
        "passkeys": [
            (name, fingerprint_words(load_public_key(passkey.public_key)))
            for name, passkey in (passkeys_of(user) if user.site else [])
        ],
        "stream": stream("/live/fleet/events"),
    }
    return render(request, "pages/site.html", context)


@require_safe
@for_people
def approver(request: HttpRequest, user: User, site_id: str) -> HttpResponse:
    """Give a person's passkeys as the site's policy names approvers: to be compared in person."""
    del request
    site = access_site(user, site_id, Permission.SITES_REQUEST_APPROVE)
    _check_own(user, site)
    found = [{"passkey": name, **passkey.to_dict()} for name, passkey in passkeys_of(user)]
    answer = JsonResponse({"site": site.pk, "approvers": found}, json_dumps_params={"indent": 2})
    answer["Content-Disposition"] = 'attachment; filename="approver.json"'
    return answer


def _check_own(user: User, site: Organisation) -> None:
    if user.site != site.pk:
        check_permission(user, Permission.SITES_POLICY_PUBLISH)

"""What a site rules: when it is served, what its signed policy says, and the glass that it breaks."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import has_permission
from bedside.console.devices.queries import access_device
from bedside.console.journal.actions import now_ms
from bedside.console.pages.queries import lagging_shown
from bedside.console.pages.site_forms import (
    ArrangementForm,
    GlassForm,
    KeyForm,
    PolicyForm,
    ReviewForm,
    WindowForm,
)
from bedside.console.pages.views.people import for_people
from bedside.console.pages.words import SITE_ACTIONS, SITE_RULES, windows_text
from bedside.console.service_sessions import actions as sessions
from bedside.console.sites import actions
from bedside.console.sites.models import BreakGlass, SiteKey, SitePolicyVersion
from bedside.console.sites.policies import do_publish_policy, do_register_key
from bedside.console.sites.queries import (
    access_glass,
    access_site,
    access_window,
    arrangement,
    may_review,
    policy_of,
    windows_of,
)
from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import load_public_key
from bedside.protocol.site import SitePolicy
from bedside.site.words import passkey_words
from bedside.vocabulary import Permission, SiteAction

__all__ = ["arrange", "break_glass", "close_window", "end_glass", "policy", "review", "windows"]

_METHODS = ["GET", "HEAD", "POST"]
_VERSIONS = 20


@require_http_methods(_METHODS)
@for_people
def windows(request: HttpRequest, user: User, site_id: str) -> HttpResponse:
    """Show the site's windows; plan one."""
    posting = request.method == "POST"
    needed = Permission.SITES_WINDOW_MANAGE if posting else Permission.SITES_POLICY_READ
    site = access_site(user, site_id, needed)
    form = WindowForm(request.POST if posting else None, site=site)
    if posting and form.is_valid():
        try:
            actions.do_open_window(site, form.window, acting_user=user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The window is planned."))
            return redirect("site_windows", site.pk)
    kind = arrangement(site.pk)
    context = {
        "site": site,
        "zone": site.timezone,
        "form": form,
        "arranging": ArrangementForm(initial={"kind": kind.value}),
        "arrangement": kind.label,
        "rows": windows_of(site.pk, since_ms=now_ms()),
        "now_ms": now_ms(),
        "may_plan": has_permission(user, Permission.SITES_WINDOW_MANAGE),
    }
    return render(request, "pages/windows.html", context, status=400 if form.is_bound else 200)


@require_POST
@for_people
def arrange(request: HttpRequest, user: User, site_id: str) -> HttpResponse:
    """State when the site is served."""
    site = access_site(user, site_id, Permission.SITES_WINDOW_MANAGE)
    form = ArrangementForm(request.POST)
    if form.is_valid():
        actions.do_arrange(site, form.cleaned_data["kind"], acting_user=user)
        messages.success(request, _("It applies to every request from now on."))
    return redirect("site_windows", site.pk)


@require_http_methods(_METHODS)
@for_people
def close_window(request: HttpRequest, user: User, window_id: str) -> HttpResponse:
    """Close a window before its end."""
    window = access_window(user, window_id)
    if request.method == "POST":
        if sessions.do_close_window(window, acting_user=user):
            messages.success(request, _("The window is closed."))
        else:
            messages.info(request, _("The window had closed already."))
        return redirect("site_windows", window.site_id)
    context = {"window": window, "site": window.site, "zone": window.site.timezone}
    return render(request, "pages/window_close.html", context)


@require_http_methods(_METHODS)
@for_people
def policy(request: HttpRequest, user: User, site_id: str) -> HttpResponse:
    """Show the site's signed policy in words; receive its key, or its next policy."""
    posting = request.method == "POST"
    needed = Permission.SITES_POLICY_PUBLISH if posting else Permission.SITES_POLICY_READ
    site = access_site(user, site_id, needed)
    known = SiteKey.objects.filter(pk=site.pk).first()
    keying = (request.POST, request.FILES) if "public_key" in request.POST else (None, None)
    key_form = KeyForm(*keying, follows=known is not None)
    form = PolicyForm(*((request.POST, request.FILES) if "publish" in request.POST else ()))
    try:
        if key_form.is_bound and key_form.is_valid():
            do_register_key(site, key_form.key, acting_user=user)
            messages.success(request, _key_words(known))
            return redirect("site_policy", site.pk)
        if form.is_bound and form.is_valid():
            do_publish_policy(site, form.cleaned_data["policy"], acting_user=user)
            messages.success(
                request,
                _("The policy is on its way to each device; a device that verified it says so."),
            )
            return redirect("site_policy", site.pk)
    except ValidationError as error:
        _bound(key_form, form).add_error(None, error)
    applying = policy_of(site.pk)
    versions = SitePolicyVersion.objects.filter(site=site).select_related("published_by")
    latest = list(versions[:_VERSIONS])
    context = {
        "site": site,
        "zone": site.timezone,
        "key": known,
        "key_words": fingerprint_words(load_public_key(known.public_key)) if known else "",
        "key_form": key_form,
        "form": form,
        "policy": applying,
        "rules": _rules(applying) if applying else [],
        "approvers": [(each.name, passkey_words(each)) for each in applying.approvers]
        if applying
        else [],
        "windows": windows_text(applying) if applying else [],
        "versions": latest,
        "signed_before": bool(latest and latest[0].public_key),
        "lagging": lagging_shown(site.pk, applying),
        "may_publish": has_permission(user, Permission.SITES_POLICY_PUBLISH),
    }
    bound = key_form.is_bound or form.is_bound
    return render(request, "pages/policy.html", context, status=400 if bound else 200)


@require_http_methods(_METHODS)
@for_people
def break_glass(request: HttpRequest, user: User, device_id: str) -> HttpResponse:
    """Open a device for the site itself, for an hour at most."""
    device = access_device(user, device_id)
    access_site(user, device.site_id, Permission.SITES_BREAK_GLASS_START)
    form = GlassForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        asked = form.cleaned_data
        try:
            sessions.do_break_glass(
                device, reason=asked["reason"], minutes=asked["minutes"], acting_user=user
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The glass is broken. Tell the specialist to ask now."))
            return redirect("site", device.site_id)
    context = {"device": device, "form": form}
    return render(request, "pages/glass.html", context, status=400 if form.is_bound else 200)


@require_POST
@for_people
def end_glass(request: HttpRequest, user: User, glass_id: str) -> HttpResponse:
    """End broken glass, and every session that it opened."""
    glass = access_glass(user, glass_id, Permission.SITES_BREAK_GLASS_START)
    if sessions.do_end_glass(glass, acting_user=user):
        messages.success(request, _("The emergency access is over; its sessions are ended."))
    else:
        messages.info(request, _("It was over already."))
    return redirect("glass_review", glass.pk)


@require_http_methods(_METHODS)
@for_people
def review(request: HttpRequest, user: User, glass_id: str) -> HttpResponse:
    """Show what broken glass opened; close its review with what was found."""
    glass = access_glass(user, glass_id, Permission.CASES_REVIEW_CLOSE)
    form = ReviewForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            done = actions.do_review_glass(
                glass, finding=form.cleaned_data["finding"], acting_user=user
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            words = _("The review is closed.") if done else _("Somebody had closed it already.")
            messages.success(request, words)
            return redirect("site", glass.site_id)
    context = {
        "glass": glass,
        "device": glass.device,
        "zone": glass.site.timezone,
        "form": form,
        "running": _is_broken(glass),
        "may_review": may_review(glass, user),
        "alone": (glass.reviewed_by_id or user.pk) == glass.started_by_id,
        "opened": glass.device.sessions.filter(
            break_glass=True, requested_ms__gte=glass.start_ms, requested_ms__lt=glass.end_ms
        )
        .defer("decision")
        .order_by("id"),
        "may_end": has_permission(user, Permission.SITES_BREAK_GLASS_START),
    }
    return render(request, "pages/review.html", context, status=400 if form.is_bound else 200)


def _key_words(before: SiteKey | None) -> str:
    if before is None:
        return _("The key is registered.")
    return _(
        "The new key is registered. Publish the next policy, signed with it, and have each device "
        "trust it."
    )


def _is_broken(glass: BreakGlass) -> bool:
    return glass.ended_ms is None and glass.end_ms > now_ms()


def _bound(*forms: Form) -> Form:
    return next(form for form in forms if form.is_bound)


def _rules(applying: SitePolicy) -> list[dict[str, object]]:
    return [
        {
            "action": SITE_ACTIONS[action],
            "rule": SITE_RULES[applying.rules[action]],
            "two": action in applying.two_approvers,
            "ticket": action in applying.ticket,
            "window": action in applying.window,
        }
        for action in SiteAction
    ]

"""A signed-in person's language, idle limit and second factor, before any page opens."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode

from bedside.console.accounts.models import User
from bedside.console.accounts.second_factor import (
    has_passkey,
    has_shown_link,
    meets_sign_in_rule,
    signed_in_as_the_rule_asks,
    signed_in_at_workstation,
)
from bedside.console.accounts.workstations import do_note_elsewhere
from bedside.console.journal.actions import now_ms
from bedside.console.rest.client import address

__all__ = [
    "choose_language",
    "end_idle_sign_in",
    "require_second_factor",
    "require_workstation",
]

Handler = Callable[[HttpRequest], HttpResponse]

_MINUTE_MS = 60_000
# What opens to somebody who has no second factor yet: making one, and leaving.
_ALWAYS_OPEN = ("/account/logout/", "/account/new-factors/", "/language/", "/static/")
_OPEN_PREFIXES = ("/account/second-factor/",)
_OPEN_NAMES = ("account_reauthenticate", "account_change_password")


def choose_language(get_response: Handler) -> Handler:
    """Use the language chosen by hand, else the person's own, else the browser's."""

    def handle(request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
        if chosen not in dict(settings.LANGUAGES):
            chosen = getattr(request.user, "language", None)
        language = chosen or translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response

    return handle


def end_idle_sign_in(get_response: Handler) -> Handler:
    """Sign out whoever was idle too long, or signed in too long ago however busy since."""
    limits = settings.CONFIG.sign_in

    def handle(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            moment = now_ms()
            idle = moment - request.session.get("seen_ms", 0)
            age = moment - request.session.get("signed_in_ms", 0)
            if idle > limits.idle_minutes * _MINUTE_MS or age > limits.absolute_hours * 3_600_000:
                logout(request)
            elif idle > _MINUTE_MS:
                request.session["seen_ms"] = moment
        return get_response(request)

    return handle


def require_second_factor(get_response: Handler) -> Handler:
    """Let in whoever has, and used, the second factor that the role asks for (R1).

    Others reach the pages that make one. Whoever has a passkey already and must use it reaches only
    the page that asks for it: a password and a code do not add a passkey beside it. Whose second
    factors were taken away makes new ones by the link that was sent, and by nothing else.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or request.path.startswith(_ALWAYS_OPEN):
            return get_response(request)
        if not signed_in_as_the_rule_asks(request, user) and has_passkey(user):
            page = reverse("mfa_reauthenticate_webauthn")
            if request.path == page:
                return get_response(request)
            return redirect(f"{page}?{urlencode({'next': _way_back(request)})}")
        if not has_shown_link(request, user):
            return render(request, "accounts/new_factors.html", {"waits": True}, status=403)
        if not _is_open(request.path) and not meets_sign_in_rule(user):
            return redirect("mfa_index")
        return get_response(request)

    return handle


def require_workstation(get_response: Handler) -> Handler:
    """Refuse a sign-in from a computer that is not enrolled, where the role asks for one (S49).

    One's passkeys stay reachable, and the page that asks for a fresh proof before one is made: a
    workstation begins as a passkey that is made on it.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or request.path.startswith(_ALWAYS_OPEN):
            return get_response(request)
        if _is_open(request.path):
            return get_response(request)
        if signed_in_at_workstation(request, user):
            return get_response(request)
        if not request.session.get("told_elsewhere"):
            request.session["told_elsewhere"] = True
            do_note_elsewhere(user, address=address(request))
        return render(request, "accounts/elsewhere.html", status=403)

    return handle


def _way_back(request: HttpRequest) -> str:
    return request.get_full_path() if request.method == "GET" else "/"


def _is_open(path: str) -> bool:
    return path.startswith(_OPEN_PREFIXES) or path in {reverse(name) for name in _OPEN_NAMES}

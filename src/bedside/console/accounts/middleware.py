"""A signed-in person's language, idle limit and second factor, before any page opens."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation

from bedside.console.accounts.models import User
from bedside.console.accounts.second_factor import has_second_factor
from bedside.console.journal.actions import now_ms

__all__ = ["choose_language", "end_idle_sign_in", "require_second_factor"]

Handler = Callable[[HttpRequest], HttpResponse]

_MINUTE_MS = 60_000
# What opens to somebody who has no second factor yet: making one, and leaving.
_OPEN_PREFIXES = ("/account/second-factor/", "/account/logout/", "/language/", "/static/")
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
    """Let somebody without a second factor reach nothing but the pages that make one (R1)."""

    def handle(request: HttpRequest) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and not _is_open(request.path) and not has_second_factor(user):
            return redirect("mfa_index")
        return get_response(request)

    return handle


def _is_open(path: str) -> bool:
    return path.startswith(_OPEN_PREFIXES) or path in {reverse(name) for name in _OPEN_NAMES}

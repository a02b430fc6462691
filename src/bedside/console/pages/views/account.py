"""A person's own page, and the language of all pages."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import role_of, support_contacts
from bedside.console.pages.views.people import for_people
from bedside.console.pages.words import ROLES

__all__ = ["account", "language"]

_YEAR_S = 31_536_000


@require_safe
@for_people
def account(request: HttpRequest, user: User) -> HttpResponse:
    """Show who one is to the console, and where to change password and second factors."""
    role = role_of(user)
    context = {"role": ROLES[role] if role else "", "contacts": support_contacts(user.country)}
    return render(request, "pages/account.html", context)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the language chosen by hand, and go back to the page one was on."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    chosen = request.POST.get("language")
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=_YEAR_S,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            samesite="Lax",
        )
    return response

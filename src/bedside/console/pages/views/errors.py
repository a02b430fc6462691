"""Refusals are pages too: what refused, which fact, and what to do next."""

import sys
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from bedside.console.pages.words import PERMISSIONS
from bedside.console.rest.problems import ProblemError, problem
from bedside.vocabulary import Permission

__all__ = [
    "bad_request",
    "csrf_failed",
    "failed",
    "forbidden",
    "not_found",
    "refused",
    "say_wrong_method",
    "too_many",
]


_WRONG_METHOD = 405
_RIGHTS = frozenset(each.value for each in PERMISSIONS)
_CODES = {
    400: "malformed",
    403: "forbidden",
    404: "not_found",
    429: "too_many",
    500: "failed",
    503: "away",
}


def refused(
    request: HttpRequest, status: int, title: str, sentence: str, advice: str = ""
) -> HttpResponse:
    """Return a page that says what refused, and what one can do; to a program, as problem+json."""
    if request.path.startswith("/api/"):
        return problem(request, ProblemError(status, _CODES.get(status, "refused"), title))
    context = {
        "status": status,
        "title": title,
        "sentence": sentence,
        "advice": advice,
        "request_id": getattr(request, "request_id", ""),
    }
    return render(request, "pages/refused.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the address or the form cannot be read."""
    del exception
    return refused(
        request,
        400,
        _("This request cannot be read"),
        _("A part of the address or of the form is not what the console expects."),
        _("Go back to the page before, reload it and try again."),
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form was not sent from a page of ours, or the page was too old."""
    del reason
    return refused(
        request,
        403,
        _("This form is no longer valid"),
        _("It was sent from a page that was open too long, or from another website."),
        _("Nothing was changed. Open the page anew and send it again."),
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the person may see this, and may not do it."""
    sentence = _("Your role does not include this.")
    if str(exception) in _RIGHTS:
        right = PERMISSIONS[Permission(str(exception))]
        sentence = _("Your role does not include this right: %(right)s.") % {"right": right}
    return refused(
        request,
        403,
        _("You may not do this"),
        sentence,
        _("An administrator of your organisation decides about roles."),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: there is nothing, or nothing that this person may see: the two are not told apart."""
    del exception
    return refused(
        request,
        404,
        _("There is nothing here for you"),
        _("The address is wrong, what was here is gone, or it belongs to another organisation."),
        _("Search the fleet, or ask the person who sent you the address."),
    )


def too_many(request: HttpRequest) -> HttpResponse:
    """429: too many attempts from one place."""
    return refused(
        request,
        429,
        _("Too many attempts"),
        _("Too many attempts came from your computer or for this account in a short time."),
        _("Wait a few minutes, then try again. Sessions that are live go on."),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """500: our fault; 503: the database is away. The page needs neither it nor who is asking."""
    away = isinstance(sys.exc_info()[1], (OperationalError, InterfaceError))
    if away and request.path.startswith("/api/"):
        title = _("The console's database is away; try again in a moment")
        response = problem(request, ProblemError(503, _CODES[503], title))
    else:
        context = {"request_id": getattr(request, "request_id", ""), "bare": True, "away": away}
        text = render_to_string("pages/failed.html", context)
        response = HttpResponse(text, status=503 if away else 500)
    if away:
        response.headers["Retry-After"] = "5"
    return response


def say_wrong_method(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """405, as middleware: what only a form's button may open was opened as an address."""

    def handle(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        if answer.status_code != _WRONG_METHOD or request.path.startswith("/api/"):
            return answer
        said = refused(
            request,
            _WRONG_METHOD,
            _("This address is not a page"),
            _("It does something when a form is sent to it; nothing was done."),
            _("Go back to the page before and use its button."),
        )
        said["Allow"] = answer["Allow"]
        return said

    return handle

"""Acts that nobody does to themselves are refused where they are opened, not where they are sent."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from bedside.console.accounts.actions import check_not_oneself
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import has_permission, state_of
from bedside.console.pages.views.people import UserView
from bedside.vocabulary import Permission

__all__ = ["for_others", "said_no"]

_P = ParamSpec("_P")
_ActView = Callable[Concatenate[HttpRequest, User, str, _P], HttpResponseBase]


def for_others(
    permission: Permission,
) -> Callable[[_ActView[_P]], UserView[Concatenate[str, _P]]]:
    """Refuse a page about oneself, before anybody is asked to fill in a form.

    Whoever has not `permission` is left to the page's own refusal.
    """

    def refusing(view: _ActView[_P]) -> UserView[Concatenate[str, _P]]:
        @wraps(view)
        def handle(
            request: HttpRequest, user: User, person_id: str, *args: _P.args, **kwargs: _P.kwargs
        ) -> HttpResponseBase:
            try:
                if person_id == user.pk and has_permission(user, permission):
                    check_not_oneself(user, user)
            except ValidationError as error:
                return said_no(request, user, error)
            return view(request, user, person_id, *args, **kwargs)

        return handle  # type: ignore[return-value]

    return refusing


def said_no(request: HttpRequest, person: User, error: ValidationError) -> HttpResponse:
    """Return the page that says why an act on a person is refused."""
    context = {"person": person, "state": state_of(person), "sentences": error.messages}
    return render(request, "pages/person_refused.html", context, status=400)

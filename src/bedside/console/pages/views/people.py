"""Who is looking at a page."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urljoin

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from bedside.console.accounts.models import User

__all__ = ["UserView", "for_people", "stream", "zone_of"]

_P = ParamSpec("_P")
UserView = Callable[Concatenate[HttpRequest, User, _P], HttpResponseBase]


def for_people(view: UserView[_P]) -> Callable[Concatenate[HttpRequest, _P], HttpResponseBase]:
    """Give a view the person who is signed in; whoever is not signs in first."""

    @wraps(view)
    def handle(request: HttpRequest, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User):
            raise TypeError("login_required lets people in only")
        return view(request, user, *args, **kwargs)

    return login_required(handle)  # type: ignore[return-value]


def zone_of(user: User) -> str:
    """Return the zone of the person's own organisation, for times that belong to no site."""
    return user.organisation.timezone


def stream(path: str) -> str:
    """Return the address of an event stream of `live`."""
    return urljoin(settings.CONFIG.live_url or settings.CONFIG.public_url, path)

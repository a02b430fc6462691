"""What every template knows of the installation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import has_permission
from bedside.vocabulary import Permission

__all__ = ["installation"]

_PLACES = {
    "": "fleet",
    "devices": "fleet",
    "locks": "policy",
    "organisations": "people",
    "relays": "fleet",
}


def installation(request: HttpRequest) -> dict[str, Any]:
    """Return the manufacturer's name and the place among the pages, for the head of each page."""
    place = request.path.split("/")[1]
    user = getattr(request, "user", None)
    person = user if isinstance(user, User) else None
    return {
        "manufacturer": settings.CONFIG.manufacturer,
        "place": _PLACES.get(place, place),
        "may": {
            "people": person is not None
            and has_permission(person, Permission.ACCOUNTS_PERSON_READ),
            "policy": person is not None and has_permission(person, Permission.ACCESS_POLICY_READ),
            "review": person is not None
            and has_permission(person, Permission.ACCOUNTS_PERSON_REVIEW),
        },
    }

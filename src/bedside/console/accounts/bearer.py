"""Who calls the REST API: a bearer token only, never a browser's cookies."""

from django.http import HttpRequest
from django.utils import translation
from ninja.security import HttpBearer

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import token_of
from bedside.console.journal.actions import now_ms

__all__ = ["BearerAuth", "caller"]


class BearerAuth(HttpBearer):
    """Accepts a token that holds, of a person who still has an account and a second factor."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """Return the person, whose own language is spoken unless the request names one."""
        found = token_of(token, at_ms=now_ms())
        if found is None:
            return None
        if "Accept-Language" not in request.headers:
            translation.activate(found.person.language)
        request.bedside_token = found  # type: ignore[attr-defined]
        return found.person


def caller(request: HttpRequest) -> User:
    """Return the person on whose behalf an authenticated API request comes."""
    user: object = getattr(request, "auth", None)
    if not isinstance(user, User):
        raise TypeError("the route has no authentication")
    return user

"""Who calls the REST API: a bearer token only, never a browser's cookies."""

from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import (
    check_permission,
    is_of_closed_account,
    lacks_a_factor,
    token_of,
)
from bedside.console.journal.actions import now_ms
from bedside.console.rest.problems import ProblemError
from bedside.vocabulary import Permission

__all__ = ["BearerAuth", "caller", "oneself", "permitted"]


class BearerAuth(HttpBearer):
    """Accepts a token that holds, of a person who still has an account and a second factor."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """Return the person, whose own language is spoken unless the request names one.

        Raises:
            ProblemError: `account_closed` or `second_factor`; whoever holds the token may know why.
        """
        found = token_of(token, at_ms=now_ms())
        if found is None:
            if is_of_closed_account(token):
                title = _("Your account is closed. An administrator can open it.")
                raise ProblemError(401, "account_closed", title)
            if lacks_a_factor(token, at_ms=now_ms()):
                title = _("Your role asks for a passkey: add one on the console's pages.")
                raise ProblemError(401, "second_factor", title)
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


def permitted(request: HttpRequest, permission: Permission) -> User:
    """Return the caller, if they may do this by their role and by the scope of the token in use.

    Whether a risky act was confirmed was asked before (`confirmation.confirm_calls`).

    Raises:
        PermissionDenied: the caller may not do this.
    """
    user = caller(request)
    check_permission(user, permission)
    return user


def oneself(request: HttpRequest) -> User:
    """Return the caller, if the token in use stands for all that its person may do.

    One's own tokens and browsers are nobody else's business, and no scope names them.

    Raises:
        ProblemError: `scope`, for a token that is narrowed to anything.
    """
    user = caller(request)
    if user.narrowed_to is not None:
        title = _("A token with a scope does not reach your account: sign in with bedside login.")
        raise ProblemError(403, "scope", title)
    return user

"""Before a risky act a person confirms who they are: the browser may have been left open.

What is risky is one list (`risky`). A page sends its reader to confirm; a call of the API is
refused, unless its token is fresh from a log-in or was made for such acts.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from bedside.console.accounts.bearer import caller
from bedside.console.accounts.models import ApiToken, User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.accounts.risky import RiskyAct, act_of_operation, act_of_page
from bedside.console.accounts.second_factor import has_passkey, must_use_passkey
from bedside.console.journal.actions import now_ms
from bedside.console.rest.problems import ProblemError

__all__ = ["ConfirmFirst", "confirm_calls", "confirmed_recently", "way_to_confirm"]

_Operation = Callable[..., Any]


def confirmed_recently(request: HttpRequest, user: User) -> bool:
    """Whether the person gave a password or a second factor within `[sign_in] confirm_minutes`.

    Where the role asks for a passkey, nothing else counts; a recovery code never does.
    """
    limit_s = settings.CONFIG.sign_in.confirm_minutes * 60
    proofs = {"webauthn"} if must_use_passkey(user) else {"password", "totp", "webauthn"}
    return any(
        (record.get("type") or record.get("method")) in proofs
        and 0 <= time.time() - float(record.get("at", 0)) < limit_s
        for record in get_authentication_records(request, user)
    )


def way_to_confirm(user: User, *, back: str) -> str:
    """Return the address of the page that asks who a person is, and leads to `back` from there."""
    way = "mfa_reauthenticate_webauthn" if has_passkey(user) else "account_reauthenticate"
    return f"{reverse(way)}?{urlencode({'next': back})}"


class ConfirmFirst:
    """Sends whoever has not confirmed lately to do so, before a page of a risky act opens.

    What a form held is not kept: it is filled in after the confirmation, on a page that was open
    for less than these minutes.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on: what is asked is known once its page was found."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponseRedirect | None:
        """Return the way to confirm, or None where the page may open.

        Raises:
            PermissionDenied: whoever posts may not do this, and is not asked who they are.
        """
        del view, args, kwargs
        match, user = request.resolver_match, request.user
        act = act_of_page(match.url_name or "") if match and not match.namespace else None
        if act is None or not isinstance(user, User) or not _asks(request, user, act):
            return None
        if confirmed_recently(request, user):
            return None
        if act.permission is not None:
            check_permission(user, act.permission)
        return redirect(way_to_confirm(user, back=_way_back(request)))


def _asks(request: HttpRequest, user: User, act: RiskyAct) -> bool:
    if request.method == "POST":
        return act.when(request.POST)
    # Whoever only reads such a page finds no form there, and is asked nothing.
    may = act.permission is None or has_permission(user, act.permission)
    match = request.resolver_match
    return may and match is not None and match.url_name in act.pages


def _way_back(request: HttpRequest) -> str:
    """Return the page to be shown after the confirmation: for an act without one, where it came from."""
    came = request.headers.get("Referer", "")
    here = {request.get_host()}
    if request.method == "POST" and url_has_allowed_host_and_scheme(came, allowed_hosts=here):
        parts = urlsplit(came)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return request.get_full_path()


def confirm_calls(operation: _Operation) -> _Operation:
    """Let an operation of the API that does a risky act ask who calls, before it does anything."""
    act = act_of_operation(operation._ninja_operation.operation_id)  # type: ignore[attr-defined]
    if act is None:
        return operation

    @wraps(operation)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        body = kwargs.get("body")
        if act.when(body.dict() if body is not None else {}):
            _check_call(request, act)
        return operation(request, *args, **kwargs)

    return handle


def _check_call(request: HttpRequest, act: RiskyAct) -> None:
    """Let a call pass whose token is narrowed to what it may do, or is fresh from a log-in.

    A token with a scope was made by a risky act of its own, and its scope is its limit: whether it
    names this act is asked where every right is.

    Raises:
        PermissionDenied: the caller may not do this, and is not asked who they are.
        ProblemError: `confirmation_needed`.
    """
    user, token = caller(request), request.bedside_token  # type: ignore[attr-defined]
    if token.scope is not None or _is_fresh(token):
        return
    if act.permission is not None:
        check_permission(user, act.permission)
    minutes = settings.CONFIG.sign_in.confirm_minutes
    title = _(
        "Confirm who you are first: log in again with bedside login, then repeat this within "
        "%(minutes)d minutes."
    )
    raise ProblemError(403, "confirmation_needed", title % {"minutes": minutes})


def _is_fresh(token: ApiToken) -> bool:
    limit_ms = settings.CONFIG.sign_in.confirm_minutes * 60_000
    return 0 <= now_ms() - token.created_ms < limit_ms

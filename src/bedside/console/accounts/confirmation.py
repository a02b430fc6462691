"""Before a risky act a person confirms who they are: the browser may have been left open."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission
from bedside.console.accounts.second_factor import has_passkey, must_use_passkey
from bedside.vocabulary import Permission

__all__ = ["ask_to_confirm", "confirmed_recently", "must_confirm", "way_to_confirm"]

_P = ParamSpec("_P")
_View = Callable[Concatenate[HttpRequest, _P], HttpResponseBase]


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


def ask_to_confirm(user: User, *, back: str) -> HttpResponseRedirect:
    """Send a person to the page that asks who they are, and to `back` from there."""
    return redirect(way_to_confirm(user, back=back))


def must_confirm(
    permission: Permission | None = None,
    *,
    to_read: Permission | None = None,
    acts_only: bool = False,
    back: str = "",
) -> Callable[[_View[_P]], _View[_P]]:
    """Send whoever has not confirmed lately to do so, and back to the page then.

    What a form held is not kept: it is filled in after the confirmation, on a page that was open
    for less than these minutes.

    Args:
        permission: what the page asks for, so that whoever may not do it is refused, and not asked
            who they are first; None where anybody signed in may. The page's own check stays.
        to_read: what looking at the page asks for, where that is less.
        back: the name of the page that leads to an act which has none of its own; the page itself
            where it is empty.
        acts_only: looking at the page asks nobody: it shows its forms to whoever has confirmed.
    """

    def confirming(view: _View[_P]) -> _View[_P]:
        @wraps(view)
        def handle(request: HttpRequest, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponseBase:
            user = request.user
            if not isinstance(user, User):
                return view(request, *args, **kwargs)
            needed = permission if request.method == "POST" else (to_read or permission)
            if needed is not None:
                check_permission(user, needed)
            looking = acts_only and request.method != "POST"
            if looking or confirmed_recently(request, user):
                return view(request, *args, **kwargs)
            return ask_to_confirm(user, back=reverse(back) if back else request.get_full_path())

        return handle  # type: ignore[return-value]

    return confirming

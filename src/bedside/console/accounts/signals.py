"""Sign-in, sign-out and second factors, told to the journal as allauth and Django report them."""

from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from bedside.console.accounts import actions, browsers
from bedside.console.accounts.models import User
from bedside.console.journal.actions import now_ms
from bedside.console.rest.client import address

__all__ = ["connect"]


def connect() -> None:
    """Connect every handler; called once, when the app is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="bedside")
    user_logged_out.connect(_signed_out, dispatch_uid="bedside")
    user_login_failed.connect(_wrong_password, dispatch_uid="bedside")
    mfa.authentication_failed.connect(_wrong_code, dispatch_uid="bedside")
    mfa.authenticator_added.connect(_factor_added, dispatch_uid="bedside")
    mfa.authenticator_removed.connect(_factor_removed, dispatch_uid="bedside")
    mfa.authenticator_reset.connect(_factor_reset, dispatch_uid="bedside")
    password_changed.connect(_password_changed, dispatch_uid="bedside")


def _signed_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    moment = now_ms()
    request.session["signed_in_ms"] = moment
    request.session["seen_ms"] = moment
    actions.do_note_sign_in(user, address=address(request))
    program = request.headers.get("User-Agent", "")
    browsers.do_note_browser(user, request.session.session_key, address(request), program)


def _signed_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        actions.do_note_sign_out(user, address=address(request))
        browsers.do_forget_browser(request.session.session_key)


def _wrong_password(
    *, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    email = str(credentials.get("email") or credentials.get("username") or "")
    user = User.objects.filter(email__iexact=email).first()
    actions.do_note_failed_sign_in(user, address=address(request), method="password")


def _wrong_code(
    *, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    actions.do_note_failed_sign_in(user, address=address(request), method=authenticator.type)


def _factor_added(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    actions.do_note_second_factor(user, method=authenticator.type, change="added")
    actions.do_use_factor_link(user)


def _factor_removed(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    actions.do_note_second_factor(user, method=authenticator.type, change="removed")


def _factor_reset(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    actions.do_note_second_factor(user, method=authenticator.type, change="reset")


def _password_changed(*, user: User, **_: Any) -> None:
    actions.do_note_password_change(user)

"""Sign-in by e-mail and password: closed to sign-up, and an account locks after wrong attempts."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.models import User
from bedside.console.accounts.second_factor import has_second_factor
from bedside.console.journal.actions import now_ms

__all__ = ["ClosedAccountAdapter", "LockingBackend"]

_WRONG = _(
    "The e-mail address or the password is not right. "
    "After several wrong attempts an account is locked for a while; an administrator can unlock it."
)


_WAYS = {
    "reauthenticate": _("Use your password"),
    "mfa_reauthenticate": _("Use an app or a recovery code"),
    "mfa_reauthenticate:webauthn": _("Use a passkey"),
}


class LockingBackend(AuthenticationBackend):  # type: ignore[misc]
    """Refuses a locked account whatever the password: the answer is the one for a wrong password."""

    def authenticate(
        self, request: HttpRequest | None, **credentials: Any
    ) -> AbstractBaseUser | None:
        """Return the person, or None."""
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        if isinstance(user, User) and user.locked_until_ms > now_ms():
            return None
        return user


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """No sign-up page; one sentence for every failed sign-in, so that accounts cannot be guessed."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _WRONG,
        "too_many_login_attempts": _WRONG,
        "account_inactive": _WRONG,
    }

    def get_login_stages(self) -> list[str]:
        """Return allauth's stages, with our own for the second factor."""
        ours = "bedside.console.accounts.single_sign_on.SecondFactorStage"
        theirs = "allauth.mfa.stages.AuthenticateStage"
        return [ours if stage == theirs else stage for stage in super().get_login_stages()]

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: an administrator makes accounts."""
        del request
        return False

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Complete a sign-in, unless wrong codes locked the account after its password was right."""
        if User.objects.filter(pk=user.pk, locked_until_ms__gt=now_ms()).exists():
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)

    def get_reauthentication_methods(
        self, user: AbstractBaseUser | AnonymousUser
    ) -> list[dict[str, Any]]:
        """Return allauth's ways to confirm who one is, in our own words."""
        ways: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return [{**way, "description": _WAYS.get(way["id"], way["description"])} for way in ways]

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Whether the password must be given again before a change to the account.

        Not for the first second factor, right after the sign-in that asked for it.
        """
        request = context.request
        user = request.user
        if app != "allauth.mfa" or not isinstance(user, User) or has_second_factor(user):
            return bool(super().is_reauthentication_required(app=app))
        age_ms = now_ms() - int(request.session.get("signed_in_ms", 0))
        return age_ms > int(settings.ACCOUNT_REAUTHENTICATION_TIMEOUT) * 1000

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send nothing: the console has no mail of allauth's."""

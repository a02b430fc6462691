"""Single sign-on: an organisation's own provider (OpenID Connect) says who somebody is.

1. A provider vouches for its own organisation's people only.
2. It opens accounts that exist, are active and were activated; it never makes one.
3. The first time, the provider's verified address must be the account's; from then on its subject.
4. It stands for the password. The second factor is ours, unless the organisation trusts the
   provider's own, the provider says it was used, and the role does not ask for a passkey.
5. What is refused is told in one sentence, whatever refused it, and is in the journal.
"""

from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.stages import AuthenticateStage
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from bedside.console.accounts.actions.sign_ins import do_note_failed_sign_in
from bedside.console.accounts.models import SingleSignOn, User
from bedside.console.accounts.second_factor import must_use_passkey, open_secret
from bedside.console.journal.actions import now_ms
from bedside.console.rest.client import address

__all__ = ["SecondFactorStage", "SingleSignOnAdapter", "provider_of", "refuse"]

# RFC 8176: what a provider says of how it knew the person; more than a password.
_STRONG = frozenset({"mfa", "otp", "hwk", "swk", "fpt", "face", "iris", "pop", "sc"})


def provider_of(email: str) -> SingleSignOn | None:
    """Return the provider that vouches for addresses of this domain, None where there is none."""
    domain = email.rpartition("@")[2].strip().lower()
    if not domain or len(domain) > 253:
        return None
    # A handful of rows: one for each organisation that signs in this way.
    return next((row for row in SingleSignOn.objects.all() if domain in row.domains), None)


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Providers from our own table, and rules 1 to 5."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Return the provider of this id; the table of allauth stays empty."""
        del request
        rows = SingleSignOn.objects.select_related("organisation")
        if provider == "openid_connect":
            # A sign-in that waits for its second factor is read back by this name. It was judged
            # already, and its provider is asked nothing more: two with one client id do no harm.
            return [_as_app(row) for row in rows.filter(client_id=client_id or "")[:1]]
        return [_as_app(row) for row in rows.filter(pk=provider or "")]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Return False: a provider makes no accounts."""
        del request, sociallogin
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Connect a first sign-in to its account, or refuse (rules 1 to 3)."""
        sign_on = SingleSignOn.objects.filter(pk=sociallogin.account.provider).first()
        if sign_on is None or sociallogin.state.get("process") != "login":
            refuse(request, None)
        known: User | None = sociallogin.user if sociallogin.is_existing else None
        person = known or _invited(sign_on, sociallogin)
        if person is None or not _may_enter(person, sign_on):
            refuse(request, person)
        if known is None:
            sociallogin.connect(request, person)
        request.bedside_strong = _is_strong(sign_on, sociallogin, person)  # type: ignore[attr-defined]

    def on_authentication_error(self, request: HttpRequest, *args: Any, **more: Any) -> None:
        """Refuse what the provider refused or garbled."""
        del args, more
        refuse(request, None)


class SecondFactorStage(AuthenticateStage):  # type: ignore[misc]
    """Asks for our second factor, but where rule 4 lets the provider's stand."""

    def _should_handle(self, request: HttpRequest) -> bool:
        strong = getattr(request, "bedside_strong", False)
        return not strong and bool(super()._should_handle(request))


def refuse(request: HttpRequest, person: User | None) -> NoReturn:
    """Journal a refused single sign-on, and send the person back to sign-in with one sentence."""
    do_note_failed_sign_in(person, address=address(request), method="single sign-on")
    messages.error(
        request,
        _("Your organisation's sign-in did not open an account here. Ask an administrator."),
    )
    raise ImmediateHttpResponse(redirect("account_login"))


def _invited(sign_on: SingleSignOn, login: SocialLogin) -> User | None:
    verified = [each.email.lower() for each in login.email_addresses if each.verified is True]
    return User.objects.filter(
        email__in=verified[:1], organisation_id=sign_on.organisation_id
    ).first()


def _may_enter(person: User, sign_on: SingleSignOn) -> bool:
    return (
        person.organisation_id == sign_on.organisation_id
        and person.is_active
        and person.activated_ms is not None
        and person.locked_until_ms <= now_ms()
    )


def _is_strong(sign_on: SingleSignOn, login: SocialLogin, person: User) -> bool:
    if not sign_on.trusts_second_factor or must_use_passkey(person):
        return False
    claims = login.account.extra_data.get("id_token") or {}
    methods = claims.get("amr")
    return isinstance(methods, list) and bool(_STRONG & {str(each) for each in methods})


def _as_app(row: SingleSignOn) -> SocialApp:
    return SocialApp(
        provider="openid_connect",
        provider_id=row.pk,
        name=row.organisation.name,
        client_id=row.client_id,
        secret=open_secret(row.client_secret),
        settings={"server_url": row.server_url, "oauth_pkce_enabled": True},
    )

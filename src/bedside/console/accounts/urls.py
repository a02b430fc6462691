"""Sign-in, second factors and passwords: allauth's views, those of sign-up and mail left out."""

from allauth.account import views as account
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path

from bedside.console.accounts.views import (
    activate,
    begin_sign_on,
    end_sign_on,
    invitation,
    new_factors,
    single_sign_on,
)

__all__ = ["urlpatterns"]


def closed(request: HttpRequest) -> HttpResponse:
    """Answer that there is no such page: an administrator makes accounts."""
    raise Http404(request.path)


urlpatterns = [
    path("activate", activate, name="activate"),
    path("account/invitation/", invitation, name="invitation"),
    path("account/new-factors/", new_factors, name="new_factors"),
    path("account/single-sign-on/", single_sign_on, name="single_sign_on"),
    path("account/oidc/<slug:provider_id>/login/", begin_sign_on, name="openid_connect_login"),
    path("account/oidc/<slug:provider_id>/callback/", end_sign_on, name="openid_connect_callback"),
    path("account/login/", account.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/inactive/", account.account_inactive, name="account_inactive"),
    path("account/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("account/password/", account.password_change, name="account_change_password"),
    path("account/second-factor/", include("allauth.mfa.urls")),
    # allauth's templates ask for the address of this page, which does not exist here.
    path("account/signup/", closed, name="account_signup"),
]

"""Pages about ways in: letting a program act for one (RFC 8628), and accepting an invitation."""

from collections.abc import Callable

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect import views as openid
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from bedside.console.accounts.actions import InvitationGoneError, do_accept_invitation
from bedside.console.accounts.authorization import do_answer_authorization, pending_authorization
from bedside.console.accounts.forms import AddressForm, PasswordForm, UserCodeForm
from bedside.console.accounts.models import DeviceAuthorization, SingleSignOn, User
from bedside.console.accounts.queries import open_invitation
from bedside.console.accounts.second_factor import LINK_SHOWN
from bedside.console.accounts.single_sign_on import provider_of, refuse
from bedside.console.accounts.tokens import digest
from bedside.console.journal.actions import now_ms

__all__ = [
    "activate",
    "begin_sign_on",
    "end_sign_on",
    "invitation",
    "new_factors",
    "single_sign_on",
]

_MAX_CODE = 100
_WRONG = "activate_wrong"
_WRONG_LIMIT = 10
_WRONG_WINDOW_MS = 600_000


@login_required
@require_http_methods(["GET", "POST"])
def activate(request: HttpRequest) -> HttpResponse:
    """Ask for the code, show which program it belongs to, and take the person's answer."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("login_required lets people in only")
    if request.method == "GET":
        form = UserCodeForm(initial={"code": request.GET.get("code", "")[:32]})
        return render(request, "accounts/activate.html", {"form": form})
    form = UserCodeForm(request.POST)
    waiting = _waiting(request, form)
    if waiting is None:
        return render(request, "accounts/activate.html", {"form": form}, status=400)
    answer = request.POST.get("answer")
    if answer not in ("allow", "deny"):
        return render(request, "accounts/activate_confirm.html", {"waiting": waiting})
    done = do_answer_authorization(waiting, allow=answer == "allow", acting_user=user)
    context = {"allowed": done and answer == "allow", "answered": done, "waiting": waiting}
    return render(request, "accounts/activate_done.html", context)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Take an invitation's code, then the first password; what does not open says no more.

    The address holds no code, so the site's own Referrer-Policy is enough; `no-referrer` would take
    away the Origin by which a form of ours is known.
    """
    if request.method != "POST":
        return render(request, "accounts/invitation.html")
    code = request.POST.get("code", "").strip()
    found = open_invitation(code, at_ms=now_ms())
    if found is None or found.person.vetted_on is None:
        return _gone(request)
    with translation.override(found.person.language):
        return _choose_password(request, found.person, code)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_factors(request: HttpRequest) -> HttpResponse:
    """Take the code of a link that lets somebody make new second factors, once they sign in.

    Whether it is a code, and whose, is said to nobody who has not given that person's password.
    """
    code = request.POST.get("code", "").strip()
    if request.method != "POST" or not 0 < len(code) <= _MAX_CODE:
        return render(request, "accounts/new_factors.html")
    user, shown = request.user, digest(code)
    if not isinstance(user, User) or user.factor_link != shown:
        # Whoever else is signed in with this browser is not the one who was sent the link.
        logout(request)
    request.session[LINK_SHOWN] = shown
    return redirect("mfa_index" if request.user.is_authenticated else "account_login")


def _choose_password(request: HttpRequest, person: User, code: str) -> HttpResponse:
    form = PasswordForm(request.POST if request.POST.get("chosen") else None)
    if form.is_bound and form.is_valid():
        try:
            do_accept_invitation(code, form.cleaned_data["password"])
        except InvitationGoneError:
            return _gone(request)
        except ValidationError as error:
            form.add_error("password", error)
        else:
            # Whoever else is signed in with this browser is not the one who was invited.
            logout(request)
            messages.success(request, _("Your account is active. Sign in with your password."))
            response = redirect("account_login")
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                person.language,
                secure=settings.LANGUAGE_COOKIE_SECURE,
                samesite="Lax",
            )
            return response
    context = {"form": form, "person": person, "code": code}
    status = 400 if form.is_bound else 200
    return render(request, "accounts/invitation.html", context, status=status)


def _gone(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/invitation.html", {"gone": True}, status=400)


@require_http_methods(["GET", "HEAD", "POST"])
def single_sign_on(request: HttpRequest) -> HttpResponse:
    """Ask for the address, and lead to the provider of its organisation.

    The page answers about domains only; whether somebody has an account is not asked.
    """
    form = AddressForm(request.POST if request.method == "POST" else None)
    found = None
    if form.is_bound and form.is_valid():
        found = provider_of(form.cleaned_data["email"])
        if found is None:
            form.add_error("email", _("No organisation here signs in with addresses of this kind."))
    # A link, not a redirect: the content policy lets forms lead to our own pages only.
    context = {"form": form, "found": found}
    status = 400 if form.is_bound and found is None else 200
    return render(request, "accounts/single_sign_on.html", context, status=status)


@require_safe
def begin_sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to the organisation's provider."""
    return _with_provider(openid.login, request, provider_id)


@require_safe
def end_sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take the provider's answer."""
    return _with_provider(openid.callback, request, provider_id)


def _with_provider(
    view: Callable[..., HttpResponse], request: HttpRequest, provider_id: str
) -> HttpResponse:
    if not SingleSignOn.objects.filter(pk=provider_id).exists():
        raise Http404
    try:
        return view(request, provider_id)
    except ImmediateHttpResponse as error:
        return _answer_of(error)
    except (requests.RequestException, OAuth2Error, LookupError, ValueError):
        # The provider is away, or says what no provider says.
        try:
            refuse(request, None)
        except ImmediateHttpResponse as error:
            return _answer_of(error)


def _answer_of(error: ImmediateHttpResponse) -> HttpResponse:
    response: HttpResponse = error.response
    return response


def _waiting(request: HttpRequest, form: UserCodeForm) -> DeviceAuthorization | None:
    if _has_guessed_too_often(request):
        form.add_error(None, _("Too many wrong codes. Wait ten minutes."))
        return None
    if not form.is_valid():
        return None
    waiting = pending_authorization(form.cleaned_data["code"])
    if waiting is None:
        request.session[_WRONG] = [*request.session.get(_WRONG, []), now_ms()][-_WRONG_LIMIT:]
        form.add_error(
            "code", _("No program waits with this code. It may have expired: begin again there.")
        )
    return waiting


def _has_guessed_too_often(request: HttpRequest) -> bool:
    since = now_ms() - _WRONG_WINDOW_MS
    wrong = [at for at in request.session.get(_WRONG, []) if at > since]
    return len(wrong) >= _WRONG_LIMIT

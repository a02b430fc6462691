"""Pages about ways in: letting a program act for one (RFC 8628), and accepting an invitation."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from bedside.console.accounts.actions import InvitationGoneError, do_accept_invitation
from bedside.console.accounts.authorization import do_answer_authorization, pending_authorization
from bedside.console.accounts.forms import PasswordForm, UserCodeForm
from bedside.console.accounts.models import DeviceAuthorization, User
from bedside.console.accounts.queries import open_invitation
from bedside.console.journal.actions import now_ms

__all__ = ["activate", "invitation"]

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

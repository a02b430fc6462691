"""The page on which a person lets a program act for them (RFC 8628)."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bedside.console.accounts.authorization import do_answer_authorization, pending_authorization
from bedside.console.accounts.forms import UserCodeForm
from bedside.console.accounts.models import DeviceAuthorization, User
from bedside.console.journal.actions import now_ms

__all__ = ["activate"]

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

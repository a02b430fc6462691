"""A request that the site decides: read it, then approve with a passkey, or refuse."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bedside.console.accounts.models import User
from bedside.console.pages.site_forms import ApprovalForm, RefusalForm
from bedside.console.pages.views.people import for_people
from bedside.console.pages.words import ACCESS_HELP, MODE_HELP, SITE_ACTIONS
from bedside.console.service_sessions import actions
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import access_session
from bedside.pki.webauthn import to_base64url
from bedside.vocabulary import AccessKind, Mode, Permission, SiteAction

__all__ = ["approve"]


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def approve(request: HttpRequest, user: User, session_id: str) -> HttpResponse:
    """Show what is asked, exactly as a device will read it; take a passkey's yes, or a no."""
    session = access_session(user, session_id, Permission.SITES_REQUEST_APPROVE)
    refusing = RefusalForm(request.POST if "refuse" in request.POST else None)
    approving = ApprovalForm(request.POST if "assertion" in request.POST else None)
    try:
        if refusing.is_bound and refusing.is_valid():
            return _refuse(request, session, user, refusing.cleaned_data["reason"])
        if approving.is_bound and approving.is_valid():
            return _approve(request, session, user, approving)
        question = actions.question_of(session, user)
    except actions.NotAskedError:
        messages.info(request, _("This request is not waiting for the site any more."))
        return redirect("session", session.pk)
    except ValidationError as error:
        approving.add_error(None, error)
        question = actions.question_of(session, user)
    context = _context(session, user, question)
    context |= {"refusing": refusing, "approving": approving}
    bound = refusing.is_bound or approving.is_bound
    return render(request, "pages/approve.html", context, status=400 if bound else 200)


def _approve(
    request: HttpRequest, session: ServiceSession, user: User, form: ApprovalForm
) -> HttpResponse:
    if actions.do_approve(session, form.cleaned_data["assertion"], acting_user=user):
        messages.success(
            request,
            _("Your approval is on its way: the device verifies it before it asks anybody."),
        )
    else:
        session.refresh_from_db()
        if not session.ending:
            messages.success(
                request, _("Your approval is kept. Another approver must say yes too.")
            )
    return redirect("session", session.pk)


def _refuse(request: HttpRequest, session: ServiceSession, user: User, reason: str) -> HttpResponse:
    actions.do_refuse(session, reason=reason, acting_user=user)
    messages.success(request, _("The request is refused. Nothing was opened."))
    return redirect("session", session.pk)


def _context(session: ServiceSession, user: User, question: actions.Question) -> dict[str, Any]:
    return {
        "session": session,
        "device": session.device,
        "zone": session.device.site.timezone,
        "access_name": ACCESS_HELP[AccessKind(session.access)][0],
        "mode_name": MODE_HELP[Mode(session.mode)][0],
        "files": [SITE_ACTIONS[SiteAction(action)] for action in session.actions],
        "question": question,
        "answered": session.approvals.filter(approver=user).exists(),
        "to_sign": {
            "challenge": to_base64url(question.digest),
            "rp_id": question.passkeys[0].rp_id if question.passkeys else "",
            "credentials": [passkey.credential for passkey in question.passkeys],
            "approver": user.pk,
        },
        "fingerprint": question.digest.hex(),
    }

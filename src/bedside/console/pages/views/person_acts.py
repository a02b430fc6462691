"""Acts on one person: each page says first what the act will do."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bedside.console.access.actions import do_end_product_right, do_save_product_right
from bedside.console.accounts.actions import (
    do_open_account,
    do_review_person,
    do_send_invitation,
)
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import access_person, check_permission
from bedside.console.accounts.workstations import (
    access_passkey,
    do_enrol_workstation,
    do_remove_workstation,
)
from bedside.console.pages.forms import LockForm
from bedside.console.pages.people_forms import ResetForm, TrainingForm, take_errors
from bedside.console.pages.views.others import for_others, said_no
from bedside.console.pages.views.people import for_people, zone_of
from bedside.console.people.actions import do_close_person, do_leave, do_reset_factors
from bedside.console.people.queries import holdings_of, rights_of
from bedside.vocabulary import Permission

__all__ = [
    "close",
    "end_training",
    "factors",
    "invitation",
    "leave",
    "reopen",
    "review",
    "train",
    "workstation",
]

_METHODS = ["GET", "HEAD", "POST"]


def _access(user: User, person_id: str, permission: Permission) -> User:
    shown = access_person(user, person_id)
    check_permission(user, permission)
    return shown


@require_POST
@for_people
def invitation(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """Send the invitation, again or at last."""
    shown = _access(user, person_id, Permission.ACCOUNTS_PERSON_MANAGE)
    words = _("%(name)s is invited.")
    return _do(request, shown, words, lambda: do_send_invitation(shown, acting_user=user))


@require_POST
@for_people
def review(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """State that a person still needs these rights."""
    shown = _access(user, person_id, Permission.ACCOUNTS_PERSON_REVIEW)
    words = _("The rights of %(name)s are reviewed.")
    return _do(
        request,
        shown,
        words,
        lambda: do_review_person(shown, acting_user=user),
        to="access_review" if request.POST.get("from") == "review" else "person",
    )


@require_http_methods(_METHODS)
@for_people
@for_others(Permission.ACCOUNTS_PERSON_CLOSE)
def close(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """Close an account for now."""
    shown = _access(user, person_id, Permission.ACCOUNTS_PERSON_CLOSE)
    form = LockForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        reason, words = form.cleaned_data["reason"], _("The account of %(name)s is closed.")
        return _do(
            request,
            shown,
            words,
            lambda: do_close_person(shown, reason=reason, acting_user=user),
        )
    context = {"person": shown, "form": form, "holds": holdings_of(shown)}
    status = 400 if form.is_bound else 200
    return render(request, "pages/person_close.html", context, status=status)


@require_http_methods(_METHODS)
@for_people
@for_others(Permission.ACCOUNTS_PERSON_CLOSE)
def reopen(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """Open a closed account."""
    shown = _access(user, person_id, Permission.ACCOUNTS_PERSON_CLOSE)
    if request.method == "POST":
        words = _("The account of %(name)s is open.")
        return _do(request, shown, words, lambda: do_open_account(shown, acting_user=user))
    return render(request, "pages/person_open.html", {"person": shown})


@require_http_methods(_METHODS)
@for_people
@for_others(Permission.ACCOUNTS_PERSON_CLOSE)
def factors(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """Take somebody's second factors away, who has lost them; a letter brings the link to new ones."""
    shown = _access(user, person_id, Permission.ACCOUNTS_PERSON_CLOSE)
    form = ResetForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        reason = form.cleaned_data["reason"]
        words = _("The second factors of %(name)s are taken away; the letter is on its way.")
        return _do(
            request, shown, words, lambda: do_reset_factors(shown, reason=reason, acting_user=user)
        )
    context = {"person": shown, "form": form, "holds": holdings_of(shown)}
    status = 400 if form.is_bound else 200
    return render(request, "pages/person_factors.html", context, status=status)


@require_http_methods(_METHODS)
@for_people
@for_others(Permission.ACCOUNTS_PERSON_CLOSE)
def leave(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """Take everything from somebody who left, for whoever types their address."""
    shown = _access(user, person_id, Permission.ACCOUNTS_PERSON_CLOSE)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip().lower() == shown.email:
            words = _("%(name)s has left: everything is removed.")
            return _do(request, shown, words, lambda: do_leave(shown, acting_user=user))
        wrong = True
    context = {"person": shown, "holds": holdings_of(shown), "wrong": wrong}
    return render(request, "pages/person_leave.html", context, status=400 if wrong else 200)


@require_http_methods(_METHODS)
@for_people
def train(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """State for which product a person is trained, and until when."""
    shown = _access(user, person_id, Permission.ACCESS_RIGHT_MANAGE)
    form = TrainingForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        product = form.cleaned_data["product"]
        try:
            do_save_product_right(shown, product, form.interval, acting_user=user)
        except ValidationError as error:
            take_errors(form, error)
        else:
            messages.success(request, _("The training is saved."))
            return redirect("person", shown.pk)
    context: dict[str, Any] = {"person": shown, "form": form, "zone": zone_of(user)}
    return render(request, "pages/person_train.html", context, status=400 if form.is_bound else 200)


@require_POST
@for_people
def end_training(request: HttpRequest, user: User, person_id: str, product_id: str) -> HttpResponse:
    """End a person's right to a product now."""
    shown = _access(user, person_id, Permission.ACCESS_RIGHT_MANAGE)
    right = rights_of(shown).filter(product_id=product_id).first()
    if right is None:
        raise Http404
    words = _("The right of %(name)s to this product is ended.")
    return _do(
        request,
        shown,
        words,
        lambda: do_end_product_right(shown, right.product, acting_user=user),
    )


@require_POST
@for_people
def workstation(request: HttpRequest, user: User, person_id: str, passkey_id: int) -> HttpResponse:
    """Enrol the computer of a passkey as a workstation, or take that back."""
    shown = _access(user, person_id, Permission.ACCOUNTS_PERSON_MANAGE)
    passkey = access_passkey(shown, passkey_id)
    if request.POST.get("remove"):
        words = _("A workstation of %(name)s is removed.")
        return _do(request, shown, words, lambda: do_remove_workstation(passkey, acting_user=user))
    words = _("A workstation of %(name)s is enrolled.")
    return _do(request, shown, words, lambda: do_enrol_workstation(passkey, acting_user=user))


def _do(
    request: HttpRequest, person: User, words: str, act: Callable[[], object], *, to: str = "person"
) -> HttpResponse:
    """Do it and say so; what is refused is said on the person's page."""
    try:
        act()
    except ValidationError as error:
        return said_no(request, person, error)
    messages.success(request, words % {"name": person.name})
    return redirect(to) if to != "person" else redirect(to, person.pk)

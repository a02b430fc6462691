"""Organisations, and whom their countries call for support."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from bedside.console.accounts.actions import do_end_single_sign_on, do_save_single_sign_on
from bedside.console.accounts.models import Organisation, SingleSignOn, User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.accounts.queries import organisations as visible
from bedside.console.pages.people_forms import (
    ContactForm,
    OrganisationForm,
    SingleSignOnForm,
    take_errors,
)
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people
from bedside.console.people.actions import do_save_organisation
from bedside.vocabulary import Permission

__all__ = ["change", "organisation", "organisations", "sign_on"]

_METHODS = ["GET", "HEAD", "POST"]
_Contacts = formset_factory(ContactForm, extra=2, max_num=60, absolute_max=60, validate_max=True)


@require_safe
@for_people
def organisations(request: HttpRequest, user: User) -> HttpResponse:
    """Show the organisations that the reader may see, with their support contacts."""
    check_permission(user, Permission.DEVICES_DEVICE_READ)
    page = page_of(request, visible(user).prefetch_related("contacts"))
    context = {
        "rows": page.rows,
        "later": "after" in request.GET,
        "next": f"after={page.next}" if page.next else "",
        "may_manage": has_permission(user, Permission.ACCOUNTS_ORGANISATION_MANAGE),
    }
    return render(request, "pages/organisations.html", context)


@require_http_methods(_METHODS)
@for_people
def organisation(request: HttpRequest, user: User) -> HttpResponse:
    """Make an organisation."""
    check_permission(user, Permission.ACCOUNTS_ORGANISATION_MANAGE)
    return _edit(request, user, Organisation(language=user.language, timezone="UTC"))


@require_http_methods(_METHODS)
@for_people
def change(request: HttpRequest, user: User, organisation_id: str) -> HttpResponse:
    """Change an organisation and its support contacts."""
    found = visible(user).filter(pk=organisation_id).first()
    if found is None:
        raise Http404
    check_permission(user, Permission.ACCOUNTS_ORGANISATION_MANAGE)
    return _edit(request, user, found)


@require_http_methods(_METHODS)
@for_people
def sign_on(request: HttpRequest, user: User, organisation_id: str) -> HttpResponse:
    """Let an organisation's people sign in by its own provider, or end that."""
    found = visible(user).filter(pk=organisation_id).first()
    if found is None:
        raise Http404
    check_permission(user, Permission.ACCOUNTS_ORGANISATION_MANAGE)
    kept = SingleSignOn.objects.filter(pk=found.pk).first()
    if request.POST.get("end") and kept is not None:
        do_end_single_sign_on(kept, acting_user=user)
        messages.success(request, _("Single sign-on is ended."))
        return redirect("organisation", found.pk)
    sent = request.POST if request.method == "POST" else None
    form = SingleSignOnForm(sent, initial=_sign_on_stated(kept))
    if form.is_bound and form.is_valid() and _save_sign_on(form, found, kept, user):
        messages.success(request, _("%(name)s is saved.") % {"name": found.name})
        return redirect("organisation", found.pk)
    back = reverse("openid_connect_callback", args=[found.pk])
    context = {
        "organisation": found,
        "form": form,
        "kept": kept is not None,
        "callback": settings.CONFIG.public_url.rstrip("/") + back,
    }
    return render(request, "pages/sign_on.html", context, status=400 if form.is_bound else 200)


def _save_sign_on(
    form: SingleSignOnForm, found: Organisation, kept: SingleSignOn | None, user: User
) -> bool:
    values = dict(form.cleaned_data)
    secret = values.pop("client_secret")
    row = kept or SingleSignOn(organisation=found)
    for name, value in values.items():
        setattr(row, name, value)
    try:
        do_save_single_sign_on(row, secret=secret, acting_user=user)
    except ValidationError as error:
        take_errors(form, error)
        return False
    return True


def _sign_on_stated(kept: SingleSignOn | None) -> dict[str, Any]:
    if kept is None:
        return {}
    names = ("server_url", "client_id", "trusts_second_factor")
    return {**{name: getattr(kept, name) for name in names}, "domains": " ".join(kept.domains)}


def _edit(request: HttpRequest, user: User, edited: Organisation) -> HttpResponse:
    new = edited.pk == ""
    sent = request.POST if request.method == "POST" else None
    form = OrganisationForm(sent, instance=edited)
    contacts = _Contacts(sent, prefix="contact", initial=[] if new else _stated(edited))
    if sent is not None and form.is_valid() and contacts.is_valid():
        try:
            _save(form, contacts, user)
        except ValidationError as error:
            take_errors(form, error)
        else:
            messages.success(request, _("%(name)s is saved.") % {"name": edited.name})
            return redirect("organisations")
    context = {"form": form, "contacts": contacts, "organisation": edited, "new": new}
    status = 400 if sent is not None else 200
    return render(request, "pages/organisation.html", context, status=status)


def _save(form: OrganisationForm, contacts: BaseFormSet[ContactForm], user: User) -> None:
    rows = [row.details for row in contacts if row.details is not None]
    do_save_organisation(form.instance, rows, acting_user=user)


def _stated(organisation: Organisation) -> list[dict[str, str]]:
    names = ("country", "name", "telephone", "email", "hours")
    return [
        {name: getattr(contact, name) for name in names} for contact in organisation.contacts.all()
    ]

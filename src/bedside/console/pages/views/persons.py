"""People: the list, one person, inviting and editing."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from bedside.console.accounts.actions import do_change_person, do_invite
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import (
    access_person,
    check_permission,
    employer,
    employing,
    has_permission,
    organisations,
    role_of,
    state_of,
)
from bedside.console.accounts.workstations import passkeys_with_workstations
from bedside.console.journal.actions import now_ms
from bedside.console.pages.people_forms import InviteForm, PeopleFilters, PersonForm, take_errors
from bedside.console.pages.views.others import for_others
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, zone_of
from bedside.console.pages.words import ROLES, person_look
from bedside.console.people.queries import due_ms, find_people, rights_of
from bedside.vocabulary import Permission, Role

__all__ = ["edit", "invite", "people", "person"]

_METHODS = ["GET", "HEAD", "POST"]


@require_safe
@for_people
def people(request: HttpRequest, user: User) -> HttpResponse:
    """Show the people that the reader may see."""
    check_permission(user, Permission.ACCOUNTS_PERSON_READ)
    form = PeopleFilters(request.GET, organisations=employing(user))
    values = form.values
    found = find_people(
        user,
        search=values.get("q", ""),
        organisation=values.get("organisation", ""),
        role=Role(values["role"]) if "role" in values else None,
        state=values.get("state", ""),
    )
    page = page_of(request, found)
    rows = [(each, person_look(state_of(each)), _role_name(each)) for each in page.rows]
    context = {
        "form": form,
        "rows": rows,
        "filtered": bool(values),
        "later": "after" in request.GET,
        "next": urlencode({**values, "after": page.next}) if page.next else "",
        "first": urlencode(values),
        "zone": zone_of(user),
        "may_manage": has_permission(user, Permission.ACCOUNTS_PERSON_MANAGE),
    }
    return render(request, "pages/people.html", context)


@require_safe
@for_people
def person(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """Show one person: who they are, what they may, and what one may do about it."""
    check_permission(user, Permission.ACCOUNTS_PERSON_READ)
    shown = access_person(user, person_id)
    state, moment = state_of(shown), now_ms()
    rights = [(right, right.end_ms is None or right.end_ms > moment) for right in rights_of(shown)]
    context = {
        "person": shown,
        "look": person_look(state),
        "state": state,
        "role": _role_name(shown),
        "employer": employer(shown),
        "rights": rights,
        "passkeys": passkeys_with_workstations(shown),
        "due_ms": due_ms(shown),
        "zone": zone_of(user),
        "mine": shown.pk == user.pk,
        "may_manage": has_permission(user, Permission.ACCOUNTS_PERSON_MANAGE),
        "may_close": has_permission(user, Permission.ACCOUNTS_PERSON_CLOSE),
        "may_review": has_permission(user, Permission.ACCOUNTS_PERSON_REVIEW),
        "may_train": has_permission(user, Permission.ACCESS_RIGHT_MANAGE),
    }
    return render(request, "pages/person.html", context)


@require_http_methods(_METHODS)
@for_people
def invite(request: HttpRequest, user: User) -> HttpResponse:
    """Make an account, and send its invitation."""
    check_permission(user, Permission.ACCOUNTS_PERSON_MANAGE)
    sent = request.POST if request.method == "POST" else None
    form = InviteForm(sent, organisations=organisations(user), initial={"language": user.language})
    if form.is_bound and form.is_valid():
        try:
            made = do_invite(form.cleaned_data["email"], form.details, acting_user=user)
        except ValidationError as error:
            take_errors(form, error)
        else:
            _tell_invited(request, made)
            return redirect("person", made.pk)
    return render(request, "pages/invite.html", {"form": form}, status=400 if sent else 200)


@require_http_methods(_METHODS)
@for_people
@for_others(Permission.ACCOUNTS_PERSON_MANAGE)
def edit(request: HttpRequest, user: User, person_id: str) -> HttpResponse:
    """Change what is stated about a person."""
    shown = access_person(user, person_id)
    check_permission(user, Permission.ACCOUNTS_PERSON_MANAGE)
    sent = request.POST if request.method == "POST" else None
    form = PersonForm(sent, organisations=organisations(user), initial=PersonForm.stated(shown))
    if form.is_bound and form.is_valid():
        try:
            do_change_person(shown, form.details, acting_user=user)
        except ValidationError as error:
            shown.refresh_from_db()
            take_errors(form, error)
        else:
            messages.success(request, _("%(name)s is changed.") % {"name": shown.name})
            return redirect("person", shown.pk)
    context = {"form": form, "person": shown}
    return render(request, "pages/person_edit.html", context, status=400 if sent else 200)


def _tell_invited(request: HttpRequest, person: User) -> None:
    if person.vetted_on is None:
        words = _(
            "The account of %(name)s exists. It is invited when a background check is attested."
        )
    else:
        words = _("%(name)s is invited.")
    messages.success(request, words % {"name": person.name})


def _role_name(person: User) -> str:
    role = role_of(person)
    return str(ROLES[role]) if role else ""

"""The access review and everybody's training, as lists."""

import csv
import io
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, employer
from bedside.console.devices.models import Product
from bedside.console.journal.actions import now_ms
from bedside.console.pages.people_forms import ReviewFilters, TrainingFilters
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, zone_of
from bedside.console.pages.words import ROLES
from bedside.console.people.queries import (
    ReviewRow,
    find_rights,
    people_to_review,
    review_rows,
)
from bedside.vocabulary import Permission, Role

__all__ = ["access_review", "export", "training"]


@require_safe
@for_people
def access_review(request: HttpRequest, user: User) -> HttpResponse:
    """Show whose rights the reader answers for: last use, rights, due date."""
    form = ReviewFilters(request.GET)
    values = {name: "on" for name, value in form.values.items() if value}
    page = page_of(request, people_to_review(user, due_only="due" in values))
    context = {
        "form": form,
        "rows": [(row, _role(row)) for row in review_rows(page.rows)],
        "user_id": user.pk,
        "filtered": bool(values),
        "later": "after" in request.GET,
        "next": urlencode({**values, "after": page.next}) if page.next else "",
        "first": urlencode(values),
        "zone": zone_of(user),
    }
    return render(request, "pages/access_review.html", context)


@require_safe
@for_people
def export(request: HttpRequest, user: User) -> HttpResponse:
    """Return the access review as CSV, every person of it."""
    del request
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["name", "email", "organisation", "employer", "role", "level", "country", "patient_data",
         "vetted_on", "vetted_by", "products", "last_use", "reviewed", "reviewed_by", "due"]
    )  # fmt: skip
    for row in review_rows(people_to_review(user)):
        writer.writerow([_cell(value) for value in _values(row)])
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="access-review.csv"'
    return response


@require_safe
@for_people
def training(request: HttpRequest, user: User) -> HttpResponse:
    """Show who is trained for what, and until when."""
    check_permission(user, Permission.ACCOUNTS_PERSON_READ)
    form = TrainingFilters(request.GET, products=Product.objects.defer("profile").order_by("pk"))
    values, moment = form.values, now_ms()
    found = find_rights(user, product=values.get("product", ""), until=values.get("until", ""))
    page = page_of(request, found)
    context = {
        "form": form,
        "rows": [(row, row.end_ms is None or row.end_ms > moment) for row in page.rows],
        "filtered": bool(values),
        "later": "after" in request.GET,
        "next": urlencode({**values, "after": page.next}) if page.next else "",
        "first": urlencode(values),
        "zone": zone_of(user),
    }
    return render(request, "pages/training.html", context)


def _role(row: ReviewRow) -> str:
    return str(ROLES[Role(row.person.role)]) if row.person.role else ""


def _values(row: ReviewRow) -> list[object]:
    person = row.person
    return [
        person.name, person.email, person.organisation.name, employer(person), person.role,
        person.level or "", person.country, "yes" if person.patient_data else "no",
        person.vetted_on or "", person.vetted_by,
        " ".join(f"{right.product_id}:{_day(right.end_ms)}" for right in row.rights),
        _day(row.used_ms), _day(person.reviewed_ms), person.reviewed_by, _day(row.due_ms),
    ]  # fmt: skip


def _day(at_ms: int | None) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat() if at_ms else ""


def _cell(value: object) -> str:
    # A spreadsheet runs what begins like a formula.
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

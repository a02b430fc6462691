"""REST: people, their rights and reviews, organisations and their support contacts."""

from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from bedside.console.access.actions import do_end_product_right, do_save_product_right
from bedside.console.accounts import actions as accounts
from bedside.console.accounts.bearer import caller, permitted
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import access_person, check_permission, organisations
from bedside.console.devices.models import Product
from bedside.console.people import schemas
from bedside.console.people.actions import do_close_person, do_leave, do_save_organisation
from bedside.console.people.queries import (
    find_people,
    find_rights,
    people_to_review,
    review_rows,
    rights_of,
)
from bedside.console.rest.bodies import Empty, PageQuery
from bedside.console.rest.cursors import page_after
from bedside.policy.facts import Interval
from bedside.vocabulary import Permission

router = Router(tags=["people"])


@router.get("/people", response=schemas.PeoplePage, operation_id="listPeople")
def list_people(request: HttpRequest, query: Query[schemas.PeopleQuery]) -> dict[str, Any]:
    """Return the people that the caller may see, by the order of their ids."""
    found = find_people(
        caller(request),
        search=query.q,
        organisation=query.organisation,
        role=query.role,
        state=query.state or "",
    )
    page = page_after(found, query.cursor, limit=query.limit)
    return {"items": [schemas.person_row(person) for person in page.rows], "next": page.next}


@router.get("/access-review", response=schemas.ReviewPage, operation_id="accessReview")
def access_review(request: HttpRequest, query: Query[schemas.ReviewQuery]) -> dict[str, Any]:
    """Return whose rights the caller answers for: last use, rights, due date."""
    found = people_to_review(caller(request), due_only=query.due)
    page = page_after(found, query.cursor, limit=query.limit)
    items = [
        {
            **schemas.person_row(row.person),
            "products": [schemas.right_view(right) for right in row.rights],
        }
        for row in review_rows(page.rows)
    ]
    return {"items": items, "next": page.next}


@router.post("/people", response={201: schemas.PersonAnswer}, operation_id="invitePerson")
def invite_person(request: HttpRequest, body: schemas.InviteBody) -> Status[dict[str, Any]]:
    """Make an account and invite its person; without a background check nothing is sent."""
    user = permitted(request, Permission.ACCOUNTS_PERSON_MANAGE)
    made = accounts.do_invite(body.email, _details(body), acting_user=user)
    return Status(201, schemas.person_view(access_person(user, made.pk)))


@router.get("/people/{person_id}", response=schemas.PersonAnswer, operation_id="getPerson")
def get_person(request: HttpRequest, person_id: str) -> dict[str, Any]:
    """Return a person and what they are trained for."""
    user = caller(request)
    found = access_person(user, person_id)
    check_permission(user, Permission.ACCOUNTS_PERSON_READ)
    return schemas.person_view(found)


@router.post("/people/{person_id}", response=schemas.PersonAnswer, operation_id="changePerson")
def change_person(
    request: HttpRequest, body: schemas.DetailsBody, person_id: str
) -> dict[str, Any]:
    """State anew, and whole, what holds of a person."""
    user, person = _access(request, person_id, Permission.ACCOUNTS_PERSON_MANAGE)
    accounts.do_change_person(person, _details(body), acting_user=user)
    return schemas.person_view(access_person(user, person_id))


@router.post("/people/{person_id}/invitation", response={204: None}, operation_id="sendInvitation")
def send_invitation(request: HttpRequest, body: Empty, person_id: str) -> Status[None]:
    """Send a new invitation; those sent before end."""
    del body
    user, person = _access(request, person_id, Permission.ACCOUNTS_PERSON_MANAGE)
    accounts.do_send_invitation(person, acting_user=user)
    return Status(204, None)


@router.post("/people/{person_id}/review", response={204: None}, operation_id="reviewPerson")
def review_person(request: HttpRequest, body: Empty, person_id: str) -> Status[None]:
    """State that a person still needs these rights."""
    del body
    user, person = _access(request, person_id, Permission.ACCOUNTS_PERSON_REVIEW)
    accounts.do_review_person(person, acting_user=user)
    return Status(204, None)


@router.post("/people/{person_id}/close", response={204: None}, operation_id="closePerson")
def close_person(request: HttpRequest, body: schemas.ReasonBody, person_id: str) -> Status[None]:
    """Close an account: browsers, tokens and open sessions end."""
    user, person = _access(request, person_id, Permission.ACCOUNTS_PERSON_CLOSE)
    do_close_person(person, reason=body.reason, acting_user=user)
    return Status(204, None)


@router.post("/people/{person_id}/open", response={204: None}, operation_id="openPerson")
def open_person(request: HttpRequest, body: Empty, person_id: str) -> Status[None]:
    """Open a closed account again."""
    del body
    user, person = _access(request, person_id, Permission.ACCOUNTS_PERSON_CLOSE)
    accounts.do_open_account(person, acting_user=user)
    return Status(204, None)


@router.post("/people/{person_id}/leave", response={204: None}, operation_id="leavePerson")
def leave(request: HttpRequest, body: Empty, person_id: str) -> Status[None]:
    """Take everything from somebody who left, in one act."""
    del body
    user, person = _access(request, person_id, Permission.ACCOUNTS_PERSON_CLOSE)
    do_leave(person, acting_user=user)
    return Status(204, None)


@router.post(
    "/people/{person_id}/training", response=schemas.PersonAnswer, operation_id="trainPerson"
)
def train(request: HttpRequest, body: schemas.TrainingBody, person_id: str) -> dict[str, Any]:
    """State for which product a person is trained, and until when."""
    user, person = _access(request, person_id, Permission.ACCESS_RIGHT_MANAGE)
    product = Product.objects.filter(pk=body.product).defer("profile").first()
    if product is None:
        raise _invalid("product")
    do_save_product_right(person, product, Interval(body.start_ms, body.end_ms), acting_user=user)
    return schemas.person_view(person)


@router.post(
    "/people/{person_id}/training/{product_id}/end",
    response={204: None},
    operation_id="endTraining",
)
def end_training(
    request: HttpRequest, body: Empty, person_id: str, product_id: str
) -> Status[None]:
    """End a person's right to a product now."""
    del body
    user, person = _access(request, person_id, Permission.ACCESS_RIGHT_MANAGE)
    right = rights_of(person).filter(product_id=product_id).first()
    if right is None:
        raise Http404
    do_end_product_right(person, right.product, acting_user=user)
    return Status(204, None)


@router.get("/training", response=schemas.TrainingPage, operation_id="listTraining")
def list_training(request: HttpRequest, query: Query[schemas.TrainingQuery]) -> dict[str, Any]:
    """Return who is trained for what, and until when."""
    found = find_rights(caller(request), product=query.product, until=query.until)
    page = page_after(found, query.cursor, limit=query.limit)
    return {"items": [schemas.training_row(right) for right in page.rows], "next": page.next}


@router.get("/organisations", response=schemas.OrganisationsPage, operation_id="listOrganisations")
def list_organisations(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Return the organisations that the caller may see, with their support contacts."""
    user = caller(request)
    check_permission(user, Permission.DEVICES_DEVICE_READ)
    found = organisations(user).prefetch_related("contacts")
    page = page_after(found, query.cursor, limit=query.limit)
    return {"items": [schemas.organisation_view(row) for row in page.rows], "next": page.next}


@router.post(
    "/organisations/{organisation_id}",
    response=schemas.OrganisationAnswer,
    operation_id="saveOrganisation",
)
def save_organisation(
    request: HttpRequest, body: schemas.OrganisationBody, organisation_id: str
) -> dict[str, Any]:
    """Make an organisation of this short name, or state anew, and whole, what holds of it."""
    user = caller(request)
    found = organisations(user).filter(pk=organisation_id).first()
    if found is None and Organisation.objects.filter(pk=organisation_id).exists():
        raise Http404
    if found is None and user.site:
        raise Http404
    permitted(request, Permission.ACCOUNTS_ORGANISATION_MANAGE)
    if body.timezone not in available_timezones():
        raise _invalid("timezone")
    if found is not None and found.kind != body.kind:
        raise _invalid("kind")
    edited = found or Organisation(pk=organisation_id, kind=body.kind)
    for name in ("name", "country", "language", "timezone", "passkey_roles", "workstation_roles"):
        setattr(edited, name, getattr(body, name))
    do_save_organisation(edited, [row.details() for row in body.contacts], acting_user=user)
    return schemas.organisation_view(edited)


def _access(request: HttpRequest, person_id: str, permission: Permission) -> tuple[User, User]:
    person = access_person(caller(request), person_id)
    return permitted(request, permission), person


def _details(body: schemas.DetailsBody) -> accounts.PersonDetails:
    try:
        return body.details()
    except ValueError as error:
        raise _invalid("vetted_on") from error


def _invalid(field: str) -> ValidationError:
    wrong = ValidationError(_("This value cannot be used."), code="invalid")
    return ValidationError({field: [wrong]})

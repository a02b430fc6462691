"""REST: how people sign in: passkeys that are workstations, and an organisation's own provider."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.urls import reverse
from ninja import Router, Status

from bedside.console.accounts.actions import do_end_single_sign_on, do_save_single_sign_on
from bedside.console.accounts.bearer import caller, permitted
from bedside.console.accounts.models import Organisation, SingleSignOn
from bedside.console.accounts.queries import access_person, check_permission, organisations
from bedside.console.accounts.workstations import (
    access_passkey,
    do_enrol_workstation,
    do_remove_workstation,
)
from bedside.console.people import schemas
from bedside.console.people.actions import do_reset_factors
from bedside.console.rest.bodies import Empty
from bedside.vocabulary import Permission

router = Router(tags=["people"])


@router.get(
    "/people/{person_id}/passkeys", response=schemas.PasskeysAnswer, operation_id="listPasskeys"
)
def list_passkeys(request: HttpRequest, person_id: str) -> dict[str, Any]:
    """Return a person's passkeys, and which are enrolled as workstations."""
    user = caller(request)
    person = access_person(user, person_id)
    check_permission(user, Permission.ACCOUNTS_PERSON_READ)
    return {"items": schemas.passkey_views(person)}


@router.post(
    "/people/{person_id}/passkeys/{passkey_id}/enrol",
    response={204: None},
    operation_id="enrolWorkstation",
)
def enrol_workstation(
    request: HttpRequest, body: Empty, person_id: str, passkey_id: int
) -> Status[None]:
    """Enrol the computer of a passkey as a workstation from which its person signs in."""
    del body
    person = access_person(caller(request), person_id)
    user = permitted(request, Permission.ACCOUNTS_PERSON_MANAGE)
    do_enrol_workstation(access_passkey(person, passkey_id), acting_user=user)
    return Status(204, None)


@router.post(
    "/people/{person_id}/passkeys/{passkey_id}/remove",
    response={204: None},
    operation_id="removeWorkstation",
)
def remove_workstation(
    request: HttpRequest, body: Empty, person_id: str, passkey_id: int
) -> Status[None]:
    """Take a workstation away; the passkey stays."""
    del body
    person = access_person(caller(request), person_id)
    user = permitted(request, Permission.ACCOUNTS_PERSON_MANAGE)
    do_remove_workstation(access_passkey(person, passkey_id), acting_user=user)
    return Status(204, None)


@router.post("/people/{person_id}/factors/reset", response={204: None}, operation_id="resetFactors")
def reset_factors(request: HttpRequest, body: schemas.ReasonBody, person_id: str) -> Status[None]:
    """Take every passkey, app and recovery code of a person, and send the link to make new ones."""
    person = access_person(caller(request), person_id)
    user = permitted(request, Permission.ACCOUNTS_PERSON_CLOSE)
    do_reset_factors(person, reason=body.reason, acting_user=user)
    return Status(204, None)


@router.get(
    "/organisations/{organisation_id}/single-sign-on",
    response=schemas.SignOnAnswer,
    operation_id="getSignOn",
)
def get_sign_on(request: HttpRequest, organisation_id: str) -> dict[str, Any]:
    """Return an organisation's own provider of sign-ins, without its secret."""
    organisation = _organisation(request, organisation_id)
    check_permission(caller(request), Permission.ACCOUNTS_ORGANISATION_MANAGE)
    return _view(_kept(organisation))


@router.post(
    "/organisations/{organisation_id}/single-sign-on",
    response=schemas.SignOnAnswer,
    operation_id="saveSignOn",
)
def save_sign_on(
    request: HttpRequest, body: schemas.SignOnBody, organisation_id: str
) -> dict[str, Any]:
    """Let an organisation's people sign in by its own provider."""
    organisation = _organisation(request, organisation_id)
    user = permitted(request, Permission.ACCOUNTS_ORGANISATION_MANAGE)
    kept = SingleSignOn.objects.filter(pk=organisation.pk).first()
    row = kept or SingleSignOn(organisation=organisation)
    row.domains = [domain.lower() for domain in body.domains]
    row.server_url, row.client_id = body.server_url, body.client_id
    row.trusts_second_factor = body.trusts_second_factor
    do_save_single_sign_on(row, secret=body.client_secret, acting_user=user)
    return _view(row)


@router.post(
    "/organisations/{organisation_id}/single-sign-on/end",
    response={204: None},
    operation_id="endSignOn",
)
def end_sign_on(request: HttpRequest, body: Empty, organisation_id: str) -> Status[None]:
    """End an organisation's single sign-on; whom its provider named is forgotten."""
    del body
    organisation = _organisation(request, organisation_id)
    user = permitted(request, Permission.ACCOUNTS_ORGANISATION_MANAGE)
    do_end_single_sign_on(_kept(organisation), acting_user=user)
    return Status(204, None)


def _organisation(request: HttpRequest, organisation_id: str) -> Organisation:
    found = organisations(caller(request)).filter(pk=organisation_id).first()
    if found is None:
        raise Http404
    return found


def _kept(organisation: Organisation) -> SingleSignOn:
    kept = SingleSignOn.objects.filter(pk=organisation.pk).first()
    if kept is None:
        raise Http404
    return kept


def _view(row: SingleSignOn) -> dict[str, Any]:
    back = reverse("openid_connect_callback", args=[row.pk])
    return {
        "organisation": row.pk,
        "domains": row.domains,
        "server_url": row.server_url,
        "client_id": row.client_id,
        "trusts_second_factor": row.trusts_second_factor,
        "callback": settings.CONFIG.public_url.rstrip("/") + back,
    }

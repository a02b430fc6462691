"""REST: who may do what, and why: rules with a preview, contracts, what a request would meet."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from bedside.console.access import schemas
from bedside.console.access.actions import (
    check_start_rules,
    do_save_entitlement,
    do_save_start_rules,
)
from bedside.console.access.models import Entitlement
from bedside.console.access.simulation import Supposed, needs, preview_rules, simulate
from bedside.console.accounts.bearer import caller, permitted
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import check_permission, visible_people
from bedside.console.devices.models import Device
from bedside.console.devices.queries import access_device, visible_devices
from bedside.console.journal.actions import now_ms
from bedside.console.relays.queries import presence
from bedside.console.rest.cursors import page_after
from bedside.policy.facts import Interval
from bedside.vocabulary import Level, Permission

router = Router(tags=["policy"])


@router.get("/policy/rules", response=schemas.RulesAnswer, operation_id="getRules")
def get_rules(request: HttpRequest) -> dict[str, Any]:
    """Return the rules of level and country as they stand."""
    check_permission(caller(request), Permission.ACCESS_POLICY_READ)
    return schemas.rules_view()


@router.post("/policy/rules/preview", response=schemas.ChangesAnswer, operation_id="previewRules")
def preview_change(request: HttpRequest, body: schemas.RulesBody) -> dict[str, Any]:
    """Return who would lose and gain what if these were the rules; nothing is changed."""
    check_permission(caller(request), Permission.ACCESS_POLICY_MANAGE)
    rules = [row.rule() for row in body.rules]
    check_start_rules(rules)
    changes = preview_rules(rules, at_ms=now_ms())
    return {
        "losing": len({each.holder.id for each in changes if each.loses}),
        "changes": [schemas.change_view(each) for each in changes],
    }


@router.post("/policy/rules", response=schemas.RulesAnswer, operation_id="saveRules")
def save_rules(request: HttpRequest, body: schemas.RulesBody) -> dict[str, Any]:
    """Make these the rules, whole; sessions that they no longer allow end."""
    user = permitted(request, Permission.ACCESS_POLICY_MANAGE)
    do_save_start_rules([row.rule() for row in body.rules], acting_user=user)
    return schemas.rules_view()


@router.post("/policy/simulation", response=schemas.DecisionAnswer, operation_id="simulate")
def simulate_request(request: HttpRequest, body: schemas.SimulationBody) -> dict[str, Any]:
    """Return what would be decided, gate by gate and fact by fact; nothing is asked by looking."""
    user = caller(request)
    check_permission(user, Permission.ACCESS_POLICY_READ)
    device = visible_devices(user).filter(pk=body.device).first()
    if device is None:
        raise _invalid("device", _("There is no such device for you."))
    at_ms = now_ms() if body.at_ms is None else body.at_ms
    seen = presence(device.pk) is not None
    if body.watches and body.files:
        raise _invalid("files", _("Whoever joins to watch is given no files: ask without them."))
    decision = simulate(
        _who(user, body), device, body.facts(), files=body.asked_files, at_ms=at_ms, seen=seen
    )
    return schemas.decision_view(decision, at_ms=at_ms)


@router.post(
    "/devices/{device_id}/needs", response=schemas.DecisionAnswer, operation_id="requestNeeds"
)
def request_needs(request: HttpRequest, body: schemas.NeedsBody, device_id: str) -> dict[str, Any]:
    """Return what a request of the caller would meet and need now; asking decides anew."""
    user = caller(request)
    device = access_device(user, device_id, Permission.SESSIONS_SESSION_REQUEST)
    seen, at_ms = presence(device.pk) is not None, now_ms()
    found = needs(user, device, body.facts(), files=body.asked_files, at_ms=at_ms, seen=seen)
    return schemas.decision_view(found.decision, at_ms=at_ms)


@router.get("/contracts", response=schemas.ContractsPage, operation_id="listContracts")
def list_contracts(request: HttpRequest, query: Query[schemas.ContractsQuery]) -> dict[str, Any]:
    """Return what contracts cover."""
    check_permission(caller(request), Permission.ACCESS_POLICY_READ)
    found = Entitlement.objects.select_related("device").order_by("id")
    if query.site:
        found = found.filter(Q(site_id=query.site) | Q(device__site_id=query.site))
    if query.device:
        found = found.filter(device_id=query.device)
    page = page_after(found, query.cursor, limit=query.limit)
    return {"items": [schemas.contract_view(row) for row in page.rows], "next": page.next}


@router.post("/contracts", response={201: schemas.ContractAnswer}, operation_id="saveContract")
def save_contract(request: HttpRequest, body: schemas.ContractBody) -> Status[dict[str, Any]]:
    """State what a contract covers: it replaces what was stated of the same site or device."""
    user = caller(request)
    check_permission(user, Permission.ACCESS_ENTITLEMENT_MANAGE)
    covered = _covered(user, body)
    do_save_entitlement(covered, Interval(body.start_ms, body.end_ms), acting_user=user)
    which = {"device": covered} if isinstance(covered, Device) else {"site": covered}
    row = Entitlement.objects.select_related("device").get(**which)
    return Status(201, schemas.contract_view(row))


def _who(user: User, body: schemas.SimulationBody) -> User | Supposed:
    if body.person is not None and body.supposed is not None:
        raise _invalid("supposed", _("Name a person, or suppose one: not both."))
    if body.person is None:
        supposed = body.supposed or schemas.SupposedBody(level=Level.THREE.value, country=None)
        return supposed.person()
    found = visible_people(user).filter(email__iexact=body.person).first()
    if found is None:
        raise _invalid("person", _("There is no such person for you."))
    return found


def _covered(user: User, body: schemas.ContractBody) -> Device | Organisation:
    if body.device is not None:
        found = visible_devices(user).filter(pk=body.device, site_id=body.site).first()
        if found is None:
            raise _invalid("device", _("There is no such device at this site."))
        return found
    kind = Organisation.Kind.SITE
    site = Organisation.objects.filter(pk=body.site, kind=kind).first()
    if site is None:
        raise _invalid("site", _("There is no such site."))
    return site


def _invalid(field: str, words: str) -> ValidationError:
    return ValidationError({field: [ValidationError(words, code="invalid")]})

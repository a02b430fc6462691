"""REST: a site's own say: its signed policy, when it is served, whom it has told."""

from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from bedside.console.accounts.bearer import caller
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.passkeys import passkeys_of
from bedside.console.accounts.queries import check_permission
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms
from bedside.console.portal import schemas
from bedside.console.rest.bodies import Empty, PageQuery
from bedside.console.rest.cursors import page_after
from bedside.console.service_sessions import actions as sessions
from bedside.console.service_sessions.queries import visible_sessions
from bedside.console.sites import actions
from bedside.console.sites.models import SiteContact, SiteKey, SitePolicyVersion, SiteWindow
from bedside.console.sites.policies import NewKey, do_publish_policy, do_register_key
from bedside.console.sites.queries import (
    access_contact,
    access_hook,
    access_site,
    access_window,
    arrangement,
    lagging,
    policy_of,
    unreviewed_glass,
    visible_sites,
)
from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import key_id, load_public_key
from bedside.protocol.states import LIVE
from bedside.vocabulary import Permission, SessionState

router = Router(tags=["sites"])

_LAST = 20
_MOST = 50
_MANAGE = Permission.SITES_WINDOW_MANAGE
_PUBLISH = Permission.SITES_POLICY_PUBLISH


@router.get("/sites", response=schemas.SitesPage, operation_id="listSites")
def list_sites(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Return the sites that the caller may see, by the order of their short names."""
    user = caller(request)
    check_permission(user, Permission.SITES_POLICY_READ)
    page = page_after(visible_sites(user), query.cursor, limit=query.limit)
    return {"items": [schemas.site_row(site) for site in page.rows], "next": page.next}


@router.get("/sites/{site_id}", response=schemas.SiteAnswer, operation_id="getSite")
def get_site(request: HttpRequest, site_id: str) -> dict[str, Any]:
    """Return a site: when it is served, and how much waits for it."""
    user = caller(request)
    site = access_site(user, site_id)
    newest = SitePolicyVersion.objects.filter(site=site).order_by("-serial").first()
    here = visible_sessions(user).filter(device__site_id=site.pk)
    return {
        **schemas.site_row(site),
        "access": arrangement(site.pk),
        "policy_serial": newest.serial if newest else None,
        "waiting": here.filter(state=SessionState.AWAITING_SITE.value).count(),
        "live": here.filter(state__in=[state.value for state in LIVE]).count(),
        "reviews": unreviewed_glass(site.pk).count(),
    }


@router.get("/sites/{site_id}/policy", response=schemas.PolicyAnswer, operation_id="getSitePolicy")
def get_policy(request: HttpRequest, site_id: str) -> dict[str, Any]:
    """Return the policy that the site signed; here it is shown, and changed by nobody."""
    return _policy(access_site(caller(request), site_id))


@router.post("/sites/{site_id}/key", response=schemas.PolicyAnswer, operation_id="registerSiteKey")
def register_key(request: HttpRequest, body: schemas.KeyBody, site_id: str) -> dict[str, Any]:
    """Note the site's public key, to verify what the site publishes.

    Another key follows by the present one's statement, or because that one is lost.
    """
    user, site = _access(request, site_id, _PUBLISH)
    statement = body.statement.strip().encode() or None
    new = NewKey(public_key=body.public_key, statement=statement, lost=body.lost)
    do_register_key(site, new, acting_user=user)
    return _policy(site)


@router.post(
    "/sites/{site_id}/policy",
    response={201: schemas.PolicyAnswer},
    operation_id="publishSitePolicy",
)
def publish_policy(
    request: HttpRequest, body: schemas.EnvelopeBody, site_id: str
) -> Status[dict[str, Any]]:
    """Receive a policy that the site signed, and send it to each device of the site."""
    user, site = _access(request, site_id, _PUBLISH)
    do_publish_policy(site, body.envelope.strip().encode(), acting_user=user)
    return Status(201, _policy(site))


@router.post(
    "/sites/{site_id}/arrangement", response=schemas.SiteAnswer, operation_id="arrangeSite"
)
def arrange(request: HttpRequest, body: schemas.ArrangementBody, site_id: str) -> dict[str, Any]:
    """State when the site is served: at any time, in windows only, or after its own yes."""
    user, site = _access(request, site_id, _MANAGE)
    actions.do_arrange(site, body.kind, acting_user=user)
    return get_site(request, site_id)


@router.get(
    "/sites/{site_id}/approver", response=schemas.ApproverAnswer, operation_id="getApprover"
)
def approver(request: HttpRequest, site_id: str) -> dict[str, Any]:
    """Return the caller's passkeys as the site's policy names approvers."""
    user, site = _access(request, site_id, Permission.SITES_REQUEST_APPROVE)
    found = [{"passkey": name, **passkey.to_dict()} for name, passkey in passkeys_of(user)]
    return {"site": site.pk, "approvers": found}


@router.get("/sites/{site_id}/windows", response=schemas.WindowsPage, operation_id="listWindows")
def list_windows(
    request: HttpRequest, query: Query[schemas.WindowsQuery], site_id: str
) -> dict[str, Any]:
    """Return the site's service windows."""
    site = access_site(caller(request), site_id)
    found = SiteWindow.objects.filter(site=site).select_related("set_by")
    if not query.past:
        found = found.filter(end_ms__gt=now_ms(), closed_ms=None)
    page = page_after(found, query.cursor, limit=query.limit)
    return {"items": [schemas.window_view(window) for window in page.rows], "next": page.next}


@router.post(
    "/sites/{site_id}/windows",
    response={201: schemas.WindowAnswer},
    operation_id="openWindow",
)
def open_window(
    request: HttpRequest, body: schemas.WindowBody, site_id: str
) -> Status[dict[str, Any]]:
    """Plan a service window; it may name the change ticket."""
    user, site = _access(request, site_id, _MANAGE)
    window = actions.Window(
        start_ms=body.start_ms,
        end_ms=body.end_ms,
        device=_device(site, body.device),
        ticket=body.ticket.strip(),
        note=body.note.strip(),
    )
    made = actions.do_open_window(site, window, acting_user=user)
    return Status(201, schemas.window_view(made))


@router.post("/windows/{window_id}/close", response={204: None}, operation_id="closeWindow")
def close_window(request: HttpRequest, body: Empty, window_id: str) -> Status[None]:
    """Close a window before its end, and what runs in it alone; one that is over stays so."""
    del body
    user = caller(request)
    sessions.do_close_window(access_window(user, window_id), acting_user=user)
    return Status(204, None)


@router.get("/sites/{site_id}/contacts", response=schemas.ContactsPage, operation_id="listContacts")
def list_contacts(request: HttpRequest, query: Query[PageQuery], site_id: str) -> dict[str, Any]:
    """Return who of the site is told, and when."""
    _user, site = _access(request, site_id, _MANAGE)
    page = page_after(site.site_contacts.all(), query.cursor, limit=query.limit)
    return {"items": [schemas.contact_view(row) for row in page.rows], "next": page.next}


@router.post(
    "/sites/{site_id}/contacts",
    response={201: schemas.ContactAnswer},
    operation_id="addContact",
)
def add_contact(
    request: HttpRequest, body: schemas.SiteContactBody, site_id: str
) -> Status[dict[str, Any]]:
    """Tell somebody of the site from now on."""
    user, site = _access(request, site_id, _MANAGE)
    contact = SiteContact(site=site, **body.dict())
    actions.do_save_contact(contact, acting_user=user)
    return Status(201, schemas.contact_view(contact))


@router.post("/contacts/{contact_id}/remove", response={204: None}, operation_id="removeContact")
def remove_contact(request: HttpRequest, body: Empty, contact_id: int) -> Status[None]:
    """Tell somebody no more."""
    del body
    user = caller(request)
    actions.do_remove_contact(access_contact(user, contact_id), acting_user=user)
    return Status(204, None)


@router.get("/sites/{site_id}/hooks", response=schemas.HooksPage, operation_id="listHooks")
def list_hooks(request: HttpRequest, query: Query[PageQuery], site_id: str) -> dict[str, Any]:
    """Return where the site's events are posted."""
    _user, site = _access(request, site_id, _MANAGE)
    page = page_after(site.hooks.all(), query.cursor, limit=query.limit)
    return {"items": [schemas.hook_view(row) for row in page.rows], "next": page.next}


@router.post("/sites/{site_id}/hooks", response={201: schemas.HookMade}, operation_id="addHook")
def add_hook(
    request: HttpRequest, body: schemas.SiteHookBody, site_id: str
) -> Status[dict[str, Any]]:
    """Have events posted somewhere; the secret that signs them is told this once."""
    user, site = _access(request, site_id, _MANAGE)
    secret = actions.do_add_hook(site, body.url, acting_user=user)
    return Status(201, {**schemas.hook_view(site.hooks.get(url=body.url)), "secret": secret})


@router.post("/hooks/{hook_id}/remove", response={204: None}, operation_id="removeHook")
def remove_hook(request: HttpRequest, body: Empty, hook_id: str) -> Status[None]:
    """Post events to an address no more."""
    del body
    user = caller(request)
    actions.do_remove_hook(access_hook(user, hook_id), acting_user=user)
    return Status(204, None)


def _access(
    request: HttpRequest, site_id: str, permission: Permission
) -> tuple[User, Organisation]:
    user = caller(request)
    return user, access_site(user, site_id, permission)


def _device(site: Organisation, device_id: str | None) -> Device | None:
    if device_id is None:
        return None
    found = site.devices.defer("product__profile").filter(pk=device_id).first()
    if found is None:
        wrong = ValidationError(_("This device is not at this site."), code="device")
        raise ValidationError({"device": [wrong]})
    return found


def _policy(site: Organisation) -> dict[str, Any]:
    known = SiteKey.objects.filter(pk=site.pk).first()
    public = load_public_key(known.public_key) if known else None
    applying = policy_of(site.pk)
    versions = SitePolicyVersion.objects.filter(site=site).select_related("published_by")
    return {
        "site": site.pk,
        "key": key_id(public) if public else None,
        "key_words": fingerprint_words(public) if public else None,
        "policy": schemas.policy_view(applying) if applying else None,
        "versions": [
            {
                "serial": row.serial,
                "digest": row.digest,
                "published_by": row.published_by.name,
                "published_ms": row.published_ms,
            }
            for row in versions[:_LAST]
        ],
        "lagging": [asdict(each) for each in lagging(site.pk, applying, limit=_MOST)],
    }

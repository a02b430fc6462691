"""A site's own say as facts of a decision, and what a person may see of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404

from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import has_permission
from bedside.console.devices.models import Device
from bedside.console.sites.models import (
    AppliedPolicy,
    BreakGlass,
    SiteArrangement,
    SiteContact,
    SiteHook,
    SiteKey,
    SitePolicyVersion,
    SiteWindow,
)
from bedside.pki.signing import SITE_POLICY, key_id, load_public_key, open_envelope
from bedside.policy.facts import HOUSE_SITE, DeviceState, Interval, SiteFacts
from bedside.policy.rights import permissions
from bedside.protocol.document import MAX_DOCUMENT
from bedside.protocol.site import SitePolicy
from bedside.vocabulary import Gate, Permission, Role, SiteAction, SiteRule

__all__ = [
    "Lagging",
    "Say",
    "access_contact",
    "access_glass",
    "access_hook",
    "access_site",
    "access_window",
    "arrangement",
    "broken_glass",
    "lagging",
    "may_review",
    "open_windows",
    "policy_of",
    "read_policy",
    "running_glass",
    "site_say",
    "unreviewed_glass",
    "visible_glass",
    "visible_sites",
    "windows_of",
]

_SESSIONS = frozenset(SiteAction) - {
    SiteAction.FILES_IN,
    SiteAction.FILES_OUT,
    SiteAction.JOB,
    SiteAction.UPDATE,
}


@dataclass(frozen=True, slots=True)
class Say:
    """What a site says at one instant: the facts, and the ticket that its open window names."""

    facts: SiteFacts
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Lagging:
    """A device that does not apply the site's newest policy, by its own journal.

    `serial` is the number of what it applies, 0 for none; `refused` the gate that refused what came
    last; `at_ms` when it said so, both None where it has said nothing yet.
    """

    device: str
    serial: int
    refused: Gate | None
    at_ms: int | None


def visible_sites(user: User) -> QuerySet[Organisation]:
    """Return the sites whose devices `user` may see: a site's own people see theirs only."""
    sites = Organisation.objects.filter(kind=Organisation.Kind.SITE)
    return sites.filter(pk=user.site) if user.site else sites


def access_site(
    user: User, site_id: str, permission: Permission = Permission.SITES_POLICY_READ
) -> Organisation:
    """Return a site on which `user` has `permission`.

    Raises:
        Http404: there is none, or `user` belongs to another site: the two are not told apart.
        PermissionDenied: `user` may see it, and not do this with it.
    """
    site = visible_sites(user).filter(pk=site_id).first()
    if site is None:
        raise Http404
    if not has_permission(user, permission):
        raise PermissionDenied(permission)
    return site


def access_window(user: User, window_id: str) -> SiteWindow:
    """Return a window that `user` may change; Http404 for another site's."""
    window = SiteWindow.objects.select_related("site", "device").filter(pk=window_id).first()
    if window is None:
        raise Http404
    access_site(user, window.site_id, Permission.SITES_WINDOW_MANAGE)
    return window


def access_glass(user: User, glass_id: str, permission: Permission) -> BreakGlass:
    """Return broken glass on whose site `user` has `permission`; Http404 for another site's."""
    glass = BreakGlass.objects.select_related("site", "device").filter(pk=glass_id).first()
    if glass is None:
        raise Http404
    access_site(user, glass.site_id, permission)
    return glass


def access_contact(user: User, contact_id: int) -> SiteContact:
    """Return a contact that `user` may change; Http404 for another site's."""
    contact = SiteContact.objects.select_related("site").filter(pk=contact_id).first()
    if contact is None:
        raise Http404
    access_site(user, contact.site_id, Permission.SITES_WINDOW_MANAGE)
    return contact


def access_hook(user: User, hook_id: str) -> SiteHook:
    """Return a webhook that `user` may remove; Http404 for another site's."""
    hook = SiteHook.objects.select_related("site").filter(pk=hook_id).first()
    if hook is None:
        raise Http404
    access_site(user, hook.site_id, Permission.SITES_WINDOW_MANAGE)
    return hook


def read_policy(row: SitePolicyVersion) -> SitePolicy:
    """Return what a stored policy says; it was verified when it was published."""
    pem = row.public_key or SiteKey.objects.get(site_id=row.site_id).public_key
    key = load_public_key(pem)
    data = open_envelope(bytes(row.envelope), SITE_POLICY, {key_id(key): key}, limit=MAX_DOCUMENT)
    return SitePolicy.from_bytes(data)


def policy_of(site_id: str) -> SitePolicy | None:
    """Return the policy that applies at a site, None where it has published none."""
    row = SitePolicyVersion.objects.filter(site_id=site_id).order_by("-serial").first()
    return read_policy(row) if row else None


def lagging(site_id: str, policy: SitePolicy | None, *, limit: int) -> list[Lagging]:
    """Return enrolled devices that do not apply `policy`, the site's newest one, at most `limit`.

    Where the site has published none, those which apply one that somebody brought.
    """
    here = Device.objects.filter(site_id=site_id, state=DeviceState.ENROLLED.value)
    if policy is None:
        here = here.filter(applied_policy__serial__gt=0)
    else:
        digest = sha256(policy.to_bytes()).hexdigest()
        same = Q(applied_policy__serial=policy.serial, applied_policy__digest=digest)
        here = here.exclude(same & Q(applied_policy__refused=""))
    found = here.select_related("applied_policy").only("id", "applied_policy")
    return [_lagging(device) for device in found.order_by("id")[:limit]]


def _lagging(device: Device) -> Lagging:
    said: AppliedPolicy | None = getattr(device, "applied_policy", None)
    if said is None:
        return Lagging(device.pk, 0, None, None)
    return Lagging(device.pk, said.serial, Gate(said.refused) if said.refused else None, said.at_ms)


def arrangement(site_id: str) -> SiteArrangement.Kind:
    """Return how access to the site's devices is arranged."""
    row = SiteArrangement.objects.filter(pk=site_id).first()
    return SiteArrangement.Kind(row.kind) if row else SiteArrangement.Kind.STANDING


def windows_of(site_id: str, *, since_ms: int) -> QuerySet[SiteWindow]:
    """Return the site's windows that end after `since_ms` and were not closed, by their start."""
    windows = SiteWindow.objects.filter(site_id=site_id, end_ms__gt=since_ms, closed_ms=None)
    return windows.select_related("device", "set_by").order_by("start_ms")


def open_windows(device: Device, at_ms: int) -> list[SiteWindow]:
    """Return the windows that are open for this device at `at_ms`, the longest first."""
    here = Q(device_id=device.pk) | Q(device_id=None)
    windows = windows_of(device.site_id, since_ms=at_ms).filter(here, start_ms__lte=at_ms)
    return list(windows.order_by("-end_ms"))


def broken_glass(device: Device, at_ms: int) -> Interval | None:
    """Return the glass that is broken for this device at `at_ms`, or None."""
    glass = _broken(at_ms).filter(device_id=device.pk).first()
    return Interval(glass.start_ms, glass.end_ms) if glass else None


def running_glass(devices: Iterable[str], at_ms: int) -> dict[str, BreakGlass]:
    """Return the glass that is broken at `at_ms` by device, of these devices."""
    found = _broken(at_ms).filter(device_id__in=list(devices)).select_related("started_by")
    return {glass.device_id: glass for glass in found}


def _broken(at_ms: int) -> QuerySet[BreakGlass]:
    return BreakGlass.objects.filter(start_ms__lte=at_ms, end_ms__gt=at_ms, ended_ms=None)


def may_review(glass: BreakGlass, user: User) -> bool:
    """Return whether `user` may close the review, as far as it asks for another person (R42).

    Whoever broke the glass may not, unless nobody else of the site could close it.
    """
    if user.pk != glass.started_by_id:
        return True
    roles = [role.value for role in Role if Permission.CASES_REVIEW_CLOSE in permissions(role)]
    others = User.objects.filter(organisation_id=glass.site_id, role__in=roles, is_active=True)
    return not others.exclude(pk=user.pk).exists()


def unreviewed_glass(site_id: str | None) -> QuerySet[BreakGlass]:
    """Return broken glass that nobody has reviewed, of one site or of all."""
    glass = BreakGlass.objects.filter(reviewed_ms=None).select_related("device", "site")
    return glass.filter(site_id=site_id) if site_id else glass


def visible_glass(user: User) -> QuerySet[BreakGlass]:
    """Return broken glass with who broke and reviewed it: a site's own people see their site's."""
    glass = BreakGlass.objects.select_related("device", "started_by", "reviewed_by")
    return glass.filter(site_id=user.site) if user.site else glass


def site_say(device: Device, at_ms: int) -> Say:
    """Return what the site says of `device` at `at_ms`: its policy, arrangement and windows."""
    policy, kind = policy_of(device.site_id), arrangement(device.site_id)
    windows = open_windows(device, at_ms)
    ticket = next((window.ticket for window in windows if window.ticket), "")
    facts = _facts(policy, at_ms)
    if kind == SiteArrangement.Kind.ON_REQUEST:
        facts = _asked(facts)
    elif kind == SiteArrangement.Kind.SCHEDULED:
        facts = _scheduled(facts, windows[0].end_ms if windows else None)
    return Say(facts, ticket)


def _facts(policy: SitePolicy | None, at_ms: int) -> SiteFacts:
    if policy is None:
        return HOUSE_SITE
    return SiteFacts(
        rules=policy.rules,
        ticket=frozenset(policy.ticket),
        two_approvers=frozenset(policy.two_approvers),
        window=frozenset(policy.window),
        open_until_ms=policy.open_until_ms(at_ms),
        serial=policy.serial,
    )


def _asked(facts: SiteFacts) -> SiteFacts:
    """Return the facts of a site that is asked before every session, unless it denies it anyway."""
    rules = {
        action: SiteRule.ASK_SITE if action in _SESSIONS and rule is not SiteRule.DENY else rule
        for action, rule in facts.rules.items()
    }
    return replace(facts, rules=rules)


def _scheduled(facts: SiteFacts, closes_ms: int | None) -> SiteFacts:
    """Return the facts of a site whose devices are served in its windows only.

    Where the signed policy asks for a window as well, both must be open: the device holds its own.
    """
    until = closes_ms
    if closes_ms is not None and facts.window:
        until = None if facts.open_until_ms is None else min(closes_ms, facts.open_until_ms)
    return replace(facts, window=facts.window | _SESSIONS, open_until_ms=until)

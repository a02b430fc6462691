"""Which devices a person may see, and what is told of one: every guarded door of this app."""

import re
from collections import Counter
from functools import lru_cache

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.http import Http404

from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import (
    check_permission,
    contacts_carried,
    has_permission,
    organisations_named,
)
from bedside.console.devices.models import Device, Product, RelayPin
from bedside.console.enrolment.facts import DeviceFacts
from bedside.console.relays.models import DevicePresence, UnseenDevice
from bedside.console.relays.queries import devices_in_contact
from bedside.language import Language
from bedside.policy.facts import DeviceState
from bedside.protocol.profile import ProductProfile, parse_profile
from bedside.protocol.shapes import Site
from bedside.vocabulary import Contact, DeviceId, Permission, PollMode, RelayName

__all__ = [
    "access_device",
    "access_pin",
    "check_may_manage_relays",
    "device_facts",
    "find_devices",
    "pin_of",
    "pin_reach",
    "pins",
    "profile_of",
    "visible_devices",
]

_NAME_OF_A_DEVICE = re.compile(r"[A-Z][A-Z0-9]{0,7}-[A-Z0-9]{0,20}\Z")


def visible_devices(user: User) -> QuerySet[Device]:
    """Return the devices that `user` may see: a site's own people see their site's only."""
    devices = Device.objects.select_related("product", "site")
    devices = devices.defer("product__profile", "searched")
    if not has_permission(user, Permission.DEVICES_DEVICE_READ):
        return devices.none()
    return devices.filter(site_id=user.site) if user.site else devices


def access_device(
    user: User, device_id: str, permission: Permission = Permission.DEVICES_DEVICE_READ
) -> Device:
    """Return a device on which `user` has `permission`.

    Raises:
        Http404: there is none, or `user` may not see it: the two are not told apart.
        PermissionDenied: `user` may see it, and not do this with it.
    """
    device = visible_devices(user).filter(pk=device_id).first()
    if device is None:
        raise Http404
    if not has_permission(user, permission):
        raise PermissionDenied(permission)
    return device


def find_devices(
    user: User,
    *,
    search: str = "",
    state: DeviceState | None = None,
    site: str = "",
    contact: Contact | None = None,
) -> QuerySet[Device]:
    """Return the visible devices whose name, place or site holds `search`, in the order of ids."""
    devices = _in_contact(visible_devices(user), contact)
    if state is not None:
        devices = devices.filter(state=state)
    if site:
        devices = devices.filter(site_id__in=organisations_named(site))
    for word in search.split()[:5]:
        name = word.upper()
        if _NAME_OF_A_DEVICE.match(name):
            # The name printed on it: a range of the key, whatever the size of the fleet.
            devices = devices.filter(_begins(name))
            continue
        # Within what the database itself put into small letters, or at a site of such a name.
        here = Organisation.objects.filter(name__icontains=word).values("pk")
        devices = devices.filter(Q(searched__contains=Lower(Value(word))) | Q(site_id__in=here))
    return devices.order_by("id")


def _begins(name: str) -> Q:
    """Return the range of keys that begin so, by whatever each database keeps an index for."""
    if connection.vendor == "postgresql":
        return Q(id__startswith=name)
    return Q(id__gte=name, id__lt=name + "~")


def _in_contact(devices: QuerySet[Device], contact: Contact | None) -> QuerySet[Device]:
    if contact is None:
        return devices
    if contact is Contact.NEVER_SEEN:
        return devices.filter(pk__in=UnseenDevice.objects.values("device"))
    seen = DevicePresence.objects.filter(devices_in_contact(contact), device=OuterRef("pk"))
    return devices.filter(Exists(seen))


def profile_of(product: Product) -> ProductProfile:
    """Return a product's profile; it was checked when it was imported."""
    return _parse(product.profile)


@lru_cache(maxsize=256)
def _parse(profile: str) -> ProductProfile:
    return parse_profile(profile.encode())


def device_facts(device_id: str) -> DeviceFacts:
    """Return what a device's own documents say of it; LookupError where there is none."""
    device = Device.objects.select_related("site").filter(pk=device_id).first()
    if device is None:
        raise LookupError(device_id)
    site = device.site
    return DeviceFacts(
        device=DeviceId(device.pk),
        display_name=device.display_name,
        product=device.product_id,
        site=Site(
            id=site.key,
            name=site.name,
            language=Language(site.language),
            timezone=site.timezone,
            country=site.country,
        ),
        poll_mode=PollMode(device.poll_mode),
        locked=bool(device.lock_reason),
        lock_reason=device.lock_reason or None,
        contacts=contacts_carried(site.country),
        preferred=tuple(map(RelayName, pin.relays)) if (pin := pin_of(device)) else (),
    )


def pin_of(device: Device) -> RelayPin | None:
    """Return the pin that applies to a device, None where it chooses by itself."""
    scope = RelayPin.Scope
    mine = {
        scope.DEVICE: device.pk,
        scope.SITE: device.site_id,
        scope.COUNTRY: device.site.country,
    }
    asked = Q()
    for each, subject in mine.items():
        asked |= Q(scope=each.value, subject=subject)
    found = {pin.scope: pin for pin in RelayPin.objects.filter(asked)}
    return next((found[each] for each in mine if each in found), None)


def pins(user: User) -> QuerySet[RelayPin]:
    """Return every pin for the manufacturer's people, none for a site's own."""
    if user.site or not has_permission(user, Permission.DEVICES_DEVICE_READ):
        return RelayPin.objects.none()
    return RelayPin.objects.order_by("id")


def check_may_manage_relays(user: User) -> None:
    """Let through whoever may say where devices go: the manufacturer's people only.

    Raises PermissionDenied.
    """
    check_permission(user, Permission.RELAYS_RELAY_MANAGE)
    if user.site:
        raise PermissionDenied(Permission.RELAYS_RELAY_MANAGE)


def access_pin(user: User, pin_id: int) -> RelayPin:
    """Return a pin that `user` may remove; Http404 or PermissionDenied."""
    check_may_manage_relays(user)
    pin = pins(user).filter(pk=pin_id).first()
    if pin is None:
        raise Http404
    return pin


def pin_reach(asked: RelayPin | None = None) -> dict[tuple[str, str], int]:
    """Return how many devices each pin decides for, by its scope and subject; those of none are absent.

    Args:
        asked: a pin that is not saved yet, counted as if it were.
    """
    scope = RelayPin.Scope
    known = {(pin.scope, pin.subject) for pin in RelayPin.objects.all()}
    if asked is not None:
        known.add((asked.scope, asked.subject))
    devices, sites, countries = (
        [subject for each, subject in known if each == kind.value] for kind in scope
    )
    serving = Device.objects.filter(state__in=(DeviceState.REGISTERED, DeviceState.ENROLLED))
    own = serving.filter(pk__in=devices).values_list("pk", flat=True)
    reach = Counter((scope.DEVICE.value, device) for device in own)
    wide = serving.filter(Q(site__in=sites) | Q(site__country__in=countries))
    groups = wide.exclude(pk__in=devices).order_by().values_list("site_id", "site__country")
    for site, country, count in groups.annotate(Count("pk")):
        of_site = (scope.SITE.value, site)
        reach[of_site if of_site in known else (scope.COUNTRY.value, country)] += count
    return dict(reach)

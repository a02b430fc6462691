"""REST: the fleet, one device, and its enrolment."""

import base64
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status

from bedside.console.accounts.bearer import caller, permitted
from bedside.console.accounts.queries import check_permission
from bedside.console.devices.actions import (
    DeviceDetails,
    do_offer_enrolment,
    do_pin_to_relays,
    do_save_device,
)
from bedside.console.devices.models import Device, RelayPin
from bedside.console.devices.queries import (
    access_device,
    check_may_manage_relays,
    find_devices,
    pins,
)
from bedside.console.enrolment.actions import NoRelayError
from bedside.console.relays.queries import (
    DeviceSeen,
    RelayHeard,
    presence,
    presences,
    relays_heard,
)
from bedside.console.rest.bodies import Body, PageQuery
from bedside.console.rest.cursors import page_after
from bedside.console.rest.problems import ProblemError
from bedside.policy.facts import DeviceState
from bedside.vocabulary import Activity, Contact, DeviceId, Permission, PollMode

router = Router(tags=["devices"])


class Named(Schema):
    """Something with an id and a name."""

    id: str
    name: str


class PresenceAnswer(Schema):
    """Where a device was last seen.

    `at_ms` is its last change, `polled_ms` its last poll that the console knows of, `relay_seen_ms`
    when its relay was last heard (0: never); all by the console's clock, in Unix milliseconds.
    """

    relay: str
    at_ms: int
    polled_ms: int
    relay_seen_ms: int
    activity: Activity
    mode: PollMode
    version: str
    configuration: int
    journal_size: int
    journal_head: str


class DeviceAnswer(Schema):
    """A device; `presence` is null until it was seen once.

    `contact` says whether it polls. `relay_lost`: nothing is heard of its relay, so nobody knows.
    """

    id: str
    display_name: str
    room: str
    product: Named
    site: Named
    state: DeviceState
    locked: bool
    lock_reason: str | None
    contact: Contact
    presence: PresenceAnswer | None


class RelayHeardAnswer(Schema):
    """A relay as the console hears it.

    `lost`: nothing was heard for 75 s, so nobody knows what its devices do. `offset_ms` is its clock
    less the console's, to within a second or two; from 5 s (`clock_off`) its times are put right.
    """

    name: str
    host: str
    seen_ms: int | None
    lost: bool
    offset_ms: int
    clock_off: bool
    draining_until_ms: int | None = Field(
        description="it is about to stop, at the latest then: its devices go to other relays"
    )


class DevicesPage(Schema):
    """Some devices, and the cursor of the next; null at the end."""

    items: list[DeviceAnswer]
    next: str | None


class DevicesQuery(PageQuery):
    """What is looked for."""

    search: str = Field("", max_length=100)
    state: DeviceState | None = None
    site: str = Field("", max_length=64)
    contact: Contact | None = None


class DeviceBody(Body):
    """What is stated about a device."""

    id: str = Field(max_length=30, examples=["CI-20417"])
    product: str = Field(max_length=64)
    site: str = Field(max_length=64)
    display_name: str = Field(min_length=1, max_length=80)
    room: str = Field("", max_length=80)
    poll_mode: PollMode = Field(PollMode.HELD, strict=False)


class RelayPinAnswer(Schema):
    """What prefers which relays: the narrowest pin applies to a device."""

    scope: RelayPin.Scope
    subject: str = Field(description="a device's name, a site's key, or a country's two letters")
    relays: list[str] = Field(description="the most preferred first")


class RelayPinsPage(Schema):
    """Some pins, and the cursor of the next; null at the end."""

    items: list[RelayPinAnswer]
    next: str | None


class RelayPinBody(Body):
    """A device, a site or a country, and its relays; none lets its devices choose by themselves."""

    scope: RelayPin.Scope = Field(strict=False, examples=["site"])
    subject: str = Field(min_length=1, max_length=64, examples=["CI-20417"])
    relays: list[Annotated[str, Field(max_length=32)]] = Field(max_length=16, examples=[["a"]])


class EnrolmentAnswer(Schema):
    """What is carried to the device: the code is told once."""

    code: str
    bundle: str = Field(description="the signed bundle, base64")
    expires_ms: int


@router.get("/devices", response=DevicesPage, operation_id="listDevices")
def list_devices(request: HttpRequest, query: Query[DevicesQuery]) -> dict[str, Any]:
    """Return the devices that the caller may see, in the order of their ids."""
    user = caller(request)
    check_permission(user, Permission.DEVICES_DEVICE_READ)
    found = find_devices(
        user,
        search=query.search,
        state=query.state,
        site=query.site,
        contact=query.contact,
    )
    page = page_after(found, query.cursor, limit=query.limit)
    seen = presences(device.pk for device in page.rows)
    rows = [_device(device, seen.get(DeviceId(device.pk))) for device in page.rows]
    return {"items": rows, "next": page.next}


@router.get("/relays", response=list[RelayHeardAnswer], operation_id="getRelays")
def list_relays(request: HttpRequest) -> list[RelayHeard]:
    """Return every relay: when it was last heard, and how far its clock is off."""
    check_permission(caller(request), Permission.DEVICES_DEVICE_READ)
    return list(relays_heard())


@router.get("/devices/{device_id}", response=DeviceAnswer, operation_id="getDevice")
def get_device(request: HttpRequest, device_id: str) -> dict[str, Any]:
    """Return one device."""
    device = access_device(caller(request), device_id)
    return _device(device, presence(device.pk))


@router.post("/devices", response={201: DeviceAnswer}, operation_id="saveDevice")
def save_device(request: HttpRequest, body: DeviceBody) -> Status[dict[str, Any]]:
    """Register a device, or change what is stated about it."""
    user = caller(request)
    check_permission(user, Permission.DEVICES_DEVICE_ENROL)
    details = DeviceDetails(
        product=body.product,
        site=body.site,
        display_name=body.display_name,
        room=body.room,
        poll_mode=body.poll_mode,
    )
    do_save_device(body.id, details, acting_user=user)
    device = access_device(user, body.id)
    return Status(201, _device(device, presence(device.pk)))


@router.post(
    "/devices/{device_id}/enrolment", response=EnrolmentAnswer, operation_id="offerEnrolment"
)
def offer_enrolment(request: HttpRequest, device_id: str) -> dict[str, Any]:
    """Make a one-time code and the signed bundle for a device; an earlier code ends."""
    user = caller(request)
    device = access_device(user, device_id, Permission.DEVICES_DEVICE_ENROL)
    try:
        offer = do_offer_enrolment(device, acting_user=user)
    except NoRelayError as error:
        raise ProblemError(409, "no_relay", _("There is no relay yet: add one first.")) from error
    bundle = base64.b64encode(offer.bundle).decode("ascii")
    return {"code": offer.code, "bundle": bundle, "expires_ms": offer.expires_ms}


@router.get("/relay-pins", response=RelayPinsPage, operation_id="listRelayPins")
def list_relay_pins(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Return which devices, sites and countries prefer which relays, in the order of their pinning."""
    user = caller(request)
    check_permission(user, Permission.DEVICES_DEVICE_READ)
    page = page_after(pins(user), query.cursor, limit=query.limit)
    return {"items": page.rows, "next": page.next}


@router.post("/relay-pins", response=RelayPinAnswer, operation_id="saveRelayPin")
def save_relay_pin(request: HttpRequest, body: RelayPinBody) -> dict[str, Any]:
    """Pin a device, a site or a country to relays, or let its devices choose again."""
    user = permitted(request, Permission.RELAYS_RELAY_MANAGE)
    check_may_manage_relays(user)
    do_pin_to_relays(body.scope, body.subject, body.relays, acting_user=user)
    return {"scope": body.scope, "subject": body.subject, "relays": body.relays}


def _device(device: Device, seen: DeviceSeen | None) -> dict[str, Any]:
    return {
        "id": device.pk,
        "display_name": device.display_name,
        "room": device.room,
        "product": {"id": device.product_id, "name": str(device.product)},
        "site": {"id": device.site_id, "name": device.site.name},
        "state": device.state,
        "locked": bool(device.lock_reason),
        "lock_reason": device.lock_reason or None,
        "contact": seen.contact if seen else Contact.NEVER_SEEN,
        "presence": seen,
    }

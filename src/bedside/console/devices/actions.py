"""Every change to products and devices, each with its journal entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing
from bedside.console.accounts.queries import Acting, actor_of
from bedside.console.devices.models import Device, Product, RelayPin
from bedside.console.devices.queries import device_facts
from bedside.console.enrolment import actions as enrolment
from bedside.console.enrolment.facts import EnrolmentOffer
from bedside.console.journal.actions import now_ms, record
from bedside.console.relays.actions import do_expect_device
from bedside.console.relays.queries import relays as known_relays
from bedside.policy.facts import DeviceState
from bedside.protocol.errors import ProtocolError
from bedside.protocol.profile import ProductProfile, parse_profile
from bedside.vocabulary import Gate, JournalAction, PollMode, parse_device_id

__all__ = [
    "DeviceDetails",
    "check_pin",
    "do_import_profile",
    "do_mark_cloned",
    "do_mark_enrolled",
    "do_note_lock",
    "do_note_outdated",
    "do_note_relay_retired",
    "do_offer_enrolment",
    "do_pin_to_relays",
    "do_revoke_device",
    "do_save_device",
    "do_send_due_configurations",
]


_AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class DeviceDetails:
    """What is stated about a device."""

    product: str
    site: str
    display_name: str
    room: str = ""
    poll_mode: PollMode = PollMode.HELD


def do_import_profile(data: bytes, *, acting_user: Acting) -> ProductProfile:
    """Make a product known by its profile (TOML), or bring it up to date; return the profile.

    Raises:
        ValidationError: the profile is refused; the message names the field.
    """
    try:
        profile = parse_profile(data)
    except ProtocolError as error:
        raise ValidationError(
            _("The profile is refused: %(why)s."), code="profile", params={"why": str(error)}
        ) from error
    with transaction.atomic():
        Product.objects.update_or_create(
            name=profile.id,
            defaults={
                "title_en": profile.names.en,
                "title_fr": profile.names.fr,
                "version": profile.version,
                "monitored": profile.monitored,
                "profile": data.decode(),
                "imported_ms": now_ms(),
            },
        )
        record(
            JournalAction.PRODUCT_PROFILE_IMPORTED,
            actor=actor_of(acting_user),
            thing=Thing("product", profile.id),
            detail={"version": profile.version, "name": profile.names.en},
        )
    return profile


def do_save_device(device_id: str, details: DeviceDetails, *, acting_user: Acting) -> Device:
    """Register a device, or change what is stated about it; it is told of the change.

    Raises:
        ValidationError: a value is refused.
    """
    try:
        parse_device_id(device_id)
    except ValueError as error:
        raise ValidationError(
            {"id": _("A device's name is like CI-20417: capital letters, a hyphen, digits.")}
        ) from error
    with transaction.atomic():
        device = Device.objects.select_for_update().filter(pk=device_id).first()
        if device is not None and _stated(device) == details:
            return device
        created = device is None
        device = device or Device(id=device_id)
        device.product_id = details.product
        device.site_id = details.site
        device.display_name = details.display_name
        device.room = details.room
        device.poll_mode = details.poll_mode.value
        device.full_clean(validate_unique=False)
        device.save()
        if created:
            do_expect_device(device.pk)
        changed = JournalAction.DEVICE_RECORD_CHANGED
        record(
            JournalAction.DEVICE_RECORD_CREATED if created else changed,
            actor=actor_of(acting_user),
            thing=_thing(device),
            detail={
                "display_name": device.display_name,
                "product": device.product_id,
                "site": device.site_id,
                "poll_mode": device.poll_mode,
            },
        )
        _send_configuration(device)
    return device


def do_offer_enrolment(device: Device, *, acting_user: Acting) -> EnrolmentOffer:
    """Make a one-time code and the signed bundle for a device; an earlier code ends.

    A revoked or cloned device that is offered enrolment begins anew, with new keys.
    """
    with transaction.atomic():
        offer = enrolment.do_offer_enrolment(
            device_facts(device.pk), actor=actor_of(acting_user), now=now_ms()
        )
        if device.state in (DeviceState.REVOKED, DeviceState.CLONED):
            _set_state(device.pk, DeviceState.REGISTERED)
    return offer


def do_mark_enrolled(device_id: str, *, now: int) -> None:
    """Note that a device has its certificate; the enrolment app has journalled it."""
    del now
    _set_state(device_id, DeviceState.ENROLLED)
    _send_configuration(Device.objects.get(pk=device_id))


def do_mark_cloned(device_id: str, *, now: int) -> None:
    """Note that two live copies of a device were seen; the enrolment app has journalled it."""
    del now
    _set_state(device_id, DeviceState.CLONED)


def do_revoke_device(device: Device, *, acting_user: Acting) -> None:
    """Take a device's certificates away for good; only a new enrolment brings it back.

    What is live on it is ended by `service_sessions.actions.do_revoke_device`, which calls this.
    """
    with transaction.atomic():
        enrolment.do_revoke_device(
            device.pk,
            gate=Gate.REVOKED_CERTIFICATE,
            actor=actor_of(acting_user),
            now=now_ms(),
        )
        _set_state(device.pk, DeviceState.REVOKED)


def do_note_lock(device: Device, reason: str) -> None:
    """Repeat a device's own lock (an empty reason: none) on the device and in its configuration."""
    with transaction.atomic():
        Device.objects.filter(pk=device.pk).update(lock_reason=reason)
        _send_configuration(device)


def do_note_outdated(devices: Q) -> None:
    """Note that what the configurations of these devices hold has changed: a fleet is told in turn."""
    enrolled = Device.objects.filter(devices, state=DeviceState.ENROLLED.value)
    enrolled.update(configuration_due=True)


def do_pin_to_relays(
    scope: RelayPin.Scope, subject: str, relays: Sequence[str], *, acting_user: Acting
) -> None:
    """Have a device, a site's or a country's devices prefer these relays; none lets them choose.

    Raises:
        ValidationError: there is no such device, site or country here, or no such relay.
    """
    # A pin is removed whatever it names: its device may have gone elsewhere since.
    if relays:
        check_pin(scope, subject, relays)
    with transaction.atomic():
        pins = RelayPin.objects.select_for_update().filter(scope=scope.value, subject=subject)
        pin = pins.first()
        if (list(pin.relays) if pin else []) == list(relays):
            return
        if relays:
            RelayPin.objects.update_or_create(
                scope=scope.value, subject=subject, defaults={"relays": list(relays)}
            )
        else:
            pins.delete()
        _record_pin(scope, subject, relays, acting_user)
        do_note_outdated(_PINNED[scope](subject))


def check_pin(scope: RelayPin.Scope, subject: str, relays: Sequence[str]) -> None:
    """Refuse a pin of nothing, or to what is no relay; raises ValidationError, by field."""
    names = {relay.name for relay in known_relays()}
    if not Device.objects.filter(_PINNED[scope](subject)).exists():
        raise ValidationError({"subject": _("No device here is meant by this.")})
    if unknown := [name for name in relays if name not in names]:
        message = _("There is no relay “%(name)s”.") % {"name": unknown[0]}
        raise ValidationError({"relays": message})
    if len(set(relays)) != len(relays):
        raise ValidationError({"relays": _("A relay is named twice.")})


def do_note_relay_retired(relay: str, *, acting_user: Acting) -> None:
    """Take a relay that is retired out of every pin, and let the whole fleet have the list without it."""
    for pin in RelayPin.objects.select_for_update().order_by("id"):
        if relay not in pin.relays:
            continue
        pin.relays = [name for name in pin.relays if name != relay]
        if pin.relays:
            pin.save(update_fields=["relays"])
        else:
            pin.delete()
        _record_pin(RelayPin.Scope(pin.scope), pin.subject, pin.relays, acting_user)
    do_note_outdated(Q())


def _record_pin(
    scope: RelayPin.Scope, subject: str, relays: Sequence[str], acting_user: Acting
) -> None:
    record(
        JournalAction.RELAY_PIN_CHANGED,
        actor=actor_of(acting_user),
        thing=Thing(scope.value, subject),
        device=subject if scope is RelayPin.Scope.DEVICE else "",
        detail={"relay": ", ".join(relays)},
    )


_PINNED: dict[RelayPin.Scope, Callable[[str], Q]] = {
    RelayPin.Scope.DEVICE: lambda subject: Q(pk=subject),
    RelayPin.Scope.SITE: lambda subject: Q(site=subject),
    RelayPin.Scope.COUNTRY: lambda subject: Q(site__country=subject),
}


def do_send_due_configurations(*, now: int) -> int:
    """Send some of the configurations that are due; return how many."""
    due = list(Device.objects.filter(configuration_due=True).order_by("id")[:_AT_ONCE])
    for device in due:
        with transaction.atomic():
            # Before it is sent: what changes meanwhile makes it due again.
            Device.objects.filter(pk=device.pk).update(configuration_due=False)
            if device.state == DeviceState.ENROLLED:
                enrolment.do_send_configuration(device_facts(device.pk), now=now)
    return len(due)


def _stated(device: Device) -> DeviceDetails:
    return DeviceDetails(
        product=device.product_id,
        site=device.site_id,
        display_name=device.display_name,
        room=device.room,
        poll_mode=PollMode(device.poll_mode),
    )


def _send_configuration(device: Device) -> None:
    if device.state == DeviceState.ENROLLED:
        enrolment.do_send_configuration(device_facts(device.pk), now=now_ms())


def _set_state(device_id: str, state: DeviceState) -> None:
    Device.objects.filter(pk=device_id).update(state=state.value)


def _thing(device: Device) -> Thing:
    return Thing("device", device.pk)

"""The facts of a decision, gathered once: from here on nothing but `policy.decide` judges."""

from dataclasses import replace

from django.db.models import Q

from bedside.console.access import models
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import role_of
from bedside.console.accounts.second_factor import meets_sign_in_rule
from bedside.console.devices.models import Device
from bedside.console.devices.queries import profile_of
from bedside.console.sites.queries import broken_glass, site_say
from bedside.policy.facts import (
    DeviceFacts,
    DeviceState,
    Entitlement,
    Facts,
    Interval,
    Lock,
    LockScope,
    PersonFacts,
    ProductFacts,
    ProductRight,
    RequestFacts,
    StartRule,
)
from bedside.protocol.orders import MAX_DURATION_S, MIN_DURATION_S
from bedside.protocol.profile import ProductProfile
from bedside.vocabulary import AccessKind, DeviceId, Level, Mode, PersonId

__all__ = ["gather_facts", "open_locks", "stored_rules"]


def gather_facts(
    person: User, device: Device, request: RequestFacts, *, seen: bool, at_ms: int
) -> Facts:
    """Return all that a decision on `request` looks at, as the database holds it now.

    A request without a ticket is given the one that the site's open window names.

    Args:
        person: who asks.
        device: what is asked for.
        request: access kind, mode, duration, case and reason.
        seen: whether the device ever polled a relay.
        at_ms: the instant of the decision, Unix milliseconds.
    """
    say = site_say(device, at_ms)
    return Facts(
        person=_person(person),
        device=_device(device, seen=seen),
        request=replace(request, ticket=request.ticket or say.ticket),
        rules=stored_rules(),
        entitlements=tuple(
            Entitlement(
                interval=Interval(row.start_ms, row.end_ms),
                device=DeviceId(row.device_id) if row.device_id else None,
                site=row.site_id,
            )
            for row in models.Entitlement.objects.filter(
                Q(device_id=device.pk) | Q(site_id=device.site_id)
            )
        ),
        locks=tuple(_lock(row) for row in open_locks(person, device)),
        site=say.facts,
        break_glass=broken_glass(device, at_ms),
    )


def stored_rules() -> tuple[StartRule, ...]:
    """Return the rules of level and country as they stand."""
    return tuple(_rule(row) for row in models.StartRule.objects.all())


def open_locks(person: User, device: Device) -> list[models.Lock]:
    """Return the locks that hold now and touch this person on this device."""
    touching = (
        Q(scope=LockScope.EVERYTHING)
        | Q(scope=LockScope.PERSON, target=person.pk)
        | Q(scope=LockScope.DEVICE, target=device.pk)
        | Q(scope=LockScope.SITE, target=device.site_id)
        | Q(scope=LockScope.PRODUCT, target=device.product_id)
    )
    return list(models.Lock.objects.filter(touching, end_ms__isnull=True))


def _person(person: User) -> PersonFacts:
    return PersonFacts(
        id=PersonId(person.pk),
        active=person.is_active,
        vetted=person.vetted_on is not None,
        second_factor=meets_sign_in_rule(person),
        role=role_of(person),
        level=Level(person.level) if person.level else None,
        country=person.country or None,
        product_rights=tuple(
            ProductRight(product=row.product_id, interval=Interval(row.start_ms, row.end_ms))
            for row in models.ProductRight.objects.filter(person=person)
        ),
        patient_data=person.patient_data,
    )


def _device(device: Device, *, seen: bool) -> DeviceFacts:
    return DeviceFacts(
        id=DeviceId(device.pk),
        site=device.site_id,
        product=ProductFacts(
            id=device.product_id,
            access=_modes(profile_of(device.product)),
            max_duration_s=MAX_DURATION_S,
            min_duration_s=MIN_DURATION_S,
            patient_data=_showing_patients(profile_of(device.product)),
        ),
        state=DeviceState(device.state),
        seen=seen,
    )


def _showing_patients(profile: ProductProfile) -> frozenset[AccessKind]:
    kinds = {AccessKind.SERVICE: profile.service, AccessKind.SYSTEM: profile.system}
    return frozenset(kind for kind, access in kinds.items() if access and access.patient_data)


def _modes(profile: ProductProfile) -> dict[AccessKind, frozenset[Mode]]:
    offered: dict[AccessKind, frozenset[Mode]] = {}
    if profile.service is not None:
        commands = {mode: profile.service.command_in(mode) for mode in Mode}
        offered[AccessKind.SERVICE] = frozenset(
            mode for mode, command in commands.items() if command
        )
    if profile.system is not None:
        offered[AccessKind.SYSTEM] = frozenset(Mode)
    return offered


def _rule(row: models.StartRule) -> StartRule:
    start = {Mode.VIEW: row.start_view, Mode.CONTROL: row.start_control}
    join = {Mode.VIEW: row.join_view, Mode.CONTROL: row.join_control}
    return StartRule(
        level=Level(row.level),
        country=row.country,
        start=frozenset(mode for mode, allowed in start.items() if allowed),
        join=frozenset(mode for mode, allowed in join.items() if allowed),
        product=row.product_id,
    )


def _lock(row: models.Lock) -> Lock:
    return Lock(
        scope=LockScope(row.scope),
        target=row.target,
        interval=Interval(row.start_ms, row.end_ms),
        reason=row.reason,
    )

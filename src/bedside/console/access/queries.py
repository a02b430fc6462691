"""The facts of a decision, gathered once: from here on nothing but `policy.decide` judges."""

from dataclasses import replace

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Max, Q, QuerySet, Subquery
from django.http import Http404
from django.utils.translation import gettext as _

from bedside.console.access import models
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import (
    access_person,
    check_permission,
    has_permission,
    role_of,
    visible_people,
)
from bedside.console.accounts.second_factor import meets_sign_in_rule
from bedside.console.devices.models import Device, Product
from bedside.console.devices.queries import access_device, profile_of, visible_devices
from bedside.console.sites.queries import access_site, broken_glass, site_say
from bedside.policy import decide
from bedside.policy.decide import Reason
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
from bedside.vocabulary import AccessKind, DeviceId, Level, Mode, Permission, PersonId

__all__ = [
    "access_lock",
    "check_may_lock",
    "foreign_lock",
    "gather_facts",
    "locks_on",
    "newest_policy",
    "open_locks",
    "people_named",
    "refusals_to_serve",
    "stored_policy",
    "stored_rules",
    "target_named",
    "visible_locks",
]


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
    policy, rules = stored_policy()
    return Facts(
        person=_person(person),
        device=_device(device, seen=seen),
        request=replace(request, ticket=request.ticket or say.ticket),
        rules=rules,
        policy=policy,
        entitlements=tuple(
            Entitlement(
                interval=Interval(row.start_ms, row.end_ms),
                device=DeviceId(row.device_id) if row.device_id else None,
                site=row.site_id,
                number=row.pk,
            )
            for row in models.Entitlement.objects.filter(
                Q(device_id=device.pk) | Q(site_id=device.site_id)
            )
        ),
        locks=tuple(_lock(row) for row in open_locks(person, device)),
        site=say.facts,
        break_glass=broken_glass(device, at_ms),
    )


def refusals_to_serve(person: User, device: Device, *, at_ms: int) -> tuple[Reason, ...]:
    """Return why `person` may start no session at all on devices of this product; nothing where they may."""
    nothing = RequestFacts(AccessKind.SERVICE, Mode.VIEW, duration_s=0, case="", reason="")
    product = ProductFacts(id=device.product_id, access={}, max_duration_s=0)
    facts = Facts(
        person=_person(person),
        device=DeviceFacts(
            id=DeviceId(device.pk),
            site=device.site_id,
            product=product,
            state=DeviceState(device.state),
            seen=False,
        ),
        request=nothing,
        rules=stored_rules(),
    )
    return decide.refusals_to_serve(facts, at_ms)


def stored_rules() -> tuple[StartRule, ...]:
    """Return the rules of level and country as they stand, in the order of their numbers."""
    return stored_policy()[1]


def stored_policy() -> tuple[int, tuple[StartRule, ...]]:
    """Return the number under which the rules were saved, 0 where they never were, and the rules."""
    newest = models.PolicyVersion.objects.values("number")[:1]
    ordered = models.StartRule.objects.order_by("country", "level", "product_id", "pk")
    rows = list(ordered.annotate(policy=Subquery(newest)))
    if not rows:
        return models.PolicyVersion.objects.aggregate(last=Max("number"))["last"] or 0, ()
    return rows[0].policy or 0, tuple(_rule(row, number) for number, row in enumerate(rows, 1))


def newest_policy() -> models.PolicyVersion | None:
    """Return who saved the rules last, and when; None where nobody did."""
    return models.PolicyVersion.objects.first()


def open_locks(person: User, device: Device) -> list[models.Lock]:
    """Return the locks that hold now and touch this person on this device, oldest first."""
    touching = (
        Q(scope=LockScope.EVERYTHING)
        | Q(scope=LockScope.PERSON, target=person.pk)
        | Q(scope=LockScope.DEVICE, target=device.pk)
        | Q(scope=LockScope.SITE, target=device.site_id)
        | Q(scope=LockScope.PRODUCT, target=device.product_id)
    )
    held = models.Lock.objects.filter(touching, end_ms__isnull=True)
    return list(held.select_related("organisation", "set_by").order_by("start_ms", "pk"))


def locks_on(scope: LockScope, target: str) -> list[models.Lock]:
    """Return the locks that hold on one thing, whosever they are, oldest first."""
    held = models.Lock.objects.filter(scope=scope.value, target=target, end_ms__isnull=True)
    return list(held.select_related("organisation", "set_by").order_by("start_ms"))


def visible_locks(user: User) -> QuerySet[models.Lock]:
    """Return the locks that hold and that `user` may see: a site's own people see their site's."""
    locks = models.Lock.objects.filter(end_ms__isnull=True).select_related("set_by", "organisation")
    if not has_permission(user, Permission.DEVICES_DEVICE_READ):
        return locks.none()
    if not user.site:
        return locks
    return locks.filter(
        Q(scope=LockScope.SITE, target=user.site)
        | Q(scope=LockScope.DEVICE, target__in=visible_devices(user).values("pk"))
        | Q(scope=LockScope.PERSON, target__in=visible_people(user).values("pk"))
    )


def access_lock(user: User, lock_id: int) -> models.Lock:
    """Return a lock that holds and that `user` may clear.

    Raises Http404 or PermissionDenied, and ValidationError for another organisation's lock.
    """
    lock = visible_locks(user).filter(pk=lock_id).first()
    if lock is None:
        raise Http404
    check_may_lock(user, LockScope(lock.scope), lock.target)
    if lock.organisation_id != user.organisation_id:
        raise foreign_lock(lock)
    return lock


def foreign_lock(lock: models.Lock) -> ValidationError:
    """Return the refusal to clear a lock that another organisation set."""
    return ValidationError(
        _("%(organisation)s set this lock; only its own people clear it."),
        code="foreign_lock",
        params={"organisation": lock.organisation.name},
    )


def target_named(user: User, scope: LockScope, name: str) -> str:
    """Return the id of the one thing that is named, which `user` may lock.

    A person is named by their id or their e-mail address, whatever else by its id.

    Raises:
        Http404: there is no such thing for `user`.
        PermissionDenied: `user` may see it, and not lock it.
    """
    if scope is LockScope.PERSON:
        found = people_named(user, name).first()
        name = found.pk if found else ""
    check_may_lock(user, scope, name)
    return name


def people_named(user: User, name: str) -> QuerySet[User]:
    """Return whom this id or e-mail address names, if `user` may see them."""
    return visible_people(user).filter(Q(pk=name) | Q(email__iexact=name))


def check_may_lock(user: User, scope: LockScope, target: str) -> None:
    """Let through whoever may lock this thing, and unlock it.

    A site's own people lock their site, its devices and their colleagues; a product, and everything,
    is the manufacturer's to lock.

    Raises:
        Http404: there is no such thing, or `user` may not see it.
        PermissionDenied: `user` may see it, and not lock it.
    """
    needed = Permission.DEVICES_DEVICE_LOCK
    match scope:
        case LockScope.DEVICE:
            access_device(user, target, needed)
        case LockScope.SITE:
            access_site(user, target, needed)
        case LockScope.PERSON:
            access_person(user, target)
            check_permission(user, needed)
        case LockScope.PRODUCT | LockScope.EVERYTHING:
            check_permission(user, needed)
            if user.site:
                raise PermissionDenied(needed)
            if scope is LockScope.PRODUCT and not Product.objects.filter(pk=target).exists():
                raise Http404


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
        site=person.site,
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


def _rule(row: models.StartRule, number: int) -> StartRule:
    start = {Mode.VIEW: row.start_view, Mode.CONTROL: row.start_control}
    join = {Mode.VIEW: row.join_view, Mode.CONTROL: row.join_control}
    return StartRule(
        level=Level(row.level),
        country=row.country,
        start=frozenset(mode for mode, allowed in start.items() if allowed),
        join=frozenset(mode for mode, allowed in join.items() if allowed),
        product=row.product_id,
        number=number,
    )


def _lock(row: models.Lock) -> Lock:
    return Lock(
        scope=LockScope(row.scope),
        target=row.target,
        interval=Interval(row.start_ms, row.end_ms),
        reason=row.reason,
        set_by=row.set_by.name,
        organisation=row.organisation.name,
    )

"""Every change to contracts, training, rules and locks, each with its journal entry.

What is stated again as it was is no change, and is not journalled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing, short
from bedside.console.access import models
from bedside.console.access.queries import foreign_lock, locks_on
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import Acting, actor_of
from bedside.console.accounts.standing import tell_standing_changed
from bedside.console.accounts.texts import check_country
from bedside.console.devices.models import Device, Product
from bedside.console.journal.actions import now_ms, record
from bedside.policy import facts
from bedside.policy.facts import Interval, LockScope
from bedside.vocabulary import JournalAction, Mode

__all__ = [
    "LockTarget",
    "check_start_rules",
    "do_clear_lock",
    "do_end_product_right",
    "do_end_product_rights",
    "do_save_entitlement",
    "do_save_product_right",
    "do_save_start_rules",
    "do_set_lock",
]


@dataclass(frozen=True, slots=True)
class LockTarget:
    """What is locked: the scope, and the id of the one thing, empty for everything."""

    scope: LockScope
    target: str = ""


def do_save_entitlement(
    covered: Device | Organisation, interval: Interval, *, acting_user: Acting
) -> None:
    """Make a contract cover a device, or every device of a site, during `interval` alone (S4)."""
    _check_interval(interval)
    device = covered if isinstance(covered, Device) else None
    site = covered if isinstance(covered, Organisation) else None
    with transaction.atomic():
        known = models.Entitlement.objects.filter(device=device, site=site)
        if known.filter(start_ms=interval.start_ms, end_ms=interval.end_ms).exists():
            return
        known.delete()
        models.Entitlement.objects.create(
            device=device, site=site, start_ms=interval.start_ms, end_ms=interval.end_ms
        )
        record(
            JournalAction.ACCESS_ENTITLEMENT_CHANGED,
            actor=actor_of(acting_user),
            thing=Thing("device" if device else "site", covered.pk),
            detail=_words(interval),
        )


def do_save_product_right(
    person: User, product: Product, interval: Interval, *, acting_user: Acting
) -> None:
    """State that a person is trained for a product during `interval` alone (S34)."""
    _check_interval(interval)
    with transaction.atomic():
        known = models.ProductRight.objects.filter(person=person, product=product)
        if known.filter(start_ms=interval.start_ms, end_ms=interval.end_ms).exists():
            return
        known.delete()
        models.ProductRight.objects.create(
            person=person, product=product, start_ms=interval.start_ms, end_ms=interval.end_ms
        )
        record(
            JournalAction.ACCESS_RIGHT_CHANGED,
            actor=actor_of(acting_user),
            thing=Thing("person", person.pk),
            detail={"name": person.name, "product": product.pk, **_words(interval)},
        )
        tell_standing_changed(person, acting_user=acting_user)


def do_end_product_right(person: User, product: Product, *, acting_user: Acting) -> bool:
    """End a person's right to a product now; False where none held."""
    with transaction.atomic():
        return bool(_end_rights(person, acting_user, product=product))


def do_end_product_rights(person: User, *, acting_user: Acting) -> int:
    """End every right of a person to a product now; return how many."""
    with transaction.atomic():
        return _end_rights(person, acting_user)


def _end_rights(person: User, acting_user: Acting, **which: Product) -> int:
    moment = now_ms()
    rights = models.ProductRight.objects.filter(person=person, **which).exclude(end_ms__lte=moment)
    for right in (ended := list(rights)):
        # A right that was to begin later ends where it begins.
        right.end_ms = max(moment, right.start_ms)
        right.save(update_fields=["end_ms"])
        record(
            JournalAction.ACCESS_RIGHT_CHANGED,
            actor=actor_of(acting_user),
            thing=Thing("person", person.pk),
            detail={"name": person.name, "product": right.product_id, "until_ms": right.end_ms},
        )
    tell_standing_changed(person, acting_user=acting_user)
    return len(ended)


def check_start_rules(rules: Sequence[facts.StartRule]) -> None:
    """Raise ValidationError for rules of no country or product, and for two of one level and both."""
    for rule in rules:
        check_country(rule.country)
    keys = [(rule.level, rule.country, rule.product) for rule in rules]
    if len(set(keys)) < len(keys):
        raise ValidationError(
            _("Two rules name the same level, country and product."), code="twice"
        )
    named = {rule.product for rule in rules if rule.product is not None}
    if Product.objects.filter(pk__in=named).count() < len(named):
        raise ValidationError(_("There is no such product."), code="product")


def do_save_start_rules(rules: Sequence[facts.StartRule], *, acting_user: Acting) -> None:
    """Replace the rules of who may start and join, by level and country (S36).

    Raises:
        ValidationError: see `check_start_rules`.
    """
    check_start_rules(rules)
    with transaction.atomic():
        models.StartRule.objects.all().delete()
        actor = actor_of(acting_user)
        saved = models.PolicyVersion.objects.create(saved_by=actor.name, saved_ms=now_ms())
        for rule in rules:
            models.StartRule.objects.create(
                level=rule.level,
                country=rule.country,
                start_view=Mode.VIEW in rule.start,
                start_control=Mode.CONTROL in rule.start,
                join_view=Mode.VIEW in rule.join,
                join_control=Mode.CONTROL in rule.join,
                product_id=rule.product,
            )
            record(
                JournalAction.ACCESS_RULE_CHANGED,
                actor=actor,
                thing=Thing("rule", f"{rule.country} {rule.level}"),
                detail={
                    "serial": saved.number,
                    "level": rule.level,
                    "country": rule.country,
                    "product": rule.product or "",
                    "change": f"start {_modes(rule.start)}; join {_modes(rule.join)}",
                },
            )
        tell_standing_changed(None, acting_user=acting_user)


def do_set_lock(lock: LockTarget, *, reason: str, acting_user: User) -> models.Lock:
    """Lock a person, device, site, product or everything; one of one's own that holds is kept.

    What is live under it is ended by `service_sessions.actions.do_lock`, which calls this.
    """
    with transaction.atomic():
        row, created = models.Lock.objects.get_or_create(
            scope=lock.scope.value,
            target=lock.target,
            organisation_id=acting_user.organisation_id,
            end_ms=None,
            defaults={"reason": short(reason, 200), "set_by": acting_user, "start_ms": now_ms()},
        )
        if created:
            _record_lock(row, acting_user, cleared=False)
    return row


def do_clear_lock(lock: LockTarget, *, acting_user: User) -> bool:
    """Clear the lock of one's own organisation; False where none held.

    Raises ValidationError where only another organisation's holds: it is not one's own to clear.
    """
    with transaction.atomic():
        held = locks_on(lock.scope, lock.target)
        mine = [each for each in held if each.organisation_id == acting_user.organisation_id]
        if not mine:
            if held:
                raise foreign_lock(held[0])
            return False
        row = mine[0]
        row.end_ms = now_ms()
        row.save(update_fields=["end_ms"])
        _record_lock(row, acting_user, cleared=True)
    return True


def _record_lock(row: models.Lock, acting_user: User, *, cleared: bool) -> None:
    if row.scope == LockScope.DEVICE:
        action = JournalAction.DEVICE_LOCK_CLEARED if cleared else JournalAction.DEVICE_LOCK_SET
    else:
        action = JournalAction.ACCESS_LOCK_CLEARED if cleared else JournalAction.ACCESS_LOCK_SET
    record(
        action,
        actor=actor_of(acting_user),
        thing=Thing(row.scope, row.target or "everything"),
        detail={"scope": row.scope, "reason": row.reason},
    )


def _check_interval(interval: Interval) -> None:
    if interval.end_ms is not None and interval.end_ms <= interval.start_ms:
        raise ValidationError(_("The end must be after the start."), code="interval")


def _words(interval: Interval) -> dict[str, int]:
    return {} if interval.end_ms is None else {"until_ms": interval.end_ms}


def _modes(modes: Iterable[Mode]) -> str:
    return " ".join(sorted(modes)) or "nothing"

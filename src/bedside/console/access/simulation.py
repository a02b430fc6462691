"""What if: a decision on facts that somebody supposes, and a change of rules by the people it touches.

Nothing here changes anything; a simulated decision is made by the same `decide` as a real one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import Q

from bedside.console.access import models
from bedside.console.access.queries import gather_facts, stored_rules
from bedside.console.accounts.models import Organisation, User
from bedside.console.devices.models import Device
from bedside.policy.decide import Decision, decide
from bedside.policy.facts import Facts, Interval, ProductRight, RequestFacts, StartRule
from bedside.policy.rules import Change, Holder, preview
from bedside.vocabulary import Level, PersonId, Role, SiteAction

__all__ = ["Needs", "Supposed", "needs", "preview_rules", "simulate"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request would meet, and what the site says of this device."""

    decision: Decision
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """Somebody who need not exist: what the policy looks at, and nothing more."""

    level: Level | None
    country: str | None
    role: Role = Role.SPECIALIST
    trained: bool = True
    patient_data: bool = False


def simulate(
    who: User | Supposed,
    device: Device,
    request: RequestFacts,
    *,
    files: frozenset[SiteAction] | None,
    at_ms: int,
    seen: bool,
) -> Decision:
    """Return what would be decided at `at_ms` if `who` asked for this, as asking decides it.

    Args:
        who: a person as they stand, or somebody supposed: active, vetted, with a second factor.
        device: the device.
        request: what is asked for.
        files: files in, files out; None for what the site leaves to the person at the device.
        at_ms: the instant, Unix milliseconds.
        seen: whether the device ever polled a relay.
    """
    person = who if isinstance(who, User) else _nobody()
    facts = gather_facts(person, device, request, seen=seen, at_ms=at_ms)
    if isinstance(who, Supposed):
        rights = (ProductRight(device.product_id, Interval(0)),) if who.trained else ()
        facts = replace(
            facts,
            person=replace(
                facts.person,
                id=PersonId(""),
                active=True,
                vetted=True,
                second_factor=True,
                role=who.role,
                level=who.level,
                country=who.country,
                product_rights=rights,
                patient_data=who.patient_data,
            ),
        )
    return decide(facts.asking_files(files), at_ms)


def _nobody() -> User:
    # Of the manufacturer: what a site's own people may do is not supposed, they only watch.
    ours = Organisation(kind=Organisation.Kind.MANUFACTURER)
    return User(id="supposed", name="", is_active=True, organisation=ours)


def needs(
    person: User,
    device: Device,
    request: RequestFacts,
    *,
    files: frozenset[SiteAction] | None,
    at_ms: int,
    seen: bool,
) -> Needs:
    """Return what would be decided at `at_ms` if `person` asked for this, as asking decides it.

    Args:
        person: who would ask.
        device: the device.
        request: what is asked for.
        files: files in, files out; None for what the site leaves to the person at the device.
        at_ms: the instant, Unix milliseconds.
        seen: whether the device ever polled a relay.
    """
    facts = gather_facts(person, device, request, seen=seen, at_ms=at_ms).asking_files(files)
    return Needs(decide(facts, at_ms), facts)


def preview_rules(after: Sequence[StartRule], *, at_ms: int) -> list[Change]:
    """Return what these rules would change for everybody who holds a product right now."""
    holding = models.ProductRight.objects.filter(
        Q(end_ms=None) | Q(end_ms__gt=at_ms), start_ms__lte=at_ms, person__is_active=True
    ).select_related("person")
    holders = [
        Holder(
            id=row.person_id,
            name=row.person.name,
            level=Level(row.person.level) if row.person.level else None,
            country=row.person.country or None,
            product=row.product_id,
        )
        for row in holding.order_by("person__name", "product_id")
    ]
    return preview(stored_rules(), after, holders)

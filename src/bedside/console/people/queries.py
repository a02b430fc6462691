"""Lists of people, what each has, and whose rights are due for review."""

from collections.abc import Iterable
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Q, QuerySet

from bedside.console.access.models import ProductRight
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import (
    check_permission,
    organisations_named,
    state_of,
    visible_people,
)
from bedside.console.cases.models import Case
from bedside.console.devices.models import Product
from bedside.console.journal.actions import now_ms
from bedside.console.service_sessions.models import ServiceSession
from bedside.protocol.states import OPEN
from bedside.vocabulary import Permission, Role

__all__ = [
    "Holdings",
    "ReviewRow",
    "due_ms",
    "find_people",
    "find_rights",
    "holdings_of",
    "people_to_review",
    "review_rows",
    "reviewers",
    "rights_of",
    "sites_of",
    "untrained_products",
]

_DAY_MS = 86_400_000
_SOON_MS = 60 * _DAY_MS
_STATES = {
    "active": Q(is_active=True),
    "closed": Q(is_active=False, activated_ms__isnull=False, left_ms__isnull=True),
    "invited": Q(is_active=False, activated_ms__isnull=True, left_ms__isnull=True),
    "left": Q(left_ms__isnull=False),
}


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a person has that leaving takes away, counted."""

    browsers: int
    tokens: int
    factors: int
    rights: int
    sessions: int
    cases: int


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A person's rights as the access review reads them."""

    person: User
    state: str
    rights: tuple[ProductRight, ...]
    used_ms: int
    due_ms: int
    overdue: bool


def find_people(
    user: User,
    *,
    search: str = "",
    organisation: str = "",
    role: Role | None = None,
    state: str = "",
) -> QuerySet[User]:
    """Return the people that `user` may see whose name or address begins a word of `search`.

    Raises:
        PermissionDenied: `user` may read no people.
    """
    check_permission(user, Permission.ACCOUNTS_PERSON_READ)
    people = visible_people(user)
    if organisation:
        people = people.filter(organisation_id__in=organisations_named(organisation))
    if role is not None:
        people = people.filter(role=role.value)
    if state in _STATES:
        people = people.filter(_STATES[state])
    for word in search.split()[:5]:
        people = people.filter(Q(name__icontains=word) | Q(email__icontains=word))
    return people.order_by("id")


def rights_of(person: User) -> QuerySet[ProductRight]:
    """Return what a person is trained for, and was, by product."""
    rights = ProductRight.objects.filter(person=person).select_related("product")
    return rights.defer("product__profile").order_by("product_id")


def untrained_products(person: User) -> QuerySet[Product]:
    """Return the products that a person has no right for."""
    return Product.objects.exclude(rights__person=person).defer("profile").order_by("pk")


def holdings_of(person: User) -> Holdings:
    """Return what leaving would take away from a person now."""
    moment = now_ms()
    return Holdings(
        browsers=person.browsers.count(),
        tokens=person.tokens.filter(revoked_ms__isnull=True, expires_ms__gt=moment).count(),
        factors=Authenticator.objects.filter(user_id=person.pk).count(),
        rights=rights_of(person).filter(Q(end_ms__isnull=True) | Q(end_ms__gt=moment)).count(),
        sessions=ServiceSession.objects.filter(
            person=person, state__in=[state.value for state in OPEN]
        ).count(),
        cases=Case.objects.filter(taken_by=person, closed_ms=None).count(),
    )


def find_rights(user: User, *, product: str = "", until: str = "") -> QuerySet[ProductRight]:
    """Return the rights to products of the people that `user` may see.

    Args:
        product: one product's id.
        until: `soon` for rights that hold and end within 60 days, `ended` for those that ended.

    Raises:
        PermissionDenied: `user` may read no people.
    """
    check_permission(user, Permission.ACCOUNTS_PERSON_READ)
    rights = ProductRight.objects.all()
    if user.site:
        rights = rights.filter(person__organisation_id=user.site)
    if product:
        rights = rights.filter(product_id=product)
    moment = now_ms()
    if until == "soon":
        rights = rights.filter(end_ms__gt=moment, end_ms__lte=moment + _SOON_MS)
    elif until == "ended":
        rights = rights.filter(end_ms__lte=moment)
    rights = rights.select_related("person__organisation", "product")
    return rights.defer("product__profile").order_by("id")


def due_ms(person: User) -> int:
    """Return when a person's rights must have been reviewed, in Unix milliseconds."""
    return person.reviewed_ms + settings.CONFIG.sign_in.review_days * _DAY_MS


def people_to_review(user: User, *, due_only: bool = False) -> QuerySet[User]:
    """Return the open accounts whose rights `user` answers for; `due_only`: announced or late.

    Raises:
        PermissionDenied: `user` reviews nobody.
    """
    check_permission(user, Permission.ACCOUNTS_PERSON_REVIEW)
    people = visible_people(user).filter(is_active=True)
    if due_only:
        limits = settings.CONFIG.sign_in
        days = limits.review_days - limits.review_notice_days
        people = people.filter(reviewed_ms__lte=now_ms() - days * _DAY_MS)
    return people.order_by("id")


def review_rows(people: Iterable[User]) -> list[ReviewRow]:
    """Return people with their rights, last use and due dates: one query more than the people."""
    people = list(people)
    rights: dict[str, list[ProductRight]] = {person.pk: [] for person in people}
    found = ProductRight.objects.filter(person_id__in=list(rights)).order_by("product_id")
    for right in found.select_related("product").defer("product__profile"):
        rights[right.person_id].append(right)
    moment = now_ms()
    return [
        ReviewRow(
            person=person,
            state=state_of(person),
            rights=tuple(rights[person.pk]),
            used_ms=person.used_ms,
            due_ms=due_ms(person),
            overdue=due_ms(person) <= moment,
        )
        for person in people
    ]


def reviewers(site: str | None) -> QuerySet[User]:
    """Return who answers for the people of `site`; None: for the manufacturer's."""
    people = User.objects.filter(is_active=True).select_related("organisation")
    administrators = Q(role=Role.ADMINISTRATOR.value)
    if site is None:
        return people.filter(administrators)
    return people.filter(administrators | Q(role=Role.SITE_MANAGER.value, organisation_id=site))


def sites_of(people: Iterable[User]) -> set[str | None]:
    """Return the sites that these people belong to; None stands for the manufacturer."""
    kind = Organisation.Kind.SITE
    return {
        person.organisation_id if person.organisation.kind == kind else None for person in people
    }

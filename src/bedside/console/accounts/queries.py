"""Who people are and what they may do: every guarded door of this app is here."""

from collections.abc import Mapping
from http.cookies import SimpleCookie
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from bedside.audit.entry import Actor, ActorKind
from bedside.console.accounts.models import (
    ApiToken,
    Invitation,
    Organisation,
    SingleSignOn,
    SupportContact,
    User,
)
from bedside.console.accounts.second_factor import (
    meets_sign_in_rule,
    must_use_passkey,
    signed_in_as_the_rule_asks,
    signed_in_at_workstation,
)
from bedside.console.accounts.tokens import digest
from bedside.console.journal.actions import now_ms, person
from bedside.policy.rights import permissions
from bedside.protocol import support as protocol
from bedside.vocabulary import Permission, Role

__all__ = [
    "Acting",
    "access_person",
    "actor_of",
    "check_permission",
    "contacts_carried",
    "employer",
    "employing",
    "has_permission",
    "is_of_closed_account",
    "is_single_sign_on_offered",
    "lacks_a_factor",
    "open_invitation",
    "organisations",
    "organisations_named",
    "role_of",
    "scoped_permissions",
    "state_of",
    "support_contacts",
    "terminal",
    "token_of",
    "user_from_bearer",
    "user_from_cookies",
    "visible_people",
]

_USE_MS = 60_000
_MOST_BEARER = 200
_MOST_NAMED = 200

Acting = User | Actor
"""Who changes something: a signed-in person, or the console's own hand (a command, the worker)."""


def actor_of(acting: Acting) -> Actor:
    """Return the journal's actor for whoever acts."""
    return acting if isinstance(acting, Actor) else person(acting.pk, acting.name)


def terminal(login: str) -> Actor:
    """Return the actor for a command typed at the console's own machine by the account `login`."""
    return Actor(ActorKind.SYSTEM, "terminal", f"terminal ({login})"[:200])


def is_single_sign_on_offered() -> bool:
    """Return whether some organisation's people sign in at a provider of their own."""
    return SingleSignOn.objects.exists()


def role_of(user: User) -> Role | None:
    """Return the person's role; None where there is none, which may do nothing."""
    return Role(user.role) if user.role else None


def has_permission(user: User, permission: Permission) -> bool:
    """Whether the person may do this now, by role and by the scope of the token in use.

    An account that is closed may do nothing.
    """
    return user.is_active and permission in scoped_permissions(user)


def scoped_permissions(user: User) -> frozenset[Permission]:
    """Return what the person's role allows now, narrowed to the scope of the token in use."""
    allowed = permissions(role_of(user))
    return allowed if user.narrowed_to is None else allowed & user.narrowed_to


def check_permission(user: User, permission: Permission) -> None:
    """Raise PermissionDenied unless the person has `permission`."""
    if not has_permission(user, permission):
        raise PermissionDenied(permission)


def employer(user: User) -> str:
    """Return who employs the person: their own employer, else the organisation."""
    return user.employer or user.organisation.name


def state_of(user: User) -> str:
    """Return where an account stands: invited, active, closed or left."""
    if user.left_ms is not None:
        return "left"
    if user.is_active:
        return "active"
    return "invited" if user.activated_ms is None else "closed"


def open_invitation(code: str, *, at_ms: int) -> Invitation | None:
    """Return the invitation that this code opens at `at_ms`, None where there is none."""
    if not code or len(code) > 100:
        return None
    return (
        Invitation.objects.select_related("person__organisation")
        .filter(digest=digest(code), ended_ms__isnull=True, expires_ms__gt=at_ms)
        .first()
    )


def visible_people(user: User) -> QuerySet[User]:
    """Return the people that `user` may see: a site's own people see their colleagues only."""
    people = User.objects.select_related("organisation")
    if not has_permission(user, Permission.ACCOUNTS_PERSON_READ):
        return people.filter(pk=user.pk)
    return people.filter(organisation_id=user.site) if user.site else people


def access_person(user: User, person_id: str) -> User:
    """Return a person that `user` may see; one of another organisation is as unknown (Http404)."""
    found = visible_people(user).filter(pk=person_id).first()
    if found is None:
        raise Http404
    return found


def organisations(user: User) -> QuerySet[Organisation]:
    """Return the organisations that `user` may see."""
    everything = Organisation.objects.all()
    if not user.site:
        return everything
    return everything.filter(Q(pk=user.site) | Q(kind=Organisation.Kind.MANUFACTURER))


def employing(user: User) -> QuerySet[Organisation]:
    """Return the organisations whose people `user` may see: those of `visible_people`."""
    everything = Organisation.objects.all()
    return everything.filter(pk=user.site) if user.site else everything


def support_contacts(country: str = "") -> QuerySet[SupportContact]:
    """Return the manufacturer's support contacts: that of `country`, or all where it has none."""
    kind = Organisation.Kind.MANUFACTURER
    contacts = SupportContact.objects.filter(organisation__kind=kind)
    own = contacts.filter(country=country)
    return own if country and own.exists() else contacts


def contacts_carried(country: str) -> tuple[protocol.SupportContact, ...]:
    """Return whom a device in `country` carries: its country's contact, else the manufacturer's own."""
    rows = support_contacts().select_related("organisation")
    own = sorted(rows, key=lambda row: row.country != country)
    return tuple(
        protocol.SupportContact(
            country=row.country,
            name=row.name,
            telephone=row.telephone,
            email=row.email or None,
            hours=row.hours or None,
        )
        for row in own
        if row.country in (country, row.organisation.country)
    )[:1]


def organisations_named(text: str) -> list[str]:
    """Return the keys of the organisations that a filter means: this very key, or names with it."""
    found = Organisation.objects.filter(Q(pk=text) | Q(name__icontains=text)).order_by("name")
    return list(found.values_list("pk", flat=True)[:_MOST_NAMED])


def token_of(bearer: str, *, at_ms: int) -> ApiToken | None:
    """Return the token that a bearer text is, with its person, if it still holds at `at_ms`."""
    token = _held(bearer, at_ms)
    # A lock after wrong passwords is absent on purpose: a stranger sets it, with an address only.
    if token is None or not meets_sign_in_rule(token.person):
        return None
    if token.scope is not None:
        token.person.narrowed_to = frozenset(Permission) & frozenset(token.scope)
    _note_use(token, at_ms)
    return token


def lacks_a_factor(bearer: str, *, at_ms: int) -> bool:
    """Whether a bearer text is a token that holds, of somebody who lacks the passkey of their role."""
    token = _held(bearer, at_ms)
    return (
        token is not None
        and must_use_passkey(token.person)
        and not meets_sign_in_rule(token.person)
    )


def _held(bearer: str, at_ms: int) -> ApiToken | None:
    """Return the token that holds, of an account that is open, whatever its person signs in with."""
    if not bearer or len(bearer) > _MOST_BEARER:
        return None
    tokens = ApiToken.objects.select_related("person__organisation")
    return tokens.filter(
        digest=digest(bearer), expires_ms__gt=at_ms, revoked_ms=None, person__is_active=True
    ).first()


def is_of_closed_account(bearer: str) -> bool:
    """Whether a bearer text is a token, ended or not, of somebody whose account is closed."""
    if not bearer or len(bearer) > _MOST_BEARER:
        return False
    return ApiToken.objects.filter(digest=digest(bearer), person__is_active=False).exists()


def _note_use(token: ApiToken, at_ms: int) -> None:
    # Once a minute: a program that asks often costs no write each time.
    if at_ms - token.used_ms > _USE_MS:
        ApiToken.objects.filter(pk=token.pk).update(used_ms=at_ms)
        User.objects.filter(pk=token.person_id).update(used_ms=at_ms)


def user_from_bearer(bearer: str) -> User | None:
    """Return the person whose token this is, or None; rights are asked afresh at every call."""
    token = token_of(bearer, at_ms=now_ms())
    return token.person if token else None


def user_from_cookies(cookies: Mapping[str, str] | str) -> User | None:
    """Return the person signed in with these cookies, within the limits of a page, or None.

    For the `live` process, which runs without Django's middleware.
    """
    if isinstance(cookies, str):
        cookies = {name: morsel.value for name, morsel in SimpleCookie(cookies).items()}
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    if not isinstance(user, User) or not meets_sign_in_rule(user):
        return None
    if not signed_in_as_the_rule_asks(request, user):
        return None
    if not signed_in_at_workstation(request, user):
        return None
    limits, moment = settings.CONFIG.sign_in, now_ms()
    idle = moment - request.session.get("seen_ms", 0)
    age = moment - request.session.get("signed_in_ms", 0)
    if idle > limits.idle_minutes * 60_000 or age > limits.absolute_hours * 3_600_000:
        return None
    return user

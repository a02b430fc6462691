"""Every change to a person's account, each with its journal entry.

1. No account is activated or opened before a background check is attested (S48).
2. Nobody states their own rights, nor closes, opens or reviews their own account.
3. A role of the manufacturer is for the manufacturer's people, a role of a site for the site's.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing
from bedside.console.accounts.models import DeviceAuthorization, Organisation, User
from bedside.console.accounts.queries import Acting, actor_of, state_of
from bedside.console.accounts.standing import tell_standing_changed
from bedside.console.journal.actions import now_ms, record
from bedside.vocabulary import JournalAction, Level, Role

__all__ = [
    "PersonDetails",
    "check_not_oneself",
    "check_vetted",
    "do_change_person",
    "do_close_account",
    "do_create_person",
    "do_end_ways_in",
    "do_leave_account",
    "do_open_account",
    "do_review_person",
    "do_set_password",
    "do_unlock_person",
]

_SITE_ROLE = "site_"


@dataclass(frozen=True, kw_only=True)
class PersonDetails:
    """What an administrator states about a person."""

    name: str
    organisation: str
    role: Role | None = None
    level: Level | None = None
    country: str = ""
    employer: str = ""
    vetted_on: date | None = None
    patient_data: bool = False
    language: str = "en"


def do_create_person(
    email: str, details: PersonDetails, *, password: str | None, acting_user: Acting
) -> User:
    """Create a person's account and return it.

    With a password the account is active at once; without one it waits for its invitation. The
    e-mail address counts as attested by whoever creates the account.

    Raises:
        ValidationError: a value or the password is refused, or there is a password and no
            attested background check.
    """
    user = User(email=email.strip().lower(), is_active=password is not None)
    _apply(user, details, acting_user)
    if password is None:
        user.set_unusable_password()
    else:
        check_vetted(user)
        validate_password(password, user)
        user.set_password(password)
        user.activated_ms = now_ms()
    user.reviewed_by = _name(acting_user)
    user.full_clean()
    with transaction.atomic():
        user.save()
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        _record(JournalAction.ACCOUNT_PERSON_CREATED, user, acting_user)
    return user


def do_change_person(user: User, details: PersonDetails, *, acting_user: Acting) -> None:
    """Change what is stated about a person; what is stated again as it was is no change.

    What is open under a right that is gone ends.

    Raises:
        ValidationError: a value is refused, somebody changes their own rights, or the background
            check of an open account is withdrawn.
    """
    if _stated(user) == details:
        return
    if _rights(_stated(user)) != _rights(details):
        check_not_oneself(user, acting_user)
    _apply(user, details, acting_user)
    if user.is_active:
        check_vetted(user)
    user.full_clean()
    with transaction.atomic():
        user.save()
        _record(JournalAction.ACCOUNT_PERSON_CHANGED, user, acting_user)
        tell_standing_changed(user, acting_user=acting_user)


def do_close_account(user: User, *, reason: str, acting_user: Acting) -> bool:
    """Close an account, its tokens, its browsers and what it has open on devices.

    Return False where it was closed already.
    """
    check_not_oneself(user, acting_user)
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, is_active=True).update(is_active=False)
        user.is_active = False
        do_end_ways_in(user)
        if changed:
            _record(JournalAction.ACCOUNT_PERSON_CLOSED, user, acting_user, reason=reason)
        tell_standing_changed(user, acting_user=acting_user)
    return bool(changed)


def do_end_ways_in(user: User) -> None:
    """End every token, browser, invitation and waiting program of a person, within a transaction."""
    moment = now_ms()
    user.tokens.filter(revoked_ms__isnull=True).update(revoked_ms=moment)
    user.invitations.filter(ended_ms__isnull=True).update(ended_ms=moment)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in user.browsers.values_list("session_key", flat=True):
        store(key).delete()
    user.browsers.all().delete()
    # A program that was let in and has not fetched its token yet.
    DeviceAuthorization.objects.filter(person=user).delete()


def do_leave_account(user: User, *, acting_user: Acting) -> None:
    """Close the account of somebody who left: no way to sign in is kept, nor a role.

    What else a person has is ended by `people.actions.do_leave`, which calls this.
    """
    check_not_oneself(user, acting_user)
    with transaction.atomic():
        do_end_ways_in(user)
        Authenticator.objects.filter(user_id=user.pk).delete()
        SocialAccount.objects.filter(user_id=user.pk).delete()
        user.set_unusable_password()
        user.is_active, user.left_ms, user.patient_data = False, now_ms(), False
        user.save()
        _record(JournalAction.ACCOUNT_PERSON_LEFT, user, acting_user)
        tell_standing_changed(user, acting_user=acting_user)


def do_open_account(user: User, *, acting_user: Acting) -> None:
    """Open an account that was closed, and count its rights as reviewed.

    Raises:
        ValidationError: the person left, was never activated, or no background check is attested.
    """
    check_not_oneself(user, acting_user)
    check_vetted(user)
    if user.activated_ms is None or user.left_ms is not None:
        raise ValidationError(_("This account opens by an invitation only."), code="invitation")
    with transaction.atomic():
        user.is_active = True
        _mark_reviewed(user, acting_user)
        user.save()
        _record(JournalAction.ACCOUNT_PERSON_OPENED, user, acting_user)


def do_review_person(user: User, *, acting_user: Acting) -> None:
    """State that a person still needs these rights (ValidationError for oneself)."""
    check_not_oneself(user, acting_user)
    with transaction.atomic():
        _mark_reviewed(user, acting_user)
        user.save(update_fields=["reviewed_ms", "reviewed_by", "review_told_ms"])
        _record(JournalAction.ACCOUNT_PERSON_REVIEWED, user, acting_user)


def do_set_password(user: User, password: str, *, acting_user: Acting) -> None:
    """Give a person a password, end their tokens and unlock the account (ValidationError).

    An account that nobody signed in to yet is activated by it, as by its invitation.
    """
    validate_password(password, user)
    with transaction.atomic():
        if user.activated_ms is None:
            check_vetted(user)
            user.activated_ms, user.is_active = now_ms(), True
        user.set_password(password)
        user.failed_sign_ins = user.locked_until_ms = 0
        user.save()
        user.tokens.filter(revoked_ms__isnull=True).update(revoked_ms=now_ms())
        record(
            JournalAction.ACCOUNT_PASSWORD_CHANGED,
            actor=actor_of(acting_user),
            thing=Thing("person", user.pk),
            detail={"name": user.name},
        )


def do_unlock_person(user: User, *, acting_user: Acting) -> None:
    """Let somebody whose account locked itself sign in again."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(failed_sign_ins=0, locked_until_ms=0)
        record(
            JournalAction.ACCOUNT_LOGIN_UNLOCKED,
            actor=actor_of(acting_user),
            thing=Thing("person", user.pk),
            detail={"name": user.name},
        )


def check_vetted(user: User) -> None:
    """Raise ValidationError unless a background check of the person is attested (S48)."""
    if user.vetted_on is None:
        raise ValidationError(
            _("No background check is attested: the account cannot be active."), code="not_vetted"
        )


def check_not_oneself(user: User, acting: Acting) -> None:
    """Raise ValidationError where somebody decides about their own account."""
    if isinstance(acting, User) and acting.pk == user.pk:
        raise ValidationError(
            _("Nobody decides about their own rights: ask another administrator."), code="oneself"
        )


def _apply(user: User, details: PersonDetails, acting: Acting) -> None:
    if user.vetted_on != details.vetted_on:
        user.vetted_by = _name(acting) if details.vetted_on else ""
    user.name = details.name
    user.organisation_id = details.organisation
    user.role = "" if details.role is None else details.role.value
    user.level = details.level
    user.country = details.country
    user.employer = details.employer
    user.vetted_on = details.vetted_on
    user.patient_data = details.patient_data
    user.language = details.language
    _check_role(user)
    _check_vetting_day(user)


def _check_role(user: User) -> None:
    organisation = Organisation.objects.filter(pk=user.organisation_id).first()
    if organisation is None or not user.role:
        return
    of_site = organisation.kind == Organisation.Kind.SITE
    if user.role.startswith(_SITE_ROLE) != of_site:
        raise ValidationError(
            {"role": [ValidationError(_("This role is not for this organisation."), code="role")]}
        )


def _check_vetting_day(user: User) -> None:
    # A day ahead is allowed for whoever is ahead of UTC.
    today = datetime.fromtimestamp(now_ms() / 1000 + 86_400, UTC).date()
    if user.vetted_on is not None and not date(1970, 1, 1) <= user.vetted_on <= today:
        wrong = ValidationError(_("This day is not in the past."), code="vetted_on")
        raise ValidationError({"vetted_on": [wrong]})


def _stated(user: User) -> PersonDetails:
    return PersonDetails(
        name=user.name,
        organisation=user.organisation_id,
        role=Role(user.role) if user.role else None,
        level=Level(user.level) if user.level else None,
        country=user.country,
        employer=user.employer,
        vetted_on=user.vetted_on,
        patient_data=user.patient_data,
        language=user.language,
    )


def _rights(details: PersonDetails) -> tuple[object, ...]:
    return (
        details.organisation,
        details.role,
        details.level,
        details.country,
        details.vetted_on,
        details.patient_data,
    )


def _mark_reviewed(user: User, acting: Acting) -> None:
    user.reviewed_ms, user.reviewed_by, user.review_told_ms = now_ms(), _name(acting), 0


def _name(acting: Acting) -> str:
    return acting.name[:120]


def _record(action: JournalAction, user: User, acting_user: Acting, *, reason: str = "") -> None:
    record(
        action,
        actor=actor_of(acting_user),
        thing=Thing("person", user.pk),
        detail={
            "name": user.name,
            "organisation": user.organisation_id,
            "employer": user.employer,
            "role": user.role,
            "level": user.level or 0,
            "country": user.country,
            "patient_data": user.patient_data,
            "vetted_on": str(user.vetted_on or ""),
            "vetted_by": user.vetted_by,
            "state": state_of(user),
            "reason": reason,
        },
    )

"""Every change to organisations, people and sign-ins, each with its journal entry."""

from dataclasses import dataclass
from datetime import date

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from bedside.audit.entry import SYSTEM, Thing
from bedside.console.accounts.models import ApiToken, Organisation, User
from bedside.console.accounts.queries import Acting, actor_of
from bedside.console.accounts.standing import tell_standing_changed
from bedside.console.journal.actions import now_ms, person, record
from bedside.vocabulary import Gate, JournalAction, Level, Outcome, Role

__all__ = [
    "PersonDetails",
    "do_change_person",
    "do_create_person",
    "do_note_failed_sign_in",
    "do_note_password_change",
    "do_note_second_factor",
    "do_note_sign_in",
    "do_note_sign_out",
    "do_save_organisation",
    "do_set_password",
    "do_unlock_person",
]


@dataclass(frozen=True, kw_only=True)
class PersonDetails:
    """What an administrator states about a person."""

    name: str
    organisation: str
    role: Role | None = None
    level: Level | None = None
    country: str = ""
    vetted_on: date | None = None
    language: str = "en"
    is_active: bool = True


def do_save_organisation(organisation: Organisation, *, acting_user: Acting) -> None:
    """Create or change an organisation; it is validated first (ValidationError)."""
    organisation.full_clean(validate_unique=False)
    with transaction.atomic():
        before = Organisation.objects.filter(pk=organisation.pk).values().first()
        organisation.save()
        if before == Organisation.objects.filter(pk=organisation.pk).values().first():
            return
        record(
            JournalAction.ACCOUNT_ORGANISATION_CHANGED,
            actor=actor_of(acting_user),
            thing=Thing("organisation", organisation.key),
            detail={
                "name": organisation.name,
                "kind": organisation.kind,
                "country": organisation.country,
            },
        )


def do_create_person(
    email: str, details: PersonDetails, *, password: str | None, acting_user: Acting
) -> User:
    """Create a person's account and return it.

    Without a password nobody can sign in to it yet. The e-mail address counts as attested by
    whoever creates the account.

    Raises:
        ValidationError: a value or the password is refused.
    """
    user = User(email=email.strip().lower())
    _apply(user, details)
    if password is None:
        user.set_unusable_password()
    else:
        validate_password(password, user)
        user.set_password(password)
    user.full_clean()
    with transaction.atomic():
        user.save()
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        _record_person(JournalAction.ACCOUNT_PERSON_CREATED, user, acting_user)
    return user


def do_change_person(user: User, details: PersonDetails, *, acting_user: Acting) -> None:
    """Change what is stated about a person.

    An account that is closed loses its tokens; what is open under a right that is gone ends.
    """
    if _stated(user) == details:
        return
    _apply(user, details)
    user.full_clean()
    with transaction.atomic():
        user.save()
        if not user.is_active:
            user.tokens.filter(revoked_ms__isnull=True).update(revoked_ms=now_ms())
        _record_person(JournalAction.ACCOUNT_PERSON_CHANGED, user, acting_user)
        tell_standing_changed(user, acting_user=acting_user)


def do_set_password(user: User, password: str, *, acting_user: Acting) -> None:
    """Give a person a password, end their tokens and unlock the account (ValidationError)."""
    validate_password(password, user)
    with transaction.atomic():
        user.set_password(password)
        user.failed_sign_ins = user.locked_until_ms = 0
        user.save()
        user.tokens.filter(revoked_ms__isnull=True).update(revoked_ms=now_ms())
        record(
            JournalAction.ACCOUNT_PASSWORD_CHANGED,
            actor=actor_of(acting_user),
            thing=_thing(user),
            detail={"name": user.name},
        )


def do_unlock_person(user: User, *, acting_user: Acting) -> None:
    """Let somebody whose account locked itself sign in again."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(failed_sign_ins=0, locked_until_ms=0)
        record(
            JournalAction.ACCOUNT_LOGIN_UNLOCKED,
            actor=actor_of(acting_user),
            thing=_thing(user),
            detail={"name": user.name},
        )


def do_note_sign_in(user: User, *, address: str) -> None:
    """Record a completed sign-in; only now are earlier wrong attempts forgotten."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(failed_sign_ins=0, locked_until_ms=0)
        record(
            JournalAction.ACCOUNT_LOGIN_SUCCEEDED,
            actor=actor_of(user),
            thing=_thing(user),
            detail={"address": address},
        )


def do_note_sign_out(user: User, *, address: str) -> None:
    """Record that a person signed out, or was signed out for idleness."""
    with transaction.atomic():
        record(
            JournalAction.ACCOUNT_LOGOUT_DONE,
            actor=actor_of(user),
            thing=_thing(user),
            detail={"address": address},
        )


def do_note_failed_sign_in(user: User | None, *, address: str, method: str) -> None:
    """Count a wrong password or code; enough of them in a row lock the account for a while.

    What was typed for an unknown account is not recorded: it may be a password.
    """
    limits, moment = settings.CONFIG.sign_in, now_ms()
    with transaction.atomic():
        record(
            JournalAction.ACCOUNT_LOGIN_FAILED,
            actor=SYSTEM if user is None else person(user.pk, user.name),
            thing=Thing("account", "unknown") if user is None else _thing(user),
            outcome=Outcome.REFUSED,
            gate=Gate.ACCOUNT,
            detail={"address": address, "method": method},
        )
        if user is None:
            return
        current = User.objects.select_for_update().get(pk=user.pk)
        # While locked, further attempts do not extend the lock: that would lock a person out for ever.
        if current.locked_until_ms > moment:
            return
        failures = current.failed_sign_ins + 1
        locked = failures >= limits.failures
        User.objects.filter(pk=user.pk).update(
            failed_sign_ins=0 if locked else failures,
            locked_until_ms=moment + limits.lock_minutes * 60_000 if locked else 0,
        )
        if locked:
            record(
                JournalAction.ACCOUNT_LOGIN_LOCKED,
                actor=SYSTEM,
                thing=_thing(user),
                outcome=Outcome.REFUSED,
                gate=Gate.ACCOUNT,
                detail={"attempts": failures, "until_ms": moment + limits.lock_minutes * 60_000},
            )


def do_note_second_factor(user: User, *, method: str, change: str) -> None:
    """Record that a person added, removed or renewed a second factor."""
    with transaction.atomic():
        record(
            JournalAction.ACCOUNT_SECOND_FACTOR_CHANGED,
            actor=actor_of(user),
            thing=_thing(user),
            detail={"method": method, "change": change},
        )


def do_note_password_change(user: User) -> None:
    """Record that a person changed the password, and end the tokens made before."""
    with transaction.atomic():
        ApiToken.objects.filter(person=user, revoked_ms__isnull=True).update(revoked_ms=now_ms())
        record(JournalAction.ACCOUNT_PASSWORD_CHANGED, actor=actor_of(user), thing=_thing(user))


def _apply(user: User, details: PersonDetails) -> None:
    user.name = details.name
    user.organisation_id = details.organisation
    user.role = "" if details.role is None else details.role.value
    user.level = details.level
    user.country = details.country
    user.vetted_on = details.vetted_on
    user.language = details.language
    user.is_active = details.is_active


def _stated(user: User) -> PersonDetails:
    return PersonDetails(
        name=user.name,
        organisation=user.organisation_id,
        role=Role(user.role) if user.role else None,
        level=Level(user.level) if user.level else None,
        country=user.country,
        vetted_on=user.vetted_on,
        language=user.language,
        is_active=user.is_active,
    )


def _record_person(action: JournalAction, user: User, acting_user: Acting) -> None:
    record(
        action,
        actor=actor_of(acting_user),
        thing=_thing(user),
        detail={
            "name": user.name,
            "organisation": user.organisation_id,
            "role": user.role,
            "level": user.level or 0,
            "country": user.country,
            "state": "active" if user.is_active else "closed",
        },
    )


def _thing(user: User) -> Thing:
    return Thing("person", user.pk)

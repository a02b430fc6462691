"""What happens at sign-in, written down: done, failed, locked, factors and passwords changed."""

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction

from bedside.audit.entry import SYSTEM, Thing
from bedside.console.accounts.models import ApiToken, BrowserSession, User
from bedside.console.accounts.queries import actor_of
from bedside.console.journal.actions import now_ms, person, record
from bedside.vocabulary import Gate, JournalAction, Outcome

__all__ = [
    "do_end_all_sign_ins",
    "do_note_failed_sign_in",
    "do_note_password_change",
    "do_note_second_factor",
    "do_note_sign_in",
    "do_note_sign_out",
]


def do_end_all_sign_ins() -> int:
    """End every browser's sign-in and every token, of programs too; return how many there were."""
    ended = Session.objects.all().delete()[0]
    BrowserSession.objects.all().delete()
    tokens = ApiToken.objects.filter(revoked_ms=None, expires_ms__gt=now_ms())
    return ended + tokens.update(revoked_ms=now_ms())


def do_note_sign_in(user: User, *, address: str) -> None:
    """Record a completed sign-in; only now are earlier wrong attempts forgotten."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(
            failed_sign_ins=0, locked_until_ms=0, used_ms=now_ms()
        )
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


def _thing(user: User) -> Thing:
    return Thing("person", user.pk)

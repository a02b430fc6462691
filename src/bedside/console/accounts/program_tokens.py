"""Tokens that a person makes for programs of their own: a name, a scope, an end, shown once.

What one may do at a call is its scope and its maker's rights of that moment, whichever is less.
"""

from collections.abc import Collection

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing
from bedside.console.accounts.models import ApiToken, User
from bedside.console.accounts.queries import actor_of, scoped_permissions
from bedside.console.accounts.tokens import digest, new_token
from bedside.console.journal.actions import now_ms, record
from bedside.vocabulary import JournalAction, Permission

__all__ = ["access_token", "do_make_token", "tokens_of"]

_DAY_MS = 86_400_000
_MOST = 50


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """Return the tokens of a person that still hold, newest first."""
    return user.tokens.filter(revoked_ms__isnull=True, expires_ms__gt=now_ms()).order_by("-id")


def access_token(user: User, token_id: str) -> ApiToken:
    """Return a token of this person that still holds; anybody else's is as unknown (Http404)."""
    found = tokens_of(user).filter(pk=token_id).first()
    if found is None:
        raise Http404
    return found


def do_make_token(
    user: User, name: str, *, scope: Collection[Permission], days: int
) -> tuple[ApiToken, str]:
    """Make a token for a program of this person; return it and its secret, which is not kept.

    Raises:
        ValidationError: no scope or one that the person has not, a life over the limit, too many
            tokens, or a name that cannot be printed.
    """
    _check(user, scope, days)
    secret, moment = new_token("bdt"), now_ms()
    token = ApiToken(
        person=user,
        digest=digest(secret),
        client=name.strip(),
        scope=sorted(scope),
        created_ms=moment,
        expires_ms=moment + days * _DAY_MS,
    )
    token.full_clean(exclude=["revoked_ms"])
    with transaction.atomic():
        token.save()
        record(
            JournalAction.ACCOUNT_TOKEN_ISSUED,
            actor=actor_of(user),
            thing=Thing("token", token.pk),
            detail={
                "name": token.client,
                "scope": " ".join(sorted(scope)),
                "expires_ms": token.expires_ms,
            },
        )
    return token, secret


def _check(user: User, scope: Collection[Permission], days: int) -> None:
    longest = settings.CONFIG.sign_in.program_token_days
    if not scope or not set(scope) <= scoped_permissions(user):
        raise ValidationError(
            {"scope": [ValidationError(_("Choose among what you may do yourself."), code="scope")]}
        )
    if not 1 <= days <= longest:
        wrong = ValidationError(
            _("A token lives at most %(days)d days."), code="days", params={"days": longest}
        )
        raise ValidationError({"days": [wrong]})
    if tokens_of(user).count() >= _MOST:
        raise ValidationError(_("You have too many tokens: revoke some."), code="too_many")

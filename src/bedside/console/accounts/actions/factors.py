"""Taking a person's second factors away, and the link by which they make new ones.

1. A passkey and a telephone that are lost are lost to somebody: everything that they opened ends.
2. Until the link is used, the password makes no new second factor; without the password, the link
   opens nothing. Neither the mailbox nor the password alone is a way in.
3. The link is used by making the first new second factor, and is the newest one only.
"""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing, short
from bedside.console.accounts.actions.people import check_not_oneself, do_end_ways_in
from bedside.console.accounts.mail import do_send_letter
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import Acting, actor_of, state_of
from bedside.console.accounts.standing import tell_standing_changed
from bedside.console.accounts.tokens import digest, new_token
from bedside.console.journal.actions import now_ms, record
from bedside.vocabulary import JournalAction

__all__ = ["do_reset_factors", "do_use_factor_link"]

_HOUR_MS = 3_600_000
_MAX_REASON = 200


def do_reset_factors(user: User, *, reason: str, acting_user: Acting) -> None:
    """Take every passkey, app and recovery code of a person, and send the link to make new ones.

    Browsers, tokens and what is open on devices end at once. Done again, it sends a new link, and
    the one before opens nothing.

    Raises:
        ValidationError: there is no reason, the account is not open, or it is one's own.
    """
    check_not_oneself(user, acting_user)
    if not reason.strip():
        raise ValidationError(_("Say why: the person and the journal read it."), code="reason")
    if state_of(user) != "active":
        raise ValidationError(
            _("This account is not open: open it, or send an invitation, first."), code="state"
        )
    code, moment = new_token("bdf"), now_ms()
    with transaction.atomic():
        do_end_ways_in(user)
        _total, removed = Authenticator.objects.filter(user_id=user.pk).delete()
        user.factor_link = digest(code)
        user.factor_link_ms = moment + settings.CONFIG.sign_in.factor_link_hours * _HOUR_MS
        user.save(update_fields=["factor_link", "factor_link_ms"])
        record(
            JournalAction.ACCOUNT_FACTORS_RESET,
            actor=actor_of(acting_user),
            thing=Thing("person", user.pk),
            detail={
                "name": user.name,
                "count": removed.get(Authenticator._meta.label, 0),
                "expires_ms": user.factor_link_ms,
                "reason": short(reason.strip(), _MAX_REASON),
            },
        )
        tell_standing_changed(user, acting_user=acting_user)
        _tell(user, code, reason.strip(), acting_user)


def do_use_factor_link(user: User) -> None:
    """Note that a new second factor was made: the link, if one was out, is used up."""
    User.objects.filter(pk=user.pk).exclude(factor_link="").update(factor_link="", factor_link_ms=0)


def _tell(user: User, code: str, reason: str, acting_user: Acting) -> None:
    page = settings.CONFIG.public_url.rstrip("/") + reverse("new_factors")
    facts = {
        "person": user,
        "by": acting_user.name,
        "reason": reason,
        "link": f"{page}#{code}",
        "hours": settings.CONFIG.sign_in.factor_link_hours,
    }
    do_send_letter(user.email, "factors_reset", facts, language=user.language)

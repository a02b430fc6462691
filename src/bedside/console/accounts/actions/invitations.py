"""Inviting a person: one link by e-mail, used once, gone after some days.

The code stands behind the `#` of the link, which a browser sends to nobody: it is in no log and in
no Referer, and a mail scanner that opens the link uses nothing up.
"""

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing
from bedside.console.accounts.actions.people import PersonDetails, check_vetted, do_create_person
from bedside.console.accounts.mail import do_send_letter
from bedside.console.accounts.models import Invitation, User
from bedside.console.accounts.queries import Acting, actor_of, open_invitation
from bedside.console.accounts.tokens import digest, new_token
from bedside.console.journal.actions import now_ms, record
from bedside.vocabulary import JournalAction

__all__ = ["InvitationGoneError", "do_accept_invitation", "do_invite", "do_send_invitation"]

_DAY_MS = 86_400_000


class InvitationGoneError(ValueError):
    """The code is unknown, was used, was taken back or has expired: the answer is the same."""


def do_invite(email: str, details: PersonDetails, *, acting_user: Acting) -> User:
    """Create an account that waits for its person, and send the invitation if they are vetted.

    Raises:
        ValidationError: a value is refused, or the address has an account.
    """
    with transaction.atomic():
        user = do_create_person(email, details, password=None, acting_user=acting_user)
        if user.vetted_on is not None:
            do_send_invitation(user, acting_user=acting_user)
    return user


def do_send_invitation(user: User, *, acting_user: Acting) -> None:
    """Send an invitation; those sent before end.

    Raises:
        ValidationError: no background check is attested, or the person has an account in use.
    """
    check_vetted(user)
    if user.activated_ms is not None and user.left_ms is None:
        raise ValidationError(_("This person has an account already."), code="activated")
    code, moment = new_token("bdi"), now_ms()
    days = settings.CONFIG.sign_in.invitation_days
    with transaction.atomic():
        user.invitations.filter(ended_ms__isnull=True).update(ended_ms=moment)
        invitation = Invitation.objects.create(
            person=user,
            digest=digest(code),
            invited_by=acting_user.name[:120],
            created_ms=moment,
            expires_ms=moment + days * _DAY_MS,
        )
        record(
            JournalAction.ACCOUNT_INVITATION_SENT,
            actor=actor_of(acting_user),
            thing=Thing("person", user.pk),
            detail={
                "name": user.name,
                "email": user.email,
                "expires_ms": invitation.expires_ms,
            },
        )
        page = settings.CONFIG.public_url.rstrip("/") + reverse("invitation")
        facts = {
            "person": user,
            "inviter": acting_user.name,
            "manufacturer": settings.CONFIG.manufacturer,
            "link": f"{page}#{code}",
            "days": days,
        }
        do_send_letter(user.email, "invitation", facts, language=user.language)


def do_accept_invitation(code: str, password: str) -> User:
    """Activate the account that `code` invites to, with its first password.

    Raises:
        InvitationGoneError: the code is no open invitation.
        ValidationError: the password is refused, or the background check was withdrawn.
    """
    moment = now_ms()
    with transaction.atomic():
        invitation = open_invitation(code, at_ms=moment)
        if invitation is None:
            raise InvitationGoneError
        user = invitation.person
        check_vetted(user)
        validate_password(password, user)
        # Two that come at once: one of them finds it ended.
        if not Invitation.objects.filter(pk=invitation.pk, ended_ms__isnull=True).update(
            ended_ms=moment
        ):
            raise InvitationGoneError
        user.set_password(password)
        user.is_active, user.activated_ms, user.left_ms = True, moment, None
        user.reviewed_ms, user.review_told_ms = moment, 0
        # The invitation was a link to this person's address itself.
        user.factor_link, user.factor_link_ms = "", 0
        user.save()
        record(
            JournalAction.ACCOUNT_INVITATION_ACCEPTED,
            actor=actor_of(user),
            thing=Thing("person", user.pk),
            detail={"name": user.name},
        )
    return user

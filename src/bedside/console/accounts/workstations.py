"""Enrolled workstations (S49): a passkey that cannot leave its computer, vouched for by somebody.

1. Only a passkey whose authenticator states that it is not backed up anywhere can be enrolled.
2. Somebody else enrols it, who knows the computer: nobody enrols their own.
3. A sign-in from elsewhere is refused by the gate `workstation`, and journalled once.

The passkey may live in a security key that is carried about; whoever enrols it sees to that.
"""

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing, short
from bedside.console.accounts.actions.people import check_not_oneself
from bedside.console.accounts.models import User, Workstation
from bedside.console.accounts.queries import Acting, actor_of
from bedside.console.accounts.second_factor import stays_on_its_device
from bedside.console.journal.actions import record
from bedside.vocabulary import Gate, JournalAction, Outcome

__all__ = [
    "access_passkey",
    "do_enrol_workstation",
    "do_note_elsewhere",
    "do_remove_workstation",
    "passkeys_with_workstations",
]


def passkeys_with_workstations(
    person: User,
) -> list[tuple[Authenticator, Workstation | None, bool]]:
    """Return each passkey, its workstation, and whether it could be one."""
    rows = Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.WEBAUTHN)
    return [
        (row, getattr(row, "workstation", None), stays_on_its_device(row))
        for row in rows.select_related("workstation").order_by("id")
    ]


def access_passkey(person: User, passkey_id: int) -> Authenticator:
    """Return a passkey of this person; anybody else's is as unknown (Http404)."""
    passkey = Authenticator.objects.filter(
        pk=passkey_id, user_id=person.pk, type=Authenticator.Type.WEBAUTHN
    ).first()
    if passkey is None:
        raise Http404
    return passkey


def do_enrol_workstation(passkey: Authenticator, *, acting_user: Acting) -> None:
    """Let the computer of this passkey be a workstation from which its person signs in.

    Raises:
        ValidationError: the passkey may be copied to other devices, or is one's own.
    """
    person = passkey.user
    check_not_oneself(person, acting_user)
    if not stays_on_its_device(passkey):
        raise ValidationError(
            _("This passkey is copied between devices: it does not prove a workstation."),
            code="synced",
        )
    with transaction.atomic():
        name = short(passkey.wrap().name, 64)
        row, new = Workstation.objects.get_or_create(
            passkey=passkey, defaults={"name": name, "enrolled_by": acting_user.name[:120]}
        )
        if new:
            _record(person, row, "enrolled", acting_user)


def do_remove_workstation(passkey: Authenticator, *, acting_user: Acting) -> None:
    """Take a workstation away; whoever is signed in there is refused from the next page on."""
    with transaction.atomic():
        row = Workstation.objects.filter(passkey=passkey).first()
        if row is not None:
            row.delete()
            _record(passkey.user, row, "removed", acting_user)


def do_note_elsewhere(user: User, *, address: str) -> None:
    """Record that a person came from a computer that is not enrolled."""
    with transaction.atomic():
        record(
            JournalAction.ACCOUNT_LOGIN_FAILED,
            actor=actor_of(user),
            thing=Thing("person", user.pk),
            outcome=Outcome.REFUSED,
            gate=Gate.WORKSTATION,
            detail={"address": address, "method": "workstation"},
        )


def _record(person: User, row: Workstation, change: str, acting_user: Acting) -> None:
    record(
        JournalAction.ACCOUNT_WORKSTATION_CHANGED,
        actor=actor_of(acting_user),
        thing=Thing("person", person.pk),
        detail={"name": person.name, "host": row.name, "change": change},
    )

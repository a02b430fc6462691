"""Acts on people that reach over accounts, rights and sessions: each is one transaction."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bedside.console.access.actions import do_end_product_rights
from bedside.console.accounts import actions as accounts
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import Acting, contacts_carried
from bedside.console.devices.actions import do_note_outdated
from bedside.console.service_sessions.actions import do_void_approvals
from bedside.protocol.support import SupportContact

__all__ = ["do_close_person", "do_leave", "do_reset_factors", "do_save_organisation"]


def do_close_person(user: User, *, reason: str, acting_user: Acting) -> bool:
    """Close an account: browsers, tokens and what is open on devices end at once.

    Rights, passkeys and the app stay, for the day on which the account is opened again. Return
    False where it was closed already.

    Raises:
        ValidationError: somebody closes their own account.
    """
    with transaction.atomic():
        closed = accounts.do_close_account(user, reason=reason, acting_user=acting_user)
        do_void_approvals(user, acting_user=acting_user)
    return closed


def do_reset_factors(user: User, *, reason: str, acting_user: Acting) -> None:
    """Take a person's second factors away: what they opened ends, what they approved is void.

    The person is sent the link to make new ones, which the password alone does not.

    Raises:
        ValidationError: there is no reason, the account is not open, or it is one's own.
    """
    with transaction.atomic():
        accounts.do_reset_factors(user, reason=reason, acting_user=acting_user)
        do_void_approvals(user, acting_user=acting_user)


def do_leave(user: User, *, acting_user: Acting) -> None:
    """Take everything from somebody who left, in one act.

    The account is closed; browsers, tokens, invitations, password, passkeys, the app and recovery
    codes, rights to products and to patient data end; so does what is open on devices.

    Raises:
        ValidationError: somebody does it to themselves.
    """
    with transaction.atomic():
        accounts.do_leave_account(user, acting_user=acting_user)
        do_end_product_rights(user, acting_user=acting_user)
        do_void_approvals(user, acting_user=acting_user)


def do_save_organisation(
    organisation: Organisation,
    contacts: Collection[accounts.ContactDetails] | None,
    *,
    acting_user: Acting,
) -> None:
    """Create or change an organisation together with its support contacts (None: they stay).

    Devices whose configuration holds any of it are told.

    Raises:
        ValidationError: a value is refused, or a country is named twice.
    """
    if contacts and len({contact.country for contact in contacts}) < len(contacts):
        raise ValidationError(_("A country is named twice among the contacts."), code="country")
    with transaction.atomic():
        before, carried = _told(organisation), _carried()
        accounts.do_save_organisation(organisation, acting_user=acting_user)
        if contacts is not None:
            accounts.do_save_contacts(organisation, contacts, acting_user=acting_user)
        if before and before != _told(organisation):
            do_note_outdated(Q(site=organisation))
        now = _carried()
        others = [country for country, told in now.items() if carried.get(country, told) != told]
        if others:
            do_note_outdated(Q(site__country__in=others))


def _told(organisation: Organisation) -> tuple[str, ...] | None:
    """Return what devices of this site are told of it, as it stands in the database."""
    rows = Organisation.objects.filter(pk=organisation.pk)
    return rows.values_list("name", "language", "timezone", "country").first()


def _carried() -> dict[str, tuple[SupportContact, ...]]:
    """Return the contacts that devices carry, for each country with a site."""
    sites = Organisation.objects.filter(kind=Organisation.Kind.SITE).order_by("country")
    countries = sites.values_list("country", flat=True).distinct()
    return {country: contacts_carried(country) for country in countries}

"""Changes to organisations and their support contacts, each with its journal entry."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing
from bedside.console.accounts.models import Organisation, SingleSignOn, SupportContact, User
from bedside.console.accounts.queries import Acting, actor_of
from bedside.console.accounts.second_factor import seal_secret
from bedside.console.accounts.texts import check_domain
from bedside.console.journal.actions import record
from bedside.vocabulary import JournalAction

__all__ = [
    "ContactDetails",
    "do_end_single_sign_on",
    "do_save_contacts",
    "do_save_organisation",
    "do_save_single_sign_on",
]


@dataclass(frozen=True, kw_only=True)
class ContactDetails:
    """Whom a country calls for support."""

    country: str
    name: str
    telephone: str
    email: str = ""
    hours: str = ""


def do_save_organisation(organisation: Organisation, *, acting_user: Acting) -> None:
    """Create or change an organisation; it is validated first (ValidationError)."""
    organisation.full_clean(validate_unique=False)
    if Organisation.objects.filter(name=organisation.name).exclude(pk=organisation.pk).exists():
        taken = ValidationError(_("Another organisation has this name."), code="unique")
        raise ValidationError({"name": [taken]})
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
                "method": " ".join(organisation.passkey_roles),
            },
        )


def do_save_contacts(
    organisation: Organisation, contacts: Iterable[ContactDetails], *, acting_user: Acting
) -> None:
    """Make these the support contacts of an organisation, one for each country.

    Raises:
        ValidationError: a value is refused, or a country is named twice.
    """
    with transaction.atomic():
        known = {contact.country: contact for contact in organisation.contacts.all()}
        for details in contacts:
            row = known.pop(details.country, None) or SupportContact(organisation=organisation)
            if all(getattr(row, name) == value for name, value in asdict(details).items()):
                continue
            for name, value in asdict(details).items():
                setattr(row, name, value)
            row.full_clean()
            row.save()
            _record(row, "saved", acting_user)
        for row in known.values():
            row.delete()
            _record(row, "removed", acting_user)


def do_save_single_sign_on(row: SingleSignOn, *, secret: str, acting_user: Acting) -> None:
    """Let an organisation's people sign in by its own provider; an empty `secret` keeps the old one.

    Raises:
        ValidationError: a value is refused, or another organisation has one of the domains, or
            people with addresses of it: they would be sent to a provider that is not theirs.
    """
    for domain in row.domains:
        _check_domain(domain)
        strangers = User.objects.filter(email__iendswith=f"@{domain}", left_ms__isnull=True)
        if strangers.exclude(organisation_id=row.organisation_id).exists():
            text = _("People of another organisation have addresses of %(domain)s.")
            theirs = ValidationError(text, code="domain", params={"domain": domain})
            raise ValidationError({"domains": [theirs]})
    if secret:
        row.client_secret = seal_secret(secret)
    row.full_clean(validate_unique=False)
    for other in SingleSignOn.objects.exclude(pk=row.pk):
        if set(other.domains) & set(row.domains):
            taken = ValidationError(_("Another organisation has this domain."), code="unique")
            raise ValidationError({"domains": [taken]})
    with transaction.atomic():
        row.save()
        _record_sign_on(row.organisation_id, row.server_url, acting_user)


def do_end_single_sign_on(row: SingleSignOn, *, acting_user: Acting) -> None:
    """End an organisation's single sign-on; whom its provider named is forgotten."""
    with transaction.atomic():
        SocialAccount.objects.filter(provider=row.pk).delete()
        organisation = row.organisation_id
        row.delete()
        _record_sign_on(organisation, "", acting_user)


def _check_domain(domain: str) -> None:
    try:
        check_domain(domain)
    except ValidationError as error:
        raise ValidationError({"domains": error.error_list}) from error


def _record_sign_on(organisation: str, server: str, acting_user: Acting) -> None:
    record(
        JournalAction.ACCOUNT_SIGN_ON_CHANGED,
        actor=actor_of(acting_user),
        thing=Thing("organisation", organisation),
        detail={"host": server, "change": "saved" if server else "removed"},
    )


def _record(row: SupportContact, change: str, acting_user: Acting) -> None:
    record(
        JournalAction.ACCOUNT_CONTACT_CHANGED,
        actor=actor_of(acting_user),
        thing=Thing("organisation", row.organisation_id),
        detail={"country": row.country, "name": row.name, "change": change},
    )

"""What people may type into an account: text that can be printed, countries, telephone numbers."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bedside.console.rest.countries import COUNTRIES

__all__ = ["check_country", "check_domain", "check_provider", "check_telephone", "check_text"]

_COUNTRY = re.compile(r"[A-Z]{2}")
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})+")
_TELEPHONE = re.compile(r"\+?[0-9][0-9 ().-]{4,37}(?: ?(?:x|ext\.?|poste) ?[0-9]{1,6})?")


def check_text(text: str) -> None:
    """Raise ValidationError for text with characters that cannot be printed.

    Control characters, and those that turn the direction of writing, would let one name look like
    another on a page, a panel or in the journal.
    """
    if not text.isprintable():
        raise ValidationError(
            _("This holds characters that cannot be printed: type it anew."), code="unprintable"
        )


def check_country(code: str) -> None:
    """Raise ValidationError for anything but the two capital letters of a country (ISO 3166-1)."""
    if not _COUNTRY.fullmatch(code):
        raise ValidationError(
            _("A country is two capital letters, such as CA."), code="not_a_country"
        )
    if code not in COUNTRIES:
        raise ValidationError(
            _("No country has the code %(code)s (ISO 3166). CA and US, for example, are codes."),
            code="no_country",
            params={"code": code},
        )


def check_domain(domain: str) -> None:
    """Raise ValidationError for what is no domain of e-mail addresses in small letters."""
    if not _DOMAIN.fullmatch(domain):
        raise ValidationError(_("A domain is like hospital.example."), code="domain")


def check_provider(url: str) -> None:
    """Raise ValidationError for a provider that is not reached over HTTPS.

    Plain HTTP is for a provider on this machine, and for a console that is itself on this machine.
    """
    parts = urlsplit(url)
    here = parts.hostname in ("localhost", "127.0.0.1") and not settings.CONFIG.secure
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise ValidationError(_("A provider is reached over https."), code="not_https")


def check_telephone(number: str) -> None:
    """Raise ValidationError for what nobody could dial."""
    if not _TELEPHONE.fullmatch(number):
        raise ValidationError(
            _("This is not a telephone number, such as +1 514 555 0199."), code="not_a_telephone"
        )

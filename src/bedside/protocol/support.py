"""Whom a device's people call: the manufacturer's support contact, as the device carries it (S55).

2.14 A configuration names at most two support contacts, the first one for the site's own country.
"""

import re
from dataclasses import dataclass

from bedside.protocol.codec import Fields, Wire

__all__ = ["SupportContact", "read_contacts"]

_MOST = 2
_COUNTRY = re.compile(r"[A-Z]{2}")
_TELEPHONE = re.compile(r"\+?[0-9][0-9 ().-]{4,37}(?: ?(?:x|ext\.?|poste) ?[0-9]{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportContact(Wire):
    """A support centre; `country` is whose people call it, `hours` when somebody answers."""

    country: str
    name: str
    telephone: str
    email: str | None
    hours: str | None

    @classmethod
    def from_fields(cls, fields: Fields) -> "SupportContact":
        """Read a support contact; raises ProtocolError."""
        contact = cls(
            country=fields.text("country", max=2, pattern=_COUNTRY),
            name=fields.text("name", max=120),
            telephone=fields.text("telephone", max=40, pattern=_TELEPHONE),
            email=fields.optional("email", fields.text, max=254),
            hours=fields.optional("hours", fields.text, max=120),
        )
        fields.end()
        return contact


def read_contacts(fields: Fields) -> tuple[SupportContact, ...]:
    """Return the list `contacts` of a document or a status; raises ProtocolError (2.14)."""
    return tuple(SupportContact.from_fields(each) for each in fields.objects("contacts", max=_MOST))

"""What the REST API says and takes about people."""

from datetime import date
from typing import Any, Literal

from ninja import Field, Schema

from bedside.console.access.models import ProductRight
from bedside.console.accounts.actions import ContactDetails, PersonDetails
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import employer, state_of
from bedside.console.people.queries import due_ms, rights_of
from bedside.console.rest.bodies import Body
from bedside.console.rest.cursors import MAX_LIMIT
from bedside.vocabulary import Level, Role

__all__ = [
    "ContactBody",
    "DetailsBody",
    "InviteBody",
    "OrganisationAnswer",
    "OrganisationBody",
    "OrganisationsPage",
    "OrganisationsQuery",
    "PeoplePage",
    "PeopleQuery",
    "PersonAnswer",
    "PersonRow",
    "ReasonBody",
    "ReviewPage",
    "ReviewQuery",
    "TrainingBody",
    "organisation_view",
    "person_row",
    "person_view",
    "right_view",
]

_STATES = Literal["active", "closed", "invited", "left"]
_COUNTRY = r"^[A-Z]{2}$"


class PeopleQuery(Schema):
    """Who is looked for."""

    q: str = Field("", max_length=100)
    organisation: str = Field("", max_length=64)
    role: Role | None = None
    state: _STATES | None = None
    cursor: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


class OrganisationsQuery(Schema):
    """Where a page begins."""

    cursor: str | None = Field(None, max_length=200)


class ReviewQuery(Schema):
    """Everybody, or those whose review is due."""

    due: bool = False
    cursor: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


class PersonRow(Schema):
    """A person in a list."""

    id: str
    name: str
    email: str
    organisation: str
    employer: str
    role: str | None
    level: int | None
    country: str | None
    patient_data: bool
    vetted_on: date | None
    state: _STATES
    last_use_ms: int | None
    reviewed_ms: int
    review_due_ms: int


class RightAnswer(Schema):
    """A right to a product; `end_ms` is the first moment it no longer holds, null: open."""

    product: str
    start_ms: int
    end_ms: int | None


class PersonAnswer(PersonRow):
    """A person, and what they are trained for."""

    language: str
    vetted_by: str
    reviewed_by: str
    products: list[RightAnswer]


class PeoplePage(Schema):
    """Some people; `next` is the cursor of those after, null at the end."""

    items: list[PersonRow]
    next: str | None


class ReviewRowAnswer(PersonRow):
    """A person's rights, as the access review reads them."""

    products: list[RightAnswer]


class ReviewPage(Schema):
    """Some people to review; `next` is the cursor of those after, null at the end."""

    items: list[ReviewRowAnswer]
    next: str | None


class DetailsBody(Body):
    """What is stated about a person, whole: what is left out is off, empty or none."""

    name: str = Field(min_length=1, max_length=120, examples=["Noé Roy"])
    organisation: str = Field(max_length=64, examples=["bayard-imaging"])
    role: Literal[tuple(role.value for role in Role)] | None = None  # type: ignore[valid-type]
    level: int | None = Field(None, ge=1, le=3)
    country: str = Field("", pattern=r"^([A-Z]{2})?$", examples=["CA"])
    employer: str = Field("", max_length=120)
    vetted_on: str | None = Field(None, pattern=r"^\d{4}-\d\d-\d\d$", examples=["2026-01-15"])
    patient_data: bool = False
    language: Literal["en", "fr"] = "en"

    def details(self) -> PersonDetails:
        """Return what was stated; ValueError for a day that no calendar has."""
        return PersonDetails(
            name=self.name,
            organisation=self.organisation,
            role=Role(self.role) if self.role else None,
            level=Level(self.level) if self.level else None,
            country=self.country,
            employer=self.employer,
            vetted_on=date.fromisoformat(self.vetted_on) if self.vetted_on else None,
            patient_data=self.patient_data,
            language=self.language,
        )


class InviteBody(DetailsBody):
    """Who is invited, and what is stated about them."""

    email: str = Field(min_length=3, max_length=254, examples=["noe@bayard.example"])


class ReasonBody(Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=200)


class TrainingBody(Body):
    """A right to a product for a time."""

    product: str = Field(max_length=64, examples=["contrast-injector"])
    start_ms: int = Field(ge=0, le=2**53)
    end_ms: int | None = Field(None, ge=0, le=2**53)


class ContactBody(Body):
    """Whom a country calls for support."""

    country: str = Field(pattern=_COUNTRY, examples=["CA"])
    name: str = Field(min_length=1, max_length=120)
    telephone: str = Field(min_length=1, max_length=40, examples=["+1 514 555 0199"])
    email: str = Field("", max_length=254)
    hours: str = Field("", max_length=120)

    def details(self) -> ContactDetails:
        """Return the contact."""
        return ContactDetails(**self.dict())


class OrganisationBody(Body):
    """What is stated about an organisation, whole."""

    name: str = Field(min_length=1, max_length=120)
    kind: Literal["manufacturer", "site"]
    country: str = Field(pattern=_COUNTRY, examples=["CA"])
    language: Literal["en", "fr"] = "en"
    timezone: str = Field("UTC", max_length=64, examples=["America/Toronto"])
    passkey_roles: list[Literal[tuple(role.value for role in Role)]] = Field(  # type: ignore[valid-type]
        default_factory=list, max_length=16
    )
    workstation_roles: list[Literal[tuple(role.value for role in Role)]] = Field(  # type: ignore[valid-type]
        default_factory=list, max_length=16
    )
    contacts: list[ContactBody] = Field(default_factory=list, max_length=60)


class OrganisationAnswer(Schema):
    """An organisation, and whom its countries call."""

    id: str
    name: str
    kind: str
    country: str
    language: str
    timezone: str
    passkey_roles: list[str]
    workstation_roles: list[str]
    contacts: list[dict[str, str]]


class OrganisationsPage(Schema):
    """Some organisations; `next` is the cursor of those after, null at the end."""

    items: list[OrganisationAnswer]
    next: str | None


def person_row(person: User) -> dict[str, Any]:
    """Return a person as a list shows them."""
    return {
        "id": person.pk,
        "name": person.name,
        "email": person.email,
        "organisation": person.organisation_id,
        "employer": employer(person),
        "role": person.role or None,
        "level": person.level,
        "country": person.country or None,
        "patient_data": person.patient_data,
        "vetted_on": person.vetted_on,
        "state": state_of(person),
        "last_use_ms": person.used_ms or None,
        "reviewed_ms": person.reviewed_ms,
        "review_due_ms": due_ms(person),
    }


def person_view(person: User) -> dict[str, Any]:
    """Return a person with their rights: one query."""
    return {
        **person_row(person),
        "language": person.language,
        "vetted_by": person.vetted_by,
        "reviewed_by": person.reviewed_by,
        "products": [right_view(right) for right in rights_of(person)],
    }


def right_view(right: ProductRight) -> dict[str, Any]:
    """Return a right to a product."""
    return {"product": right.product_id, "start_ms": right.start_ms, "end_ms": right.end_ms}


def organisation_view(organisation: Organisation) -> dict[str, Any]:
    """Return an organisation with its contacts."""
    names = ("country", "name", "telephone", "email", "hours")
    return {
        "id": organisation.pk,
        "name": organisation.name,
        "kind": organisation.kind,
        "country": organisation.country,
        "language": organisation.language,
        "timezone": organisation.timezone,
        "passkey_roles": organisation.passkey_roles,
        "workstation_roles": organisation.workstation_roles,
        "contacts": [
            {name: getattr(contact, name) for name in names}
            for contact in organisation.contacts.all()
        ],
    }

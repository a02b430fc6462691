"""What the REST API says and takes about people."""

from datetime import date
from typing import Any, Literal

from ninja import Field, Schema

from bedside.console.access.models import ProductRight
from bedside.console.accounts.actions import ContactDetails, PersonDetails
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import employer, state_of
from bedside.console.accounts.workstations import passkeys_with_workstations
from bedside.console.people.queries import due_ms, rights_of
from bedside.console.rest.bodies import Body, Country, PageQuery, Plain
from bedside.vocabulary import Level, Role

__all__ = [
    "ContactBody",
    "DetailsBody",
    "InviteBody",
    "OrganisationAnswer",
    "OrganisationBody",
    "OrganisationsPage",
    "PasskeysAnswer",
    "PeoplePage",
    "PeopleQuery",
    "PersonAnswer",
    "PersonRow",
    "ReasonBody",
    "ReviewPage",
    "ReviewQuery",
    "SignOnAnswer",
    "SignOnBody",
    "TrainingBody",
    "TrainingPage",
    "TrainingQuery",
    "organisation_view",
    "passkey_views",
    "person_row",
    "person_view",
    "right_view",
    "training_row",
]

_STATES = Literal["active", "closed", "invited", "left"]


class PeopleQuery(PageQuery):
    """Who is looked for."""

    q: str = Field("", max_length=100)
    organisation: str = Field("", max_length=64)
    role: Role | None = None
    state: _STATES | None = None


class ReviewQuery(PageQuery):
    """Everybody, or those whose review is due."""

    due: bool = False


class TrainingQuery(PageQuery):
    """Training for one product; that which ends within 60 days, or ended."""

    product: str = Field("", max_length=64)
    until: Literal["", "soon", "ended"] = ""


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


class TrainingRow(RightAnswer):
    """Who is trained for a product."""

    id: int
    person: str
    name: str


class TrainingPage(Schema):
    """Some training; `next` is the cursor of what comes after, null at the end."""

    items: list[TrainingRow]
    next: str | None


class PasskeyAnswer(Schema):
    """A passkey; `stays` says that it cannot leave its device, and so may be a workstation."""

    id: int
    name: str
    stays: bool
    workstation: str | None
    enrolled_by: str | None
    enrolled_ms: int | None


class PasskeysAnswer(Schema):
    """A person's passkeys."""

    items: list[PasskeyAnswer]


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

    reason: Plain = Field(min_length=1, max_length=200)


class TrainingBody(Body):
    """A right to a product for a time."""

    product: str = Field(max_length=64, examples=["contrast-injector"])
    start_ms: int = Field(ge=0, le=2**53 - 1)
    end_ms: int | None = Field(None, ge=0, le=2**53 - 1)


class ContactBody(Body):
    """Whom a country calls for support."""

    country: Country = Field(examples=["CA"])
    name: str = Field(min_length=1, max_length=120)
    telephone: str = Field(min_length=1, max_length=40, examples=["+1 514 555 0199"])
    email: str = Field("", max_length=254)
    hours: str = Field("", max_length=120)

    def details(self) -> ContactDetails:
        """Return the contact."""
        return ContactDetails(**self.dict())


class OrganisationBody(Body):
    """What is stated about an organisation, whole."""

    name: str = Field(min_length=1, max_length=120, examples=["Hôpital Notre-Dame"])
    kind: Literal["manufacturer", "site"] = Field(examples=["site"])
    country: Country = Field(examples=["CA"])
    language: Literal["en", "fr"] = "en"
    timezone: str = Field("UTC", max_length=64, examples=["America/Toronto"])
    passkey_roles: list[Literal[tuple(role.value for role in Role)]] = Field(  # type: ignore[valid-type]
        default_factory=list, max_length=16, examples=[["site_manager"]]
    )
    workstation_roles: list[Literal[tuple(role.value for role in Role)]] = Field(  # type: ignore[valid-type]
        default_factory=list, max_length=16, examples=[["site_manager"]]
    )
    contacts: list[ContactBody] = Field(default_factory=list, max_length=60)


class SignOnBody(Body):
    """An organisation's own provider of sign-ins; an empty secret keeps the one that is kept."""

    domains: list[str] = Field(min_length=1, max_length=20, examples=[["hospital.example"]])
    server_url: str = Field(max_length=300, examples=["https://sso.hospital.example"])
    client_id: str = Field(min_length=1, max_length=200)
    client_secret: str = Field("", max_length=500)
    trusts_second_factor: bool = False


class SignOnAnswer(Schema):
    """An organisation's own provider of sign-ins; its secret is told to nobody."""

    organisation: str
    domains: list[str]
    server_url: str
    client_id: str
    trusts_second_factor: bool
    callback: str


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


def training_row(right: ProductRight) -> dict[str, Any]:
    """Return a right to a product that was read with its person."""
    named = {"id": right.pk, "person": right.person_id, "name": right.person.name}
    return {**named, **right_view(right)}


def passkey_views(person: User) -> list[dict[str, Any]]:
    """Return a person's passkeys, and which are enrolled as workstations."""
    return [
        {
            "id": passkey.pk,
            "name": passkey.wrap().name,
            "stays": stays,
            "workstation": row.name if row else None,
            "enrolled_by": row.enrolled_by if row else None,
            "enrolled_ms": row.enrolled_ms if row else None,
        }
        for passkey, row, stays in passkeys_with_workstations(person)
    ]


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

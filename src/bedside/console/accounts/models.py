"""Organisations, people, and what lets their programs in."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.texts import (
    check_country,
    check_provider,
    check_telephone,
    check_text,
)
from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms
from bedside.vocabulary import Permission, Role

__all__ = [
    "ApiToken",
    "BrowserSession",
    "DeviceAuthorization",
    "Invitation",
    "Organisation",
    "PastPassword",
    "RepeatableCall",
    "SingleSignOn",
    "SupportContact",
    "User",
    "Workstation",
]


def new_id() -> str:
    return new_ulid(now_ms())


def role_choices() -> list[tuple[str, str]]:
    """Return every role: called, so that a new word of the vocabulary is no migration."""
    return [(role.value, role.value) for role in Role]


class Organisation(models.Model):
    """The manufacturer, or a site: the hospital where devices stand."""

    class Kind(models.TextChoices):
        """What an organisation is to the fleet."""

        MANUFACTURER = "manufacturer", _("Manufacturer")
        SITE = "site", _("Site")

    key = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=120, unique=True, validators=[check_text])
    kind = models.CharField(max_length=12, choices=Kind.choices)
    country = models.CharField(max_length=2, validators=[check_country])
    language = models.CharField(max_length=2, default="en")
    timezone = models.CharField(max_length=64, default="UTC")
    passkey_roles = models.JSONField(default=list, blank=True)
    """Roles that sign in here with a passkey only, beside those of `[sign_in] passkey_roles`."""
    workstation_roles = models.JSONField(default=list, blank=True)
    """Roles that sign in from an enrolled workstation only (S49)."""

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class SupportContact(models.Model):
    """Whom a country calls for support (S55): one for each country of an organisation."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="contacts")
    country = models.CharField(max_length=2, validators=[check_country])
    name = models.CharField(max_length=120, validators=[check_text])
    telephone = models.CharField(max_length=40, validators=[check_telephone])
    email = models.EmailField(max_length=254, blank=True)
    hours = models.CharField(max_length=120, blank=True, validators=[check_text])

    class Meta:
        ordering: ClassVar = ["country"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "country"], name="one_contact_per_country"
            )
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.name}"


class SingleSignOn(models.Model):
    """An organisation's own provider of sign-ins (OpenID Connect)."""

    organisation = models.OneToOneField(
        Organisation, models.CASCADE, primary_key=True, related_name="single_sign_on"
    )
    domains = models.JSONField(default=list)
    """Domains of e-mail addresses, in small letters, whose people are sent to it."""
    server_url = models.URLField(max_length=300, validators=[check_provider])
    client_id = models.CharField(max_length=200, validators=[check_text])
    client_secret = models.TextField()
    """Encrypted under a key that is not in the database."""
    trusts_second_factor = models.BooleanField(default=False)
    """Whether the provider's own second factor stands for ours, where it says that one was used."""

    def __str__(self) -> str:
        return self.server_url


class PersonManager(BaseUserManager["User"]):
    """Finds people by e-mail address, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person with this e-mail address."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person: one account each, never shared, never reused (S9)."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120, validators=[check_text])
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="people")
    role = models.CharField(max_length=16, choices=role_choices, blank=True)
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    """Support level 1 to 3; None for people who do not service devices."""
    country = models.CharField(max_length=2, blank=True, validators=[check_country])
    """Where the person works (S36)."""
    employer = models.CharField(max_length=120, blank=True, validators=[check_text])
    """Who employs the person, where that is not the organisation itself."""
    vetted_on = models.DateField(null=True, blank=True)
    """The day of the background check; none, no activation and no session (S48)."""
    vetted_by = models.CharField(max_length=120, blank=True, editable=False)
    """Who attested that day, by the name of then."""
    patient_data = models.BooleanField(default=False)
    """Whether the person may see patient data; off unless somebody turns it on."""
    language = models.CharField(max_length=2, default="en", choices=[("en", "en"), ("fr", "fr")])
    is_active = models.BooleanField(default=True)
    activated_ms = models.BigIntegerField(null=True, editable=False)
    """When the account first got a way to sign in; None while an invitation is out."""
    left_ms = models.BigIntegerField(null=True, editable=False)
    """When the person left; such an account opens again by a new invitation only."""
    used_ms = models.BigIntegerField(default=0, editable=False)
    reviewed_ms = models.BigIntegerField(default=now_ms, editable=False)
    """When somebody last said that these rights are still needed."""
    reviewed_by = models.CharField(max_length=120, blank=True, editable=False)
    review_told_ms = models.BigIntegerField(default=0, editable=False)
    created_ms = models.BigIntegerField(default=now_ms, editable=False)
    factor_link = models.CharField(max_length=64, blank=True, editable=False)
    """Hash of the link without which the password makes no new second factor; empty: none is asked for."""
    factor_link_ms = models.BigIntegerField(default=0, editable=False)
    """Until when that link works."""
    failed_sign_ins = models.PositiveIntegerField(default=0, editable=False)
    locked_until_ms = models.BigIntegerField(default=0, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]

    narrowed_to: frozenset[Permission] | None = None
    """What the token in use is narrowed to; never stored. None: nothing is narrowed."""

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        ordering: ClassVar = ["name"]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "id"], name="person_organisation"),
            models.Index(fields=["is_active", "reviewed_ms"], name="person_review"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def site(self) -> str | None:
        """The site this person belongs to and is held to; None for the manufacturer's people."""
        if self.organisation.kind == Organisation.Kind.SITE:
            return self.organisation.key
        return None


class PastPassword(models.Model):
    """A password somebody had, as its hash: it cannot be chosen again."""

    person = models.ForeignKey(User, models.CASCADE, related_name="past_passwords")
    password = models.CharField(max_length=128)
    set_ms = models.BigIntegerField(default=now_ms)


class ApiToken(models.Model):
    """A bearer token, as its hash; what it may do is asked of the person's rights at every call."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    person = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    client = models.CharField(max_length=64, validators=[check_text])
    scope = models.JSONField(null=True)
    """The permissions the token is narrowed to; None: whatever its person may do."""
    created_ms = models.BigIntegerField()
    expires_ms = models.BigIntegerField()
    used_ms = models.BigIntegerField(default=0)
    revoked_ms = models.BigIntegerField(null=True)


class Workstation(models.Model):
    """A computer from which a person may sign in: a passkey that cannot leave it (S49)."""

    passkey = models.OneToOneField(
        "mfa.Authenticator", models.CASCADE, primary_key=True, related_name="workstation"
    )
    name = models.CharField(max_length=64, validators=[check_text])
    enrolled_by = models.CharField(max_length=120)
    enrolled_ms = models.BigIntegerField(default=now_ms)

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """A way into an account that nobody has signed in to yet: used once, or not at all."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    person = models.ForeignKey(User, models.CASCADE, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=120)
    created_ms = models.BigIntegerField()
    expires_ms = models.BigIntegerField()
    ended_ms = models.BigIntegerField(null=True)
    """When it was used, or taken back."""


class BrowserSession(models.Model):
    """A browser in which somebody is signed in, so that they can see it and end it."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    person = models.ForeignKey(User, models.CASCADE, related_name="browsers")
    session_key = models.CharField(max_length=40, unique=True)
    address = models.CharField(max_length=45, blank=True)
    program = models.CharField(max_length=200, blank=True)
    """What the browser calls itself."""
    started_ms = models.BigIntegerField()


class DeviceAuthorization(models.Model):
    """A program waits for a person to confirm it in a browser (RFC 8628)."""

    class Status(models.TextChoices):
        """Where the wait stands."""

        PENDING = "pending", "pending"
        ALLOWED = "allowed", "allowed"
        DENIED = "denied", "denied"
        USED = "used", "used"

    digest = models.CharField(primary_key=True, max_length=64)
    user_code = models.CharField(max_length=9, unique=True)
    client = models.CharField(max_length=64)
    address = models.CharField(max_length=45, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    person = models.ForeignKey(User, models.CASCADE, null=True)
    created_ms = models.BigIntegerField()
    expires_ms = models.BigIntegerField()
    polled_ms = models.BigIntegerField(default=0)
    interval_s = models.PositiveSmallIntegerField(default=5)


class RepeatableCall(models.Model):
    """A call that its program named, and the answer that it got (`repeats`)."""

    key = models.CharField(primary_key=True, max_length=64)
    body = models.CharField(max_length=64)
    at_ms = models.BigIntegerField(db_index=True)
    status = models.PositiveSmallIntegerField(default=0)
    """0 while it is under way."""
    content_type = models.CharField(max_length=100, blank=True)
    answer = models.TextField(blank=True)
    """Encrypted."""

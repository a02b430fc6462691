"""Organisations, people, and what lets their programs in."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms
from bedside.vocabulary import Role

__all__ = ["ApiToken", "DeviceAuthorization", "Organisation", "PastPassword", "User"]


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
    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    country = models.CharField(max_length=2)
    language = models.CharField(max_length=2, default="en")
    timezone = models.CharField(max_length=64, default="UTC")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class PersonManager(BaseUserManager["User"]):
    """Finds people by e-mail address, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person with this e-mail address."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person: one account each, never shared, never reused (S9)."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="people")
    role = models.CharField(max_length=16, choices=role_choices, blank=True)
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    """Support level 1 to 3; None for people who do not service devices."""
    country = models.CharField(max_length=2, blank=True)
    """Where the person works (S36)."""
    vetted_on = models.DateField(null=True, blank=True)
    """The day the employer attested the background check; none, no session."""
    language = models.CharField(max_length=2, default="en")
    is_active = models.BooleanField(default=True)
    created_ms = models.BigIntegerField(default=now_ms, editable=False)
    failed_sign_ins = models.PositiveIntegerField(default=0, editable=False)
    locked_until_ms = models.BigIntegerField(default=0, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        ordering: ClassVar = ["name"]

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
    client = models.CharField(max_length=64)
    created_ms = models.BigIntegerField()
    expires_ms = models.BigIntegerField()
    revoked_ms = models.BigIntegerField(null=True)


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

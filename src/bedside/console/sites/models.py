"""What a site says of its own devices: signed policies as they came, windows, broken glass."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.models import Organisation, User
from bedside.console.devices.models import Device
from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms

__all__ = [
    "AppliedPolicy",
    "BreakGlass",
    "SiteArrangement",
    "SiteContact",
    "SiteHook",
    "SiteKey",
    "SitePolicyVersion",
    "SiteWindow",
]


def new_id() -> str:
    return new_ulid(now_ms())


class SiteKey(models.Model):
    """The public key of a site, to show what is signed with it: no device believes it from here."""

    site = models.OneToOneField(
        Organisation, models.CASCADE, primary_key=True, related_name="site_key"
    )
    public_key = models.TextField()
    registered_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    registered_ms = models.BigIntegerField(default=now_ms)


class SitePolicyVersion(models.Model):
    """A policy as the site signed it; the highest serial applies, and none is ever changed."""

    site = models.ForeignKey(Organisation, models.CASCADE, related_name="policies")
    serial = models.BigIntegerField()
    envelope = models.BinaryField()
    digest = models.CharField(max_length=64)
    public_key = models.TextField(blank=True, default="", db_default="")
    """The key that signed it (PEM), once it is not the site's present one any more."""
    published_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    published_ms = models.BigIntegerField(default=now_ms)

    class Meta:
        ordering: ClassVar = ["-serial"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "serial"], name="one_policy_per_serial")
        ]


class AppliedPolicy(models.Model):
    """What a device's own journal says of the policy that applies there."""

    device = models.OneToOneField(
        Device, models.CASCADE, primary_key=True, related_name="applied_policy"
    )
    key_id = models.CharField(max_length=32, blank=True, default="", db_default="")
    """The key that it trusts, as far as it has said so."""
    serial = models.BigIntegerField(default=0, db_default=0)
    """The policy's number; 0 where none applies."""
    digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    """SHA-256 of the policy, unsigned."""
    refused = models.CharField(max_length=40, blank=True, default="", db_default="")
    """The gate that refused the last policy that came; empty once one applies."""
    at_ms = models.BigIntegerField()


class SiteArrangement(models.Model):
    """When a site lets its devices be served beside what its policy says (R17)."""

    class Kind(models.TextChoices):
        """How access is arranged."""

        STANDING = "standing", _("At any time")
        SCHEDULED = "scheduled", _("In service windows only")
        ON_REQUEST = "on_request", _("After an approver of the site says yes")

    site = models.OneToOneField(
        Organisation, models.CASCADE, primary_key=True, related_name="arrangement"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.STANDING)


class SiteWindow(models.Model):
    """A time in which a site lets one device, or all of them, be served; it may name the ticket."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    site = models.ForeignKey(Organisation, models.CASCADE, related_name="windows")
    device = models.ForeignKey(Device, models.CASCADE, null=True, related_name="windows")
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    ticket = models.CharField(max_length=64, blank=True)
    note = models.CharField(max_length=200, blank=True)
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    set_ms = models.BigIntegerField(default=now_ms)
    closed_ms = models.BigIntegerField(null=True)
    """When the site closed it before its end."""

    class Meta:
        ordering: ClassVar = ["start_ms"]
        indexes: ClassVar = [models.Index(fields=["site", "end_ms"], name="window_site")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(end_ms__gt=F("start_ms")), name="window_has_a_length"
            )
        ]


class SiteContact(models.Model):
    """Somebody of a site who is told before, at and after what happens on its devices (R20)."""

    site = models.ForeignKey(Organisation, models.CASCADE, related_name="site_contacts")
    name = models.CharField(max_length=120)
    email = models.EmailField(max_length=254)
    language = models.CharField(max_length=2, default="en")
    before = models.BooleanField(default=True)
    """When somebody asks."""
    during = models.BooleanField(default=True)
    """When a session is live."""
    after = models.BooleanField(default=True)
    """When it has ended, and how."""

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "email"], name="one_contact_per_address")
        ]


class SiteHook(models.Model):
    """Where a site's own programs are told the same, signed with a secret shown once."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    site = models.ForeignKey(Organisation, models.CASCADE, related_name="hooks")
    url = models.CharField(max_length=500)
    secret = models.CharField(max_length=200)
    """Encrypted."""
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_ms = models.BigIntegerField(default=now_ms)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "url"], name="one_hook_per_url")
        ]


class BreakGlass(models.Model):
    """A site opened one of its devices itself, for an hour at most; somebody reviews it (R42)."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    device = models.ForeignKey(Device, models.CASCADE, related_name="broken_glass")
    site = models.ForeignKey(Organisation, models.CASCADE, related_name="broken_glass")
    reason = models.CharField(max_length=500)
    started_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    ended_ms = models.BigIntegerField(null=True)
    """When it ended: by the site before its time, or by itself, once that was told."""
    review = models.CharField(max_length=1000, blank=True)
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reviewed_ms = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["-start_ms"]
        indexes: ClassVar = [
            models.Index(fields=["device", "end_ms"], name="glass_device"),
            models.Index(
                fields=["end_ms"], name="glass_running", condition=Q(ended_ms__isnull=True)
            ),
            models.Index(
                fields=["site", "-start_ms"],
                name="glass_unreviewed",
                condition=Q(reviewed_ms__isnull=True),
            ),
        ]

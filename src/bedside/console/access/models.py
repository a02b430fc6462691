"""What a decision is made from, beside people and devices: contracts, training, rules, locks."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from bedside.console.accounts.models import Organisation, User
from bedside.console.devices.models import Device, Product
from bedside.policy.facts import LockScope

__all__ = ["Entitlement", "Lock", "PolicyVersion", "ProductRight", "StartRule"]


class Entitlement(models.Model):
    """A contract covers one device, or every device of a site, for a time (S4)."""

    device = models.ForeignKey(Device, models.CASCADE, null=True, related_name="entitlements")
    site = models.ForeignKey(Organisation, models.CASCADE, null=True, related_name="entitlements")
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField(null=True)
    """The first moment that is no longer covered; None is open."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(device__isnull=True) ^ Q(site__isnull=True),
                name="entitlement_covers_device_or_site",
            )
        ]


class ProductRight(models.Model):
    """A person is trained for a product, until it lapses (S34)."""

    person = models.ForeignKey(User, models.CASCADE, related_name="product_rights")
    product = models.ForeignKey(Product, models.CASCADE, related_name="rights")
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "product"], name="one_right_per_product")
        ]


class PolicyVersion(models.Model):
    """The rules of level and country were saved: their number, by whom and when."""

    number = models.BigAutoField(primary_key=True)
    saved_by = models.CharField(max_length=200)
    saved_ms = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["-number"]


class StartRule(models.Model):
    """Level and country, and what these people may start or join (S36): no row, no session."""

    level = models.PositiveSmallIntegerField()
    country = models.CharField(max_length=2)
    start_view = models.BooleanField(default=False)
    start_control = models.BooleanField(default=False)
    join_view = models.BooleanField(default=False)
    join_control = models.BooleanField(default=False)
    product = models.ForeignKey(Product, models.CASCADE, null=True)
    """One product, or all of them."""

    class Meta:
        ordering: ClassVar = ["country", "level"]


class Lock(models.Model):
    """Somebody locked a person, a device, a site, a product or everything (R8).

    A lock is its organisation's: whom a hospital has locked out cannot unlock, and a recall is not
    the hospital's to lift. Both may hold at once.
    """

    scope = models.CharField(max_length=12, choices=[(s.value, s.value) for s in LockScope])
    target = models.CharField(max_length=64, blank=True)
    """The id of what is locked; empty for everything."""
    reason = models.CharField(max_length=200)
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    """Whose lock it is: only its own people clear it."""
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField(null=True)
    """When it was cleared; None while it holds."""

    class Meta:
        ordering: ClassVar = ["-start_ms"]
        indexes: ClassVar = [models.Index(fields=["scope", "target"], name="lock_target")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope", "target", "organisation"],
                condition=Q(end_ms__isnull=True),
                name="one_open_lock",
            )
        ]

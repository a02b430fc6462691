"""What stands in hospitals: devices, and the profiles of their products."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Concat, Lower
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.models import Organisation
from bedside.console.journal.actions import now_ms
from bedside.policy.facts import DeviceState
from bedside.vocabulary import PollMode

__all__ = ["Device", "Product", "RelayPin"]

_STATE_NAMES = {
    DeviceState.REGISTERED: _("registered"),
    DeviceState.ENROLLED: _("enrolled"),
    DeviceState.CLONED: _("cloned"),
    DeviceState.REVOKED: _("revoked"),
}


class Product(models.Model):
    """A product and its profile: what exists on such a device, as TOML."""

    name = models.CharField(primary_key=True, max_length=64)
    title_en = models.CharField(max_length=120)
    title_fr = models.CharField(max_length=120)
    version = models.CharField(max_length=40)
    profile = models.TextField()
    monitored = models.BooleanField(default=False, db_default=False)
    """Whether the profile says so: the silence of its devices is an alarm where no rule says anything."""
    imported_ms = models.BigIntegerField(default=now_ms)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.title_fr if get_language() == "fr" else self.title_en


class Device(models.Model):
    """One device, by the name printed on it."""

    id = models.CharField(primary_key=True, max_length=30)
    product = models.ForeignKey(Product, models.PROTECT, related_name="devices")
    site = models.ForeignKey(Organisation, models.PROTECT, related_name="devices")
    display_name = models.CharField(max_length=80)
    room = models.CharField(max_length=80, blank=True)
    state = models.CharField(
        max_length=12,
        choices=[(state.value, name) for state, name in _STATE_NAMES.items()],
        default=DeviceState.REGISTERED.value,
    )
    poll_mode = models.CharField(
        max_length=8,
        choices=[(mode.value, mode.value) for mode in PollMode],
        default=PollMode.HELD.value,
    )
    lock_reason = models.CharField(max_length=200, blank=True)
    """Why this device alone is locked, copied from its lock; it goes into its configuration."""
    created_ms = models.BigIntegerField(default=now_ms)
    configuration_due = models.BooleanField(default=False)
    """Whether something that its configuration holds has changed and is yet to be sent."""

    searched = models.GeneratedField(
        expression=Lower(Concat(F("id"), Value(" "), F("display_name"), Value(" "), F("room"))),
        output_field=models.CharField(max_length=200),
        db_persist=True,
    )
    """What a search looks into, in small letters; the database keeps it."""

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["site", "id"], name="device_site"),
            models.Index(fields=["state", "id"], name="device_state"),
            models.Index(
                fields=["id"], name="device_due", condition=models.Q(configuration_due=True)
            ),
        ]

    def __str__(self) -> str:
        return self.id


class RelayPin(models.Model):
    """The relays that a device, a site or a country prefers; the narrowest pin applies (R6)."""

    class Scope(models.TextChoices):
        """What is pinned, the narrowest first."""

        DEVICE = "device", _("device")
        SITE = "site", _("site")
        COUNTRY = "country", _("country")

    scope = models.CharField(max_length=8, choices=Scope.choices)
    subject = models.CharField(max_length=64)
    """A device's name, a site's key, or a country's two letters."""
    relays = models.JSONField()
    """Names of relays, the most preferred first."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "subject"], name="one_pin_for_each")
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject}: {', '.join(self.relays)}"

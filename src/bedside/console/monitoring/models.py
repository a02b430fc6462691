"""From when on silence is an alarm, which alarms there are, and who is muted."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from bedside.console.accounts.models import User
from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms
from bedside.vocabulary import AlarmScope

__all__ = ["Alarm", "Mute", "SilenceRule"]


def new_id() -> str:
    return new_ulid(now_ms())


def scope_choices() -> list[tuple[str, str]]:
    """Return every scope: called, so that a new word of the vocabulary is no migration."""
    return [(scope.value, scope.value) for scope in AlarmScope]


class SilenceRule(models.Model):
    """After how long silence is an alarm; the narrowest rule applies.

    Without a rule it is one after `[alarms] silence_minutes` where the product is monitored.
    """

    scope = models.CharField(max_length=12, choices=scope_choices)
    target = models.CharField(max_length=64, blank=True)
    """The id of what it is for; empty for everything."""
    minutes = models.PositiveIntegerField()
    """From the last poll on; 0: no alarm here, whatever a wider rule says."""
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    set_ms = models.BigIntegerField(default=now_ms)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "target"], name="one_silence_rule")
        ]


class Mute(models.Model):
    """A device or a site that raises no alarm for a while (R8)."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    scope = models.CharField(max_length=12, choices=scope_choices)
    target = models.CharField(max_length=64)
    reason = models.CharField(max_length=200)
    until_ms = models.BigIntegerField()
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    set_ms = models.BigIntegerField(default=now_ms)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["until_ms"], name="mute_until")]


class Alarm(models.Model):
    """Silence that was noticed: of a device, of a whole site, of a relay."""

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    scope = models.CharField(max_length=12, choices=scope_choices)
    target = models.CharField(max_length=64)
    site = models.CharField(max_length=64, blank=True)
    """Whose people see it; empty for a relay."""
    devices = models.PositiveIntegerField(default=1)
    """How many were silent when it was raised."""
    since_ms = models.BigIntegerField()
    """The last poll that is known of, or when the relay was last heard."""
    raised_ms = models.BigIntegerField()
    cleared_ms = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["-id"], name="alarm_open", condition=Q(cleared_ms__isnull=True)),
            models.Index(fields=["site", "-id"], name="alarm_site"),
            models.Index(
                fields=["cleared_ms"],
                name="alarm_over",
                condition=Q(cleared_ms__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope", "target"],
                condition=Q(cleared_ms__isnull=True),
                name="one_open_alarm",
            )
        ]

"""A case: opened at the bedside or by support, taken by one person, closed with what was found."""

from typing import ClassVar

from django.db import models

from bedside.console.accounts.models import User
from bedside.console.devices.models import Device
from bedside.vocabulary import HelpTopic

__all__ = ["Case"]


def topic_choices() -> list[tuple[str, str]]:
    """Return every topic: called, so that a new word of the vocabulary is no migration."""
    return [(topic.value, topic.value) for topic in HelpTopic]


class Case(models.Model):
    """One request for help; `number` is what people say on the telephone."""

    number = models.CharField(max_length=16, unique=True)
    device = models.ForeignKey(Device, models.PROTECT, related_name="cases")
    topic = models.CharField(max_length=16, choices=topic_choices)
    asked_by = models.CharField(max_length=120, blank=True)
    """The name given at the panel, if one was."""
    entry_seq = models.BigIntegerField(null=True)
    """The entry of the device's journal that asked: the same entry opens one case."""
    state = models.JSONField(default=dict)
    """How the device was when it asked, in the words of its journal."""
    opened_ms = models.BigIntegerField()
    taken_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="cases")
    taken_ms = models.BigIntegerField(null=True)
    finding = models.CharField(max_length=1000, blank=True)
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    closed_ms = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["-id"], name="case_open", condition=models.Q(closed_ms__isnull=True)
            ),
            models.Index(fields=["device", "-id"], name="case_device"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["device", "entry_seq"], name="one_case_per_entry")
        ]

    def __str__(self) -> str:
        return self.number

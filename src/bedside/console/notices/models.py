"""What waits to be told, what was told, and what could not be."""

from typing import ClassVar

from django.db import models

from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms

__all__ = ["MAX_KEY", "Notice"]

MAX_KEY = 160
"""Characters of a key: what is longer is cut."""


def new_id() -> str:
    return new_ulid(now_ms())


class Notice(models.Model):
    """One message to one address; `key` makes that the same is told once."""

    class Channel(models.TextChoices):
        """How it is told."""

        MAIL = "mail", "mail"
        WEBHOOK = "webhook", "webhook"

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", "waiting"
        SENT = "sent", "sent"
        DEAD = "dead", "dead"

    id = models.CharField(primary_key=True, max_length=26, default=new_id)
    key = models.CharField(max_length=MAX_KEY, unique=True)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    organisation = models.CharField(max_length=64, blank=True)
    """Whose it is: its people may see it; empty for the console's own."""
    address = models.CharField(max_length=500)
    """An e-mail address, or a webhook's URL."""
    secret = models.CharField(max_length=200, blank=True)
    """What signs a webhook, encrypted."""
    event = models.CharField(max_length=48)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    """The text of a mail, or a webhook's canonical JSON; wiped once an invitation is sent."""
    private = models.BooleanField(default=False)
    """Whether the body lets somebody in (an invitation): nobody reads it here."""

    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_ms = models.BigIntegerField()
    error = models.CharField(max_length=200, blank=True)
    created_ms = models.BigIntegerField(default=now_ms)
    done_ms = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["next_ms"],
                name="notice_due",
                condition=models.Q(state="waiting"),
            ),
            models.Index(fields=["state", "-id"], name="notice_state"),
            models.Index(fields=["organisation", "-id"], name="notice_organisation"),
        ]

"""The journal's tables. Nothing outside this app touches them.

1. A row is written in the transaction of the change that it tells of.
2. `entry` holds the canonical line with place 0 and never changes; the other columns repeat parts
   of it to be searched. The leaf of the log is that line with its true place (`leaf`).
3. `sequence` is null until the sequencer has given the row its place in the log; the place is
   committed before a tile or a checkpoint speaks of it, and is never given anew.
"""

from typing import ClassVar

from django.db import models

__all__ = [
    "Checkpoint",
    "DeviceEntry",
    "DeviceHead",
    "DeviceRejection",
    "JournalRow",
    "LogHead",
]

_ID = 64
_WORD = 48


class JournalRow(models.Model):
    """One act, as it was told at the time."""

    at_ms = models.BigIntegerField()
    actor_kind = models.CharField(max_length=_WORD)
    actor_id = models.CharField(max_length=_ID)
    action = models.CharField(max_length=_WORD)
    outcome = models.CharField(max_length=_WORD)
    device = models.CharField(max_length=_ID, blank=True)
    session = models.CharField(max_length=_ID, blank=True)
    case = models.CharField(max_length=_ID, blank=True)
    gate = models.CharField(max_length=_WORD, blank=True)
    entry = models.BinaryField()
    sequence = models.BigIntegerField(null=True, unique=True)

    class Meta:
        """Each filter of the page is an index that ends in the page's key.

        Times are not in the order of keys: a page of some days goes by time, then by key.
        """

        indexes: ClassVar = [
            models.Index(fields=["device", "id"], name="journal_device"),
            models.Index(fields=["session", "id"], name="journal_session"),
            models.Index(fields=["actor_id", "id"], name="journal_actor"),
            models.Index(fields=["action", "id"], name="journal_action"),
            models.Index(fields=["gate", "id"], name="journal_gate"),
            models.Index(fields=["outcome", "id"], name="journal_outcome"),
            models.Index(fields=["at_ms", "id"], name="journal_time"),
            models.Index(
                fields=["id"], name="journal_unsealed", condition=models.Q(sequence__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at_ms} {self.action}"


class LogHead(models.Model):
    """How many rows have a place in the log: one row (id 1), locked while places are given."""

    size = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.size)


class Checkpoint(models.Model):
    """A signed statement of the log's size and root."""

    size = models.BigIntegerField(unique=True)
    root = models.CharField(max_length=64)
    note = models.TextField()
    at_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.size} {self.root}"


class DeviceEntry(models.Model):
    """One entry of a device's journal, verbatim."""

    device = models.CharField(max_length=_ID)
    seq = models.BigIntegerField()
    at_ms = models.BigIntegerField()
    action = models.CharField(max_length=_WORD)
    session = models.CharField(max_length=_ID, blank=True)
    line = models.TextField()
    received_ms = models.BigIntegerField()

    class Meta:
        """A device's journal has one entry at each place."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["device", "seq"], name="device_entry_place")
        ]
        indexes: ClassVar = [
            models.Index(fields=["session", "device", "seq"], name="device_entry_session")
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.seq} {self.action}"


class DeviceHead(models.Model):
    """How far a device's journal is known: the console's witness of it."""

    device = models.CharField(max_length=_ID, primary_key=True)
    size = models.BigIntegerField(default=0)
    head = models.CharField(max_length=64)
    received_ms = models.BigIntegerField()
    sent_ms = models.BigIntegerField(default=0)
    conflict = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.device} {self.size} {self.head}"


class DeviceRejection(models.Model):
    """A report that contradicts what is known, kept as evidence with the device's signature."""

    device = models.CharField(max_length=_ID, db_index=True)
    at_ms = models.BigIntegerField()
    reason = models.CharField(max_length=_WORD)
    digest = models.CharField(max_length=64)
    report = models.BinaryField()

    class Meta:
        """The same evidence is kept once."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["device", "digest"], name="device_rejection")
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.reason}"

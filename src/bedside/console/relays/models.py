"""The tables between the console and its relays.

1. A feed event is a reference: what it says is read from its own table when a relay asks, so an
   event that has been overtaken is never told late.
2. Cursors grow by one in the order of commit: the head's row is locked until its writer commits.
3. Devices are named by id: this app lies below the one that keeps them.
"""

from typing import ClassVar

from django.db import models

__all__ = [
    "Assertion",
    "Batch",
    "DeviceMessage",
    "DevicePresence",
    "FeedEvent",
    "FeedHead",
    "RefusedDevice",
    "Relay",
    "RelayCertificate",
    "RetiredInstance",
    "RevokedCertificate",
    "Tunnel",
    "UnseenDevice",
]

_ID = 64
_NAME = 32


class Relay(models.Model):
    """A relay of the signed list, and the key by which it proves itself at the feed."""

    name = models.CharField(max_length=_NAME, primary_key=True)
    host = models.CharField(max_length=253)
    server_name = models.CharField(max_length=253)
    ports = models.CharField(max_length=80)
    assertion_key = models.TextField()
    created_ms = models.BigIntegerField()
    seen_ms = models.BigIntegerField(null=True)
    """When it last proved itself here."""
    offset_ms = models.BigIntegerField(default=0, db_default=0)
    """Its clock less the console's, to within a second or two."""
    certificate_ends_ms = models.BigIntegerField(null=True)
    """When the certificate that it shows to devices runs out, as it said last."""
    refused_ms = models.BigIntegerField(null=True)
    """When somebody last came in its name with an assertion that its key did not sign."""
    lost_ms = models.BigIntegerField(null=True)
    """When the journal was told that it is lost; None once it is back."""
    clock_off = models.BooleanField(default=False, db_default=False)
    """Whether the journal was told that its clock is wrong."""
    draining_until_ms = models.BigIntegerField(null=True)
    """Until when it carries what is live, once it said that it is to stop; None once a later run has told something."""
    begun_anew = models.BooleanField(default=False, db_default=False)
    """Whether a later run has asked since, or the time was over when it was told: it is no longer about to stop, whatever it tells first."""
    begun_boot = models.CharField(max_length=32, default="", db_default="")
    """Which run of it last asked for the first time; empty where it did not say."""
    retired_ms = models.BigIntegerField(null=True)
    """When it was retired for good: nobody is sent to it and nothing of it is heard any more."""

    def __str__(self) -> str:
        return self.name


class RelayCertificate(models.Model):
    """A certificate that was issued to a relay, kept until it has expired: to be revoked with it."""

    serial = models.CharField(max_length=40, primary_key=True)
    relay = models.CharField(max_length=_NAME, db_index=True)
    not_after_ms = models.BigIntegerField()
    replaced = models.BooleanField(default=False, db_default=False)
    """It is over a key that its relay's new one replaced: it goes once the relay has come with that."""

    def __str__(self) -> str:
        return f"{self.serial} of {self.relay}"


class DevicePresence(models.Model):
    """Where a device was last seen, and what it said of itself; `at_ms` of its last change."""

    device = models.CharField(max_length=_ID, primary_key=True)
    relay = models.CharField(max_length=_NAME)
    online = models.BooleanField(default=True, db_index=True)
    """Until its relay gives it up."""
    late = models.BooleanField(default=False, db_default=False)
    """Whether a poll of it is overdue."""
    polled_ms = models.BigIntegerField(default=0, db_default=0)
    """The last poll that we know of, by the console's clock."""
    instance = models.CharField(max_length=32)
    at_ms = models.BigIntegerField()
    mode = models.CharField(max_length=16)
    activity = models.CharField(max_length=16)
    version = models.CharField(max_length=40)
    configuration = models.BigIntegerField()
    journal_size = models.BigIntegerField()
    journal_head = models.CharField(max_length=64)
    address = models.CharField(max_length=64)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["relay", "online"], name="presence_at_relay")]

    def __str__(self) -> str:
        return f"{self.device} at {self.relay}"


class UnseenDevice(models.Model):
    """A device that is expected and that no relay has seen yet; it goes with the first sighting."""

    device = models.CharField(max_length=_ID, primary_key=True)

    def __str__(self) -> str:
        return self.device


class RetiredInstance(models.Model):
    """An instance of a device that another one has replaced: its return proves two live copies."""

    device = models.CharField(max_length=_ID)
    instance = models.CharField(max_length=32)
    at_ms = models.BigIntegerField()

    class Meta:
        """An instance retires once."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["device", "instance"], name="retired_instance")
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.instance}"


class DeviceMessage(models.Model):
    """A sealed document on its way to a device; `relay` is empty until the device has been seen."""

    id = models.CharField(max_length=26, primary_key=True)
    device = models.CharField(max_length=_ID)
    kind = models.CharField(max_length=16)
    sealed = models.BinaryField()
    session = models.CharField(max_length=_ID, blank=True)
    relay = models.CharField(max_length=_NAME, blank=True)
    created_ms = models.BigIntegerField()
    expires_ms = models.BigIntegerField()
    closed_ms = models.BigIntegerField(null=True)
    delivered = models.BooleanField(default=False)

    class Meta:
        """What is still owed is found by device and by relay."""

        indexes: ClassVar = [
            models.Index(fields=["device", "closed_ms"], name="message_device"),
            models.Index(fields=["relay", "closed_ms"], name="message_relay"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.device}"


class Tunnel(models.Model):
    """What one relay must know to pair the two legs of a session."""

    session = models.CharField(max_length=_ID, primary_key=True)
    device = models.CharField(max_length=_ID, db_index=True)
    relay = models.CharField(max_length=_NAME, blank=True)
    device_proofs = models.JSONField()
    specialist_proofs = models.JSONField()
    not_after_ms = models.BigIntegerField()
    idle_s = models.IntegerField()
    max_bytes = models.BigIntegerField()
    opened = models.BooleanField(default=False)
    ending = models.CharField(max_length=32, blank=True)

    def __str__(self) -> str:
        return self.session


class RevokedCertificate(models.Model):
    """A serial that no relay accepts any more, kept until the certificate would have expired."""

    serial = models.CharField(max_length=40, primary_key=True)
    not_after_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return self.serial


class RefusedDevice(models.Model):
    """A device that every relay refuses, and by which gate."""

    device = models.CharField(max_length=_ID, primary_key=True)
    gate = models.CharField(max_length=48)

    def __str__(self) -> str:
        return f"{self.device} {self.gate}"


class FeedHead(models.Model):
    """The newest cursor: one row (id 1)."""

    cursor = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.cursor)


class FeedEvent(models.Model):
    """Something that one relay (or each, when empty) is told; `key` names what it is about."""

    cursor = models.BigIntegerField(primary_key=True)
    relay = models.CharField(max_length=_NAME, blank=True)
    kind = models.CharField(max_length=24)
    key = models.CharField(max_length=_ID)
    at_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.cursor} {self.kind}"


class Batch(models.Model):
    """The newest batch of one run of a relay: an older one that comes again changes nothing."""

    relay = models.CharField(max_length=_NAME)
    boot = models.CharField(max_length=32)
    sequence = models.BigIntegerField()
    at_ms = models.BigIntegerField()

    class Meta:
        """One row for each run."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["relay", "boot"], name="batch_run")
        ]

    def __str__(self) -> str:
        return f"{self.relay} {self.sequence}"


class Assertion(models.Model):
    """A relay's assertion that has been used, remembered until it expires."""

    relay = models.CharField(max_length=_NAME)
    jti = models.CharField(max_length=64)
    expires_ms = models.BigIntegerField(db_index=True)

    class Meta:
        """Each is used once, whichever `live` process it reaches."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["relay", "jti"], name="assertion")]

    def __str__(self) -> str:
        return self.jti

"""The tables of who a device is: codes, certificates, keys.

1. A code's secret is kept sealed to the report key: who copies the database cannot enrol.
2. A code is used once, whatever came of it afterwards.
3. The keys of certificates that are neither revoked nor expired are the keys that a device signs
   with: during a renewal, old and new stand together.
"""

from typing import ClassVar

from django.db import models

__all__ = ["DeviceCertificate", "DeviceIdentity", "EnrolmentCode"]

_ID = 64


class EnrolmentCode(models.Model):
    """A one-time code that was offered for one device."""

    id = models.CharField(max_length=5, primary_key=True)
    device = models.CharField(max_length=_ID, db_index=True)
    sealed_secret = models.BinaryField()
    offered_ms = models.BigIntegerField()
    expires_ms = models.BigIntegerField()
    closed_ms = models.BigIntegerField(null=True)
    """When it was used, or replaced by another offer."""
    address = models.CharField(max_length=64, blank=True)
    """Where it was used from."""

    def __str__(self) -> str:
        return f"{self.id} for {self.device}"


class DeviceCertificate(models.Model):
    """A certificate that was issued to a device, and the key in it."""

    serial = models.CharField(max_length=40, primary_key=True)
    device = models.CharField(max_length=_ID)
    key_id = models.CharField(max_length=16)
    public_key = models.TextField()
    issued_ms = models.BigIntegerField()
    not_after_ms = models.BigIntegerField()
    revoked_ms = models.BigIntegerField(null=True)

    class Meta:
        """A device's keys are looked up with each report."""

        indexes: ClassVar = [models.Index(fields=["device", "not_after_ms"], name="device_keys")]

    def __str__(self) -> str:
        return f"{self.serial} of {self.device}"


class DeviceIdentity(models.Model):
    """What is sealed to a device and what it shows over SSH; `gate` says why it is refused."""

    device = models.CharField(max_length=_ID, primary_key=True)
    sealing_key = models.TextField()
    ssh_host_key = models.CharField(max_length=400)
    configuration_serial = models.BigIntegerField(default=0)
    enrolled_ms = models.BigIntegerField()
    gate = models.CharField(max_length=48, blank=True)

    def __str__(self) -> str:
        return self.device

"""Whom the relays refuse."""

from collections.abc import Mapping

from bedside.console.relays.actions.events import EventKind, add_event
from bedside.console.relays.models import RefusedDevice, RevokedCertificate
from bedside.vocabulary import Gate

__all__ = ["do_refuse_device", "do_restore_device", "do_revoke_certificates"]


def do_revoke_certificates(serials: Mapping[str, int], *, now: int) -> None:
    """Let no relay accept these certificates: serial (hex) to its end in Unix milliseconds."""
    for serial, not_after_ms in serials.items():
        _, new = RevokedCertificate.objects.get_or_create(
            serial=serial, defaults={"not_after_ms": not_after_ms}
        )
        if new:
            add_event(EventKind.REVOKED, serial, relay="", now=now)


def do_refuse_device(device: str, gate: Gate, *, now: int) -> None:
    """Let every relay refuse a device, and tell it by which gate."""
    RefusedDevice.objects.update_or_create(device=device, defaults={"gate": gate})
    add_event(EventKind.DEVICE_REFUSED, device, relay="", now=now)


def do_restore_device(device: str, *, now: int) -> bool:
    """Let the relays answer a device again; return whether it had been refused."""
    deleted, _ = RefusedDevice.objects.filter(pk=device).delete()
    if deleted:
        add_event(EventKind.DEVICE_RESTORED, device, relay="", now=now)
    return bool(deleted)

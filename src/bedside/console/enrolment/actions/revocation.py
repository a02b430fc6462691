"""Taking a device's certificates away: revoked by a person, or cloned by the look of it."""

from bedside.audit.entry import Actor, Thing
from bedside.console.enrolment.models import DeviceCertificate, DeviceIdentity, EnrolmentCode
from bedside.console.journal.actions import record
from bedside.console.relays.actions import do_refuse_device, do_revoke_certificates
from bedside.vocabulary import Gate, JournalAction, Outcome

__all__ = ["do_quarantine_clone", "do_revoke_certificates_of", "do_revoke_device"]


def do_revoke_device(device: str, *, gate: Gate, actor: Actor, now: int) -> int:
    """Let no relay serve a device: revoke its certificates, end its code; return how many there were.

    Args:
        device: whose.
        gate: what the device is told: `revoked_certificate` or `device_cloned`.
        actor: who decided it.
        now: Unix milliseconds.
    """
    EnrolmentCode.objects.filter(device=device, closed_ms=None).update(closed_ms=now)
    serials = do_revoke_certificates_of(device, now=now)
    DeviceIdentity.objects.filter(pk=device).update(gate=gate)
    do_refuse_device(device, gate, now=now)
    record(
        JournalAction.DEVICE_CERTIFICATE_REVOKED,
        actor=actor,
        thing=Thing("device", device),
        gate=gate,
        detail={"count": len(serials), "serial": serials[-1] if serials else ""},
        at_ms=now,
    )
    return len(serials)


def do_quarantine_clone(device: str, *, instance: str, relay: str, actor: Actor, now: int) -> bool:
    """Refuse a device of which two live copies were seen; return whether it was not refused before.

    Args:
        device: whose identity two copies use.
        instance: the one that came back after another had replaced it.
        relay: where it came back.
        actor: who saw it.
        now: Unix milliseconds.
    """
    identity = DeviceIdentity.objects.select_for_update().filter(pk=device).first()
    if identity is None or identity.gate:
        return False
    record(
        JournalAction.DEVICE_CLONE_DETECTED,
        actor=actor,
        thing=Thing("device", device),
        outcome=Outcome.FAILURE,
        gate=Gate.DEVICE_CLONED,
        detail={"instance": instance, "relay": relay},
        at_ms=now,
    )
    do_revoke_device(device, gate=Gate.DEVICE_CLONED, actor=actor, now=now)
    return True


def do_revoke_certificates_of(device: str, *, now: int) -> list[str]:
    """Revoke every certificate of a device that would still count; return the serials."""
    valid = DeviceCertificate.objects.filter(device=device, revoked_ms=None, not_after_ms__gt=now)
    serials = dict(valid.order_by("issued_ms").values_list("serial", "not_after_ms"))
    valid.update(revoked_ms=now)
    do_revoke_certificates(serials, now=now)
    return list(serials)

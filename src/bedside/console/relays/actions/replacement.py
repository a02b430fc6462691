"""A relay's new key takes its old certificates away, and no device meets a gap.

1. Until the relay has come with the new key it may show the old certificate: nothing is revoked.
2. Its assertion proves the new key, and says when the certificate that it shows runs out. Only where
   that is one over the new key does no device meet the old one there: a relay that reads its files
   while they are copied has the new key beside the old certificate for a while.
"""

from django.db.models import Exists, OuterRef

from bedside.audit.entry import Thing
from bedside.console.journal.actions import record, worker_actor
from bedside.console.relays.actions.refusals import do_revoke_certificates
from bedside.console.relays.models import Relay, RelayCertificate, RevokedCertificate
from bedside.vocabulary import JournalAction, RelayName

__all__ = ["do_note_key_replaced", "do_revoke_replaced"]


def do_note_key_replaced(relay: RelayName) -> None:
    """Note that what a relay was given so far is over a key that is no longer its own."""
    RelayCertificate.objects.filter(relay=relay).update(replaced=True)
    # What it shows is unknown until an assertion by the new key says so.
    Relay.objects.filter(pk=relay).update(certificate_ends_ms=None)


def do_revoke_replaced(*, now: int) -> list[RelayName]:
    """Revoke the old certificates of relays that have come with their new key; return these.

    The caller tells the devices, whose next configurations name them.
    """
    revoked = RevokedCertificate.objects.filter(pk=OuterRef("pk"))
    # Both are whole seconds: a certificate and an assertion tell no more.
    new = RelayCertificate.objects.filter(
        relay=OuterRef("name"), replaced=False, not_after_ms=OuterRef("certificate_ends_ms")
    )
    shown = Relay.objects.filter(Exists(new), retired_ms=None)
    due = RelayCertificate.objects.filter(
        ~Exists(revoked), replaced=True, not_after_ms__gt=now, relay__in=shown.values("name")
    )
    found: dict[RelayName, dict[str, int]] = {}
    for row in due.order_by("relay", "not_after_ms", "serial"):
        found.setdefault(RelayName(row.relay), {})[row.serial] = row.not_after_ms
    for name, serials in found.items():
        do_revoke_certificates(serials, now=now)
        record(
            JournalAction.RELAY_CERTIFICATE_REVOKED,
            actor=worker_actor(),
            thing=Thing("relay", name),
            detail={"count": len(serials), "serial": next(reversed(serials))},
            at_ms=now,
        )
    return list(found)

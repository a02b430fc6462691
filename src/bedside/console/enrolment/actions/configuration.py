"""The configuration document: what the manufacturer sets on a device, with its SSH host certificate."""

from django.db.models import F

from bedside.console.enrolment.actions.documents import send_document
from bedside.console.enrolment.facts import DeviceFacts
from bedside.console.enrolment.models import DeviceIdentity
from bedside.console.keys import key_store
from bedside.console.relays.queries import relays, revoked_relays
from bedside.pki.delegated import delegated_key
from bedside.pki.keystore import KeyName
from bedside.pki.ssh_certificates import HOST_CERTIFICATE_DAYS, issue_host_certificate
from bedside.protocol.orders import DeviceConfiguration
from bedside.protocol.shapes import MAX_REVOKED
from bedside.vocabulary import MessageKind

__all__ = ["do_pass_configurations", "do_send_configuration"]

_DAY_MS = 24 * 3600 * 1000
_LIFE_MS = 30 * _DAY_MS
_LEAP = 1_000_000
"""More configurations than any device got between two backups."""


def do_pass_configurations() -> None:
    """Let the next configuration of each device count at the device, whichever it has by now.

    For a database that is older than what devices have heard.
    """
    DeviceIdentity.objects.update(configuration_serial=F("configuration_serial") + _LEAP)


def do_send_configuration(facts: DeviceFacts, *, now: int) -> str | None:
    """Send a device its configuration under the next serial; an older one that waits is dropped.

    Returns the relay that is told, None where none is yet or the device never enrolled (it gets
    its configuration with its first certificate).
    """
    identities = DeviceIdentity.objects.filter(pk=facts.device)
    if not identities.update(configuration_serial=F("configuration_serial") + 1):
        return None
    identity = identities.get()
    certificate = issue_host_certificate(
        delegated_key(key_store(), KeyName.SSH_HOST_CA),
        identity.ssh_host_key,
        device=facts.device,
        not_before_ms=now - 300_000,
        not_after_ms=now + HOST_CERTIFICATE_DAYS * _DAY_MS,
    )
    document = DeviceConfiguration(
        device=facts.device,
        serial=identity.configuration_serial,
        issued_ms=now,
        display_name=facts.display_name,
        site=facts.site,
        product=facts.product,
        relays=relays(),
        ssh_host_certificate=certificate,
        poll_mode=facts.poll_mode,
        locked=facts.locked,
        lock_reason=facts.lock_reason,
        contacts=facts.contacts,
        preferred=facts.preferred,
        revoked=revoked_relays(now=now)[:MAX_REVOKED],
    )
    return send_document(
        document,
        MessageKind.CONFIGURATION,
        device=facts.device,
        expires_ms=now + _LIFE_MS,
        now=now,
    )

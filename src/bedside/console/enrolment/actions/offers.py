"""An offer of enrolment: a one-time code, and the bundle that says whom the device will trust."""

import secrets

from bedside.audit.entry import Actor, Thing
from bedside.console.enrolment.authority import authority
from bedside.console.enrolment.facts import DeviceFacts, EnrolmentOffer
from bedside.console.enrolment.models import EnrolmentCode
from bedside.console.journal.actions import record
from bedside.console.journal.signer import verifier_key
from bedside.console.keys import key_store
from bedside.console.relays.queries import relays
from bedside.pki.keystore import KeyName
from bedside.pki.sealing import seal
from bedside.pki.signing import BUNDLE, public_key_pem, sign_envelope
from bedside.pki.ssh_certificates import ssh_key_line
from bedside.protocol.enrolment import CODE_BYTES, make_enrolment_code
from bedside.protocol.enrolment import EnrolmentCode as Code
from bedside.protocol.orders import EnrolmentBundle
from bedside.vocabulary import JournalAction

__all__ = ["NoRelayError", "do_offer_enrolment", "secret_info"]

_LIFE_MS = 72 * 3600 * 1000


class NoRelayError(RuntimeError):
    """A device would have nowhere to go: `bedside console add-relay` comes first."""


def do_offer_enrolment(facts: DeviceFacts, *, actor: Actor, now: int) -> EnrolmentOffer:
    """Make a code and a bundle for a device, valid for three days; an earlier code ends.

    Args:
        facts: what the bundle says of the device.
        actor: who offers it.
        now: Unix milliseconds.

    Raises:
        NoRelayError: there is no relay yet.
    """
    if not relays():
        raise NoRelayError("add a relay first: bedside console add-relay")
    EnrolmentCode.objects.filter(device=facts.device, closed_ms=None).update(closed_ms=now)
    code = _new_code()
    expires_ms = now + _LIFE_MS
    store = key_store()
    EnrolmentCode.objects.create(
        id=code.id,
        device=facts.device,
        sealed_secret=seal(
            store.public_key(KeyName.REPORT), code.secret.encode(), info=secret_info(code.id)
        ),
        offered_ms=now,
        expires_ms=expires_ms,
    )
    bundle = _bundle(facts, code.id, now=now, expires_ms=expires_ms)
    record(
        JournalAction.DEVICE_ENROLMENT_OFFERED,
        actor=actor,
        thing=Thing("device", facts.device),
        detail={"code_id": code.id, "expires_ms": expires_ms},
        at_ms=now,
    )
    signed = sign_envelope(bundle.to_bytes(), BUNDLE, store.signer(KeyName.MANUFACTURER))
    return EnrolmentOffer(str(code), signed, expires_ms)


def secret_info(code_id: str) -> bytes:
    """Return what a code's secret is sealed for."""
    return f"bedside/enrolment/{code_id}".encode()


def _new_code() -> Code:
    while True:
        code = make_enrolment_code(secrets.token_bytes(CODE_BYTES))
        if not EnrolmentCode.objects.filter(pk=code.id).exists():
            return code


def _bundle(facts: DeviceFacts, code_id: str, *, now: int, expires_ms: int) -> EnrolmentBundle:
    store = key_store()
    return EnrolmentBundle(
        enrolment=code_id,
        device=facts.device,
        product=facts.product,
        display_name=facts.display_name,
        site=facts.site,
        relays=relays(),
        ca=authority().pem,
        ssh_user_ca=ssh_key_line(store.public_key(KeyName.SSH_USER_CA)),
        ssh_host_ca=ssh_key_line(store.public_key(KeyName.SSH_HOST_CA)),
        order_keys=(public_key_pem(store.public_key(KeyName.ORDER)),),
        report_key=public_key_pem(store.public_key(KeyName.REPORT)),
        checkpoint_key=verifier_key().to_text(),
        issued_ms=now,
        expires_ms=expires_ms,
    )

"""Documents on their way to a device: signed by the console, then sealed to the device."""

from bedside.console.enrolment.models import DeviceIdentity
from bedside.console.journal.queries import newest_note
from bedside.console.keys import key_store
from bedside.console.relays.actions import do_send_message, do_withdraw_messages
from bedside.pki.keystore import KeyName
from bedside.pki.sealing import message_info, seal
from bedside.pki.signing import (
    CONFIGURATION,
    ORDER,
    RECEIPT,
    WITHDRAWAL,
    load_public_key,
    sign_envelope,
)
from bedside.protocol.orders import Document, Receipt, SessionOrder, Withdrawal
from bedside.vocabulary import DeviceId, MessageKind

__all__ = [
    "do_send_order",
    "do_send_receipt",
    "do_send_site_policy",
    "do_send_withdrawal",
    "send_document",
]

_DAY_MS = 24 * 3600 * 1000
# A device that was away for longer reports from the start of what it still owes anyway.
_RECEIPT_LIFE_MS = 7 * _DAY_MS
# A device that was in storage for a season still gets its site's policy when it comes back.
_POLICY_LIFE_MS = 365 * _DAY_MS


def do_send_order(order: SessionOrder, *, now: int) -> str | None:
    """Send an order; return the relay it waits at, None where the device has not been seen yet.

    Raises DeviceIdentity.DoesNotExist for a device that is not enrolled.
    """
    return send_document(
        order,
        MessageKind.ORDER,
        device=order.device,
        session=order.session,
        expires_ms=order.answer_by_ms,
        now=now,
    )


def do_send_withdrawal(withdrawal: Withdrawal, *, now: int) -> str | None:
    """Take a session back: an order that still waits is removed, and the device is told.

    The device is told in any case: a relay may have delivered the order a moment ago.
    """
    do_withdraw_messages(withdrawal.session, MessageKind.ORDER, now=now)
    return send_document(
        withdrawal,
        MessageKind.WITHDRAWAL,
        device=withdrawal.device,
        session=withdrawal.session,
        expires_ms=withdrawal.issued_ms + _DAY_MS,
        now=now,
    )


def do_send_receipt(device: DeviceId, *, size: int, head: str, now: int) -> str | None:
    """Tell a device how far its journal is known here, and show it the console's newest checkpoint.

    Sends nothing, and returns None, before the first checkpoint.
    """
    checkpoint = newest_note()
    if not checkpoint:
        return None
    receipt = Receipt(device=device, size=size, head=head, checkpoint=checkpoint, sent_ms=now)
    return send_document(
        receipt, MessageKind.RECEIPT, device=device, expires_ms=now + _RECEIPT_LIFE_MS, now=now
    )


def do_send_site_policy(device: DeviceId, envelope: bytes, *, now: int) -> str | None:
    """Send a policy as the site signed it: the console seals it, and can change nothing in it."""
    identity = DeviceIdentity.objects.get(pk=device)
    sealed = seal(load_public_key(identity.sealing_key), envelope, info=message_info(device))
    return do_send_message(
        device, MessageKind.SITE_POLICY, sealed, expires_ms=now + _POLICY_LIFE_MS, now=now
    )


_TYPES = {
    MessageKind.CONFIGURATION: CONFIGURATION,
    MessageKind.ORDER: ORDER,
    MessageKind.RECEIPT: RECEIPT,
    MessageKind.WITHDRAWAL: WITHDRAWAL,
}


def send_document(
    document: Document,
    kind: MessageKind,
    *,
    device: DeviceId,
    expires_ms: int,
    now: int,
    session: str = "",
) -> str | None:
    """Sign, seal and put into the outbox; return the relay that is told, None where none is yet."""
    identity = DeviceIdentity.objects.get(pk=device)
    signer = key_store().signer(KeyName.ORDER)
    envelope = sign_envelope(document.to_bytes(), _TYPES[kind], signer)
    sealed = seal(load_public_key(identity.sealing_key), envelope, info=message_info(device))
    return do_send_message(device, kind, sealed, session=session, expires_ms=expires_ms, now=now)

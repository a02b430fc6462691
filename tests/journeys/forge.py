"""Somebody who holds the console's keys and means harm.

A script of its own, beside the real console: it changes what it runs. It asks in a specialist's
name, past the console's own rules, and signs, seals and sends what the device must refuse by
itself. `order` is the order that nothing is wrong with: the device must ask its operator.
"""

import tempfile
from dataclasses import replace
from pathlib import Path


def main(kind: str, session: str = "") -> str:
    """Send what `kind` says; return the session's id."""
    return _send_again(session) if kind == "again" else _ask(kind)


def _ask(kind: str) -> str:
    from bedside.console.accounts.models import User
    from bedside.console.devices.models import Device
    from bedside.console.service_sessions.actions import orders, request
    from bedside.console.service_sessions.requests import SessionRequest
    from bedside.demo.people import DEVICE, MARIE
    from bedside.policy.decide import Decision
    from bedside.specialist.keys import new_key
    from bedside.vocabulary import AccessKind, Mode

    def send(order, *, now):  # type: ignore[no-untyped-def]
        from bedside.console.enrolment.actions import documents

        if kind == "signer":
            documents.key_store = _stranger
        return documents.send_document(
            _altered(order, kind, now),
            "order",
            device=DEVICE,
            session=order.session,
            expires_ms=now + 60_000,
            now=now,
        )

    request.decide = lambda _facts, _now: Decision(allowed=True, reasons=(), obligations=())
    orders.enrolment.do_send_order = send
    asked = SessionRequest(
        access=AccessKind.SYSTEM,
        mode=Mode.CONTROL,
        duration_s=1800,
        case="C-88213",
        reason="Nobody knows",
        public_key=new_key()[1],
    )
    device, person = Device.objects.get(pk=DEVICE), User.objects.get(email=MARIE.email)
    return str(request.do_request_session(device, asked, acting_user=person).pk)


def _altered(order, kind, now):  # type: ignore[no-untyped-def]
    from bedside.vocabulary import DeviceId

    match kind:
        case "expired":
            return replace(order, issued_ms=now - 600_000, answer_by_ms=now - 300_000)
        case "product":
            return replace(order, product="workstation")
        case "device":
            return replace(order, device=DeviceId("CI-99999"))
    return order


def _stranger():  # type: ignore[no-untyped-def]
    from bedside.pki.keystore import FileKeyStore, KeyName

    store = FileKeyStore(Path(tempfile.mkdtemp()) / "keys")
    store.create(KeyName.ORDER)
    return store


def _send_again(session: str) -> str:
    from django.db import transaction

    from bedside.console.journal.actions import now_ms
    from bedside.console.relays.actions import do_send_message
    from bedside.console.relays.models import DeviceMessage
    from bedside.vocabulary import MessageKind

    kept = DeviceMessage.objects.filter(session=session, kind=MessageKind.ORDER).earliest("id")
    now = now_ms()
    with transaction.atomic():
        do_send_message(
            kept.device,
            MessageKind.ORDER,
            bytes(kept.sealed),
            session=session,
            expires_ms=now + 60_000,
            now=now,
        )
    return session

"""A device's report arrives: opened, checked, kept, applied to its sessions, and receipted.

What cannot be the device's own word is refused before anything of it is read: it must be sealed to
this console for this device, and signed by a key that was issued to it.
"""

import json
import logging
from binascii import a2b_base64, b2a_base64

from django.db import transaction

from bedside.audit.entry import EntryError, parse_entry
from bedside.console.cases.actions import do_apply_help
from bedside.console.enrolment.actions import do_send_receipt
from bedside.console.enrolment.queries import identity_keys
from bedside.console.journal.device_journals import (
    Reception,
    Signed,
    Verdict,
    do_reject_report,
    do_store_report,
)
from bedside.console.keys import key_store
from bedside.console.log import told
from bedside.console.service_sessions.actions import do_apply_device_entry
from bedside.console.sites.policies import do_follow_device
from bedside.pki.keystore import KeyName
from bedside.pki.sealing import SealError, report_info
from bedside.pki.signing import (
    REPORT,
    PublicKey,
    SignatureError,
    open_envelope,
    pre_authentication,
    verify,
)
from bedside.protocol.errors import ProtocolError
from bedside.protocol.orders import MAX_REPORT_DOCUMENT, DeviceReport
from bedside.vocabulary import DeviceId, JournalAction

__all__ = ["ReportRefusedError", "do_receive_report", "open_report"]

_log = logging.getLogger("bedside.live")


class ReportRefusedError(ValueError):
    """Not this device's own word; the message is the reason, one word."""


def do_receive_report(device: DeviceId, sealed: bytes, *, relay: str, now: int) -> Reception | None:
    """Take in what is new of a device's journal; return None where it was refused unread.

    Coming again, a report changes nothing but is receipted again: the device may have missed it.
    """
    try:
        report, signed = open_report(device, sealed, now=now)
    except ReportRefusedError as error:
        do_reject_report(device, str(error), relay=relay, now=now)
        return None
    reception = do_store_report(report, signed, now=now)
    news = _apply(device, reception.new, now)
    if reception.verdict is Verdict.CONFLICT:
        return reception
    if news or reception.verdict is not Verdict.RECEIVED:
        head = reception.head
        do_send_receipt(device, size=head.size, head=head.hash, now=now)
    return reception


def open_report(device: DeviceId, sealed: bytes, *, now: int) -> tuple[DeviceReport, Signed]:
    """Return a report with the signature that was checked; raises ReportRefusedError."""
    keys = identity_keys(device, now=now)
    try:
        envelope = key_store().unseal(KeyName.REPORT, sealed, info=report_info(device))
        payload = open_envelope(envelope, REPORT, keys, limit=MAX_REPORT_DOCUMENT)
        report = DeviceReport.from_bytes(payload)
    except SealError:
        raise ReportRefusedError("sealed") from None
    except SignatureError as error:
        raise ReportRefusedError(error.code) from None
    except ProtocolError:
        raise ReportRefusedError("malformed") from None
    if report.device != device:
        raise ReportRefusedError("device")
    if report.to_bytes() != payload:
        # The signature goes into the journal, to be checked against what is kept.
        raise ReportRefusedError("canonical")
    return report, _signature(envelope, payload, keys)


def _signature(envelope: bytes, payload: bytes, keys: dict[str, PublicKey]) -> Signed:
    signed = pre_authentication(payload, REPORT)
    for each in json.loads(envelope)["signatures"]:
        raw = a2b_base64(each["sig"])
        if each["keyid"] in keys and verify(keys[each["keyid"]], raw, signed):
            text = b2a_base64(raw, newline=False).decode("ascii")
            return Signed(envelope, text, each["keyid"])
    raise ReportRefusedError("signature")


def _apply(device: DeviceId, lines: tuple[bytes, ...], now: int) -> bool:
    """Let the sessions follow; return whether there was more than the device's own witness."""
    news = False
    for line in lines:
        try:
            entry = parse_entry(line)
        except EntryError:
            news = True  # of a later version: kept, receipted, and nothing that we could act on
            continue
        news = news or entry.action is not JournalAction.JOURNAL_WITNESS_RECORDED
        try:
            with transaction.atomic():
                do_apply_device_entry(device, entry, now=now)
                do_apply_help(device, entry, now=now)
                do_follow_device(device, entry, now=now)
        except Exception:  # noqa: BLE001 - the entry is kept whatever the session makes of it
            _log.exception(
                "entry %s of %s could not be applied",
                entry.seq,
                device,
                extra=told("entry_not_applied", device=device, session=entry.session),
            )
    return news

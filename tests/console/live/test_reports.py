import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from bedside.audit.entry import Actor, ActorKind, parse_entry
from bedside.audit.witness import parse_received, report_payload
from bedside.console.journal.actions import now_ms
from bedside.console.journal.device_journals import Verdict, known_head
from bedside.console.journal.models import JournalRow
from bedside.console.journal.queries import device_entries, device_witness
from bedside.console.live.reports import do_receive_report
from bedside.console.relays.models import DeviceMessage
from bedside.pki.sealing import report_info
from bedside.pki.signing import (
    RECEIPT,
    REPORT,
    KeySigner,
    pre_authentication,
    sign_envelope,
    verify,
)
from bedside.protocol.orders import Receipt
from bedside.vocabulary import (
    DeviceId,
    Gate,
    JournalAction,
    MessageKind,
    Outcome,
    SessionState,
)
from tests.console.live.world import LiveDevice, ask_for_session
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, FOREIGN

pytestmark = pytest.mark.django_db


def receive(device: LiveDevice, sealed: bytes, name: str = DEVICE):
    return do_receive_report(DeviceId(name), sealed, relay="a", now=now_ms())


def rejections() -> list[str]:
    rows = JournalRow.objects.filter(action="journal:device:rejected").order_by("id")
    return [parse_entry(bytes(row.entry)).detail["reason_code"] for row in rows]


def receipts(device: LiveDevice) -> list[Receipt]:
    return [
        Receipt.from_bytes(device.open(message, RECEIPT))
        for message in device.waiting()
        if message.message_kind is MessageKind.RECEIPT
    ]


def test_a_report_is_kept_witnessed_and_receipted(device):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    reception = receive(device, device.report())
    assert reception.verdict is Verdict.RECEIVED
    assert list(device_entries(DEVICE)) == device.lines
    (receipt,) = receipts(device)
    assert (receipt.size, receipt.head) == (1, device.head.hash)
    assert receipt.checkpoint.startswith("localhost/journal\n")


def test_the_journal_keeps_the_devices_own_signature(device):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    receive(device, device.report())
    row = JournalRow.objects.get(action="journal:device:received")
    received = parse_received(parse_entry(bytes(row.entry)))
    payload = report_payload(received, device.lines)
    signature = base64.b64decode(received.signature)
    public = device.keys.identity.public_key()
    assert verify(public, signature, pre_authentication(payload, REPORT))
    assert received.key_id == device.keys.signer.key_id


def test_a_replay_changes_nothing_and_is_receipted_again(device):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    sealed = device.report()
    receive(device, sealed)
    before = JournalRow.objects.count()
    assert receive(device, sealed).verdict is Verdict.KNOWN
    assert JournalRow.objects.count() == before
    assert len(receipts(device)) == 1


def test_a_gap_is_asked_for_again_from_the_known_end(device):
    for _ in range(3):
        device.write(JournalAction.AGENT_PROCESS_STARTED)
    assert receive(device, device.report(first=2)).verdict is Verdict.GAP
    (receipt,) = receipts(device)
    assert receipt.size == 0
    assert receive(device, device.report(first=receipt.size)).verdict is Verdict.RECEIVED
    assert rejections() == []


def test_a_fork_is_evidence_and_gets_no_receipt(device):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    receive(device, device.report())
    copy = LiveDevice(device.keys)
    copy.write(JournalAction.AGENT_PROCESS_STOPPED)
    held = receipts(device)
    assert receive(device, copy.report()).verdict is Verdict.CONFLICT
    assert device_witness(DEVICE).conflict
    assert receipts(device) == held
    assert known_head(DEVICE) == device.head


def test_what_another_key_signed_is_refused(device):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    thief = KeySigner(generate_private_key(SECP256R1()))
    assert receive(device, device.report(signer=thief)) is None
    assert rejections() == ["unknown_key"]
    assert list(device_entries(DEVICE)) == []


def test_a_report_of_another_device_is_refused(device):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    assert receive(device, device.report(), name=FOREIGN) is None
    assert receive(device, device.report(info=report_info(DeviceId(FOREIGN)))) is None
    assert rejections() == ["sealed", "sealed"]


def test_a_report_that_names_another_device_is_refused(device):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    payload = device.document(device=FOREIGN).to_bytes()
    sealed = device.sealed(sign_envelope(payload, REPORT, device.keys.signer))
    assert receive(device, sealed) is None
    assert rejections() == ["device"]


@pytest.mark.parametrize("payload", [b"{}", b"x", b'{"v":1}'])
def test_what_is_no_report_is_refused(device, payload):
    sealed = device.sealed(sign_envelope(payload, REPORT, device.keys.signer))
    assert receive(device, sealed) is None
    assert rejections() == ["malformed"]


def test_a_report_in_another_spelling_is_refused(device):
    device.write(JournalAction.AGENT_PROCESS_STARTED)
    spaced = json.dumps(json.loads(device.document().to_bytes())).encode()
    sealed = device.sealed(sign_envelope(spaced, REPORT, device.keys.signer))
    assert receive(device, sealed) is None
    assert rejections() == ["canonical"]


@pytest.mark.parametrize("sealed", [b"x", bytes(100)])
def test_what_was_not_sealed_to_us_is_refused(device, sealed):
    assert receive(device, sealed) is None
    assert rejections() == ["sealed"]


def test_the_device_drives_its_session_by_its_journal(device):
    session = ask_for_session()
    operator = Actor(ActorKind.OPERATOR, "panel", "Josée Roy")
    steps = [
        (JournalAction.SESSION_CONSENT_ASKED, None, SessionState.AWAITING_OPERATOR),
        (JournalAction.SESSION_CONSENT_GIVEN, operator, SessionState.CONNECTING),
        (JournalAction.SESSION_TUNNEL_OPENED, None, SessionState.AUTHENTICATING),
        (JournalAction.SESSION_LIFE_LIVE, None, SessionState.LIVE_CONTROL),
    ]
    for number, (action, actor, state) in enumerate(steps):
        device.write(action, session=session.pk, actor=actor)
        receive(device, device.report(first=number))
        session.refresh_from_db()
        assert session.state == state
    assert session.operator == "Josée Roy"
    device.write(JournalAction.SESSION_LIFE_ENDED, session=session.pk, ending="by_operator")
    receive(device, device.report(first=4))
    session.refresh_from_db()
    assert (session.state, session.ending) == ("ended", "by_operator")


def test_a_refusal_at_the_device_ends_the_session_with_its_gate(device):
    session = ask_for_session()
    device.write(JournalAction.ORDER_DOCUMENT_REFUSED, session=session.pk, gate=Gate.EXAM_RUNNING)
    receive(device, device.report())
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("refused", "exam_running")


def test_a_device_cannot_speak_of_another_devices_session(device):
    session = ask_for_session()
    type(session).objects.filter(pk=session.pk).update(device=FOREIGN)
    device.write(JournalAction.SESSION_CONSENT_GIVEN, session=session.pk)
    assert receive(device, device.report()).verdict is Verdict.RECEIVED
    session.refresh_from_db()
    assert session.state == SessionState.ROUTED


def test_its_own_witness_alone_gets_no_receipt(device):
    device.write(JournalAction.JOURNAL_WITNESS_RECORDED)
    assert receive(device, device.report()).verdict is Verdict.RECEIVED
    assert receipts(device) == []


def test_a_device_that_trusts_its_site_s_key_is_sent_the_site_s_policy(device):
    def policies() -> int:
        found = [m for m in device.waiting() if m.message_kind is MessageKind.SITE_POLICY]
        return len(found)

    device.write(JournalAction.SITE_KEY_TRUSTED)
    receive(device, device.report())
    assert policies() == 0  # the site has published none
    hand = SiteHand()
    hand.register()
    hand.publish()
    DeviceMessage.objects.filter(kind=MessageKind.SITE_POLICY).delete()  # it was refused there
    device.write(
        JournalAction.SITE_KEY_TRUSTED, outcome=Outcome.REFUSED, gate=Gate.SITE_POLICY_SIGNATURE
    )
    receive(device, device.report(1))
    assert policies() == 0
    device.write(JournalAction.SITE_KEY_TRUSTED)
    receive(device, device.report(2))
    assert policies() == 1

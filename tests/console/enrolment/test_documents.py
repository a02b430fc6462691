import pytest
from django.db import transaction

from bedside.audit.entry import SYSTEM
from bedside.console.enrolment.actions import (
    NoRelayError,
    do_issue_session_credentials,
    do_send_configuration,
    do_send_order,
    do_send_receipt,
    do_send_withdrawal,
)
from bedside.console.enrolment.authority import authority, create_authority
from bedside.console.enrolment.models import DeviceIdentity
from bedside.console.journal.export import log_folder
from bedside.console.journal.sealing import Sequencer
from bedside.console.journal.signer import log_signer
from bedside.console.keys import key_store
from bedside.console.relays.actions import (
    do_note_relay_certificate,
    do_note_sightings,
    do_retire_relay,
)
from bedside.console.relays.models import Relay
from bedside.console.relays.queries import feed_since
from bedside.pki.host_certificates import open_host_certificate
from bedside.pki.keystore import KeyName, KeyStoreError
from bedside.pki.signing import (
    BUNDLE,
    CONFIGURATION,
    ORDER,
    RECEIPT,
    WITHDRAWAL,
    key_id,
    open_envelope,
)
from bedside.pki.ssh_certificates import ssh_key_line
from bedside.protocol.feed import MessageOffered
from bedside.protocol.orders import (
    DeviceConfiguration,
    EnrolmentBundle,
    Receipt,
    SessionOrder,
    Withdrawal,
)
from bedside.protocol.shapes import Person
from bedside.vocabulary import AccessKind, DeviceId, Ending, Level, Mode, SessionId
from tests.console.enrolment.world import DEVICE, NOW, Device, facts, make_console, offer, uris
from tests.console.relays.world import SESSION, seen

pytestmark = pytest.mark.django_db
HEAD = "0" * 64


@pytest.fixture(autouse=True)
def console(settings, tmp_path):
    make_console(settings, tmp_path / "console")


@pytest.fixture
def device(tmp_path):
    device = Device.born(tmp_path / "device")
    device.enrol(offer().code)
    do_note_sightings("a", [seen()], now=NOW)
    return device


def order() -> SessionOrder:
    return SessionOrder(
        session=SessionId(SESSION),
        device=DeviceId(DEVICE),
        product="contrast-injector",
        person=Person(id="7", name="Marie", employer="Bayard", level=Level.TWO, country="US"),
        access=AccessKind.SYSTEM,
        mode=Mode.CONTROL,
        reason="Pressure fault",
        case="C-1",
        ticket=None,
        issued_ms=NOW,
        answer_by_ms=NOW + 60_000,
        duration_s=600,
        idle_s=300,
        specialist_key="SHA256:" + "A" * 43,
        proof_seed=bytes(32),
        max_bytes=1000,
        checkpoint="none yet",
    )


def waiting(relay="a") -> list[MessageOffered]:
    return list(feed_since(relay, "", now=NOW).events)


def test_a_device_opens_its_order_and_nobody_else_does(device, tmp_path):
    assert do_send_order(order(), now=NOW) == "a"
    (message,) = waiting()
    assert SessionOrder.from_bytes(device.open(message.sealed, ORDER)) == order()
    with pytest.raises(ValueError, match="sealed"):
        Device.born(tmp_path / "other").open(message.sealed, ORDER)
    assert waiting("b") == []


def test_a_withdrawal_takes_the_waiting_order_back_and_tells_the_device(device):
    do_send_order(order(), now=NOW)
    withdrawal = Withdrawal(
        session=SessionId(SESSION),
        device=DeviceId(DEVICE),
        ending=Ending.BY_SPECIALIST,
        by="Marie Tremblay",
        gate=None,
        issued_ms=NOW,
    )
    do_send_withdrawal(withdrawal, now=NOW)
    (message,) = waiting()
    assert Withdrawal.from_bytes(device.open(message.sealed, WITHDRAWAL)) == withdrawal


def test_a_receipt_shows_the_newest_checkpoint(device):
    assert do_send_receipt(device.name, size=3, head=HEAD, now=NOW) is None
    sequencer = Sequencer(log_folder(), log_signer())
    sequencer.seal(now=NOW)
    sequencer.close()
    do_send_receipt(device.name, size=3, head=HEAD, now=NOW)
    (message,) = waiting()
    receipt = Receipt.from_bytes(device.open(message.sealed, RECEIPT))
    assert (receipt.size, receipt.checkpoint.split("\n")[0]) == (3, "localhost/journal")


def test_each_configuration_has_a_higher_serial_and_a_host_certificate(device):
    do_send_configuration(facts(), now=NOW)
    do_send_configuration(facts(locked=True, lock_reason="recall"), now=NOW)
    (message,) = waiting()
    document = DeviceConfiguration.from_bytes(device.open(message.sealed, CONFIGURATION))
    assert (document.serial, document.locked, document.lock_reason) == (2, True, "recall")
    assert [relay.name for relay in document.relays] == ["a", "b"]
    assert document.ssh_host_certificate.startswith("ecdsa-sha2-nistp256-cert-v01@openssh.com ")


def test_a_configuration_names_the_certificates_of_relays_that_were_retired(device):
    do_note_relay_certificate("b", "c0ffee", not_after_ms=NOW + 2)
    do_note_relay_certificate("a", "decaf", not_after_ms=NOW + 2)
    with transaction.atomic():
        do_retire_relay("b", reason="x", despite_devices=False, actor=SYSTEM, now=NOW)
    for now, revoked in ((NOW + 1, ("c0ffee",)), (NOW + 2, ())):
        do_send_configuration(facts(), now=now)
        message = waiting()[-1]
        document = DeviceConfiguration.from_bytes(device.open(message.sealed, CONFIGURATION))
        assert [relay.name for relay in document.relays] == ["a"]
        assert document.revoked == revoked


def test_a_device_that_never_enrolled_gets_no_configuration_and_no_order():
    assert do_send_configuration(facts("CI-NEW"), now=NOW) is None
    with pytest.raises(DeviceIdentity.DoesNotExist):
        do_send_order(order(), now=NOW)


def test_the_bundle_is_signed_by_the_manufacturer_and_pins_what_the_console_uses():
    made = offer()
    key = key_store().public_key(KeyName.MANUFACTURER)
    bundle = EnrolmentBundle.from_bytes(
        open_envelope(made.bundle, BUNDLE, {key_id(key): key}, limit=EnrolmentBundle.LIMIT)
    )
    assert (bundle.device, bundle.enrolment) == (DEVICE, made.code[:5])
    assert bundle.ca == authority().pem
    assert bundle.ssh_user_ca == ssh_key_line(key_store().public_key(KeyName.SSH_USER_CA))
    assert bundle.checkpoint_key.startswith("localhost/journal+")


def test_without_a_relay_nobody_is_offered_enrolment():
    Relay.objects.all().delete()
    with pytest.raises(NoRelayError, match="add-relay"):
        offer()


def test_a_specialist_gets_credentials_for_one_session(device):
    line = ssh_key_line(device.keys.ssh_host.public_key())
    issued = do_issue_session_credentials(
        SESSION, line, "Marie", device=DEVICE, not_before=NOW, not_after=NOW + 600_000
    )
    assert uris(issued.client_certificate) == [f"bedside:session/{SESSION}"]
    shown = open_host_certificate(issued.ssh_host_certificate, device=DEVICE, now_ms=NOW)
    assert shown.key == line
    assert issued.ssh_certificate.startswith("ecdsa-sha2-nistp256-cert-v01@openssh.com ")


def test_the_authority_is_made_once(settings, tmp_path):
    assert create_authority(name="Bayard Imaging", now=NOW) == []
    (tmp_path / "console" / "ca.pem").unlink()
    with pytest.raises(KeyStoreError, match="belong together"):
        create_authority(name="Bayard Imaging", now=NOW)


def test_before_init_there_is_no_authority(settings, tmp_path):
    settings.BEDSIDE_DATA_DIR = tmp_path / "new"
    with pytest.raises(KeyStoreError, match="console init"):
        authority()

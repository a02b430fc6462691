import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from bedside.audit.entry import SYSTEM
from bedside.console.devices.actions import do_offer_enrolment
from bedside.console.devices.models import Device
from bedside.console.enrolment.queries import identity
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.live.est import Carried, answer_est
from bedside.pki.device_keys import create_device_keys
from bedside.pki.requests import build_enrolment_request, build_renewal_request
from bedside.protocol.enrolment import parse_enrolment_code
from bedside.protocol.poll import parse_refusal
from bedside.vocabulary import DeviceId, Gate, MessageKind
from tests.console.live.world import LiveDevice
from tests.console.world import DEVICE, FOREIGN, actions_of

pytestmark = pytest.mark.django_db
FROM = "192.0.2.7"


def ask(verb: str, body: bytes = b"", *, peer: str = "", serial: str = ""):
    return answer_est(verb, body, Carried(FROM, peer, serial), now=now_ms())


def issued(reply) -> x509.Certificate:
    assert reply.status == 200, reply.body
    (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(reply.body))
    return certificate


@pytest.fixture
def born(world, tmp_path):
    """A device with keys and an offer, not enrolled yet: its request in EST's form."""
    (tmp_path / "born").mkdir()
    keys = create_device_keys(tmp_path / "born")
    offer = do_offer_enrolment(Device.objects.get(pk=DEVICE), acting_user=SYSTEM)
    code = parse_enrolment_code(offer.code)
    request = build_enrolment_request(keys.request, DeviceId(DEVICE), code)
    return LiveDevice(keys), base64.encodebytes(request)


def test_a_device_enrols_and_is_configured_in_one_step(born):
    device, body = born
    certificate = issued(ask("simpleenroll", body))
    assert certificate.public_key() == device.keys.identity.public_key()
    assert Device.objects.get(pk=DEVICE).state == "enrolled"
    assert identity(DEVICE).configuration_serial == 1
    assert "device:enrolment:completed" in actions_of(device=DEVICE)


def test_a_used_code_is_refused_and_journalled_with_its_source(born):
    _, body = born
    issued(ask("simpleenroll", body))
    reply = ask("simpleenroll", body)
    assert reply.status == 403
    assert parse_refusal(reply.body).gate is Gate.ENROLMENT_CODE
    row = JournalRow.objects.get(action="device:enrolment:refused")
    assert (row.gate, row.device) == ("enrolment_code", DEVICE)
    assert FROM.encode() in bytes(row.entry)


@pytest.mark.parametrize("body", [b"", b"!!!", b"AAAA", b"A" * 9000])
def test_what_is_no_request_is_refused(world, body):
    assert ask("simpleenroll", body).status == 400
    assert ask("simplereenroll", body).status == 400


def test_a_certificate_renews_itself_and_brings_a_configuration(device, tmp_path):
    old = identity(DEVICE)
    (tmp_path / "next").mkdir()
    keys = create_device_keys(tmp_path / "next", keep=device.keys)
    request = build_renewal_request(keys.request, device.name, device.keys.identity)
    body = base64.encodebytes(request)
    reply = ask("simplereenroll", body, peer=f"bedside:device/{DEVICE}", serial=old.serial)
    assert issued(reply).public_key() == keys.identity.public_key()
    kinds = [message.message_kind for message in device.waiting()]
    assert kinds == [MessageKind.CONFIGURATION]
    assert identity(DEVICE).configuration_serial == old.configuration_serial + 1


def test_a_renewal_for_another_peer_is_refused_and_issues_nothing(device, tmp_path):
    old = identity(DEVICE)
    (tmp_path / "next").mkdir()
    keys = create_device_keys(tmp_path / "next", keep=device.keys)
    request = build_renewal_request(keys.request, device.name, device.keys.identity)
    body = base64.encodebytes(request)
    reply = ask("simplereenroll", body, peer=f"bedside:device/{FOREIGN}", serial=old.serial)
    assert reply.status == 403
    assert identity(DEVICE).serial == old.serial
    assert ask("simplereenroll", body).status == 403


def test_the_ca_and_the_attributes_are_there_for_readers(world):
    assert issued(ask("cacerts")).subject == issued(ask("cacerts")).issuer
    assert ask("csrattrs").headers["content-type"] == "application/csrattrs"
    assert base64.b64decode(ask("csrattrs").body).startswith(b"\x30\x22\x06\x09")


def test_an_unknown_verb_is_not_found(world):
    assert ask("fullcmc").status == 404


def test_guessing_does_not_fill_the_journal(world):
    for _ in range(70):
        ask("simpleenroll", b"")
    assert JournalRow.objects.filter(action="device:enrolment:refused").count() == 60

import json
from base64 import b64decode

import pytest

from bedside.audit.entry import SYSTEM
from bedside.console.enrolment.actions import (
    EnrolmentRefusedError,
    do_enrol,
    do_quarantine_clone,
    do_record_refusal,
    do_renew,
    do_revoke_device,
)
from bedside.console.enrolment.authority import authority
from bedside.console.enrolment.models import EnrolmentCode
from bedside.console.enrolment.queries import identity, identity_keys, offered
from bedside.console.journal.models import JournalRow
from bedside.console.relays.queries import feed_since
from bedside.pki import requests
from bedside.pki.authority import certs_only
from bedside.pki.device_keys import open_certificate
from bedside.pki.requests import build_enrolment_request, check_request
from bedside.pki.ssh_certificates import fingerprint, ssh_key_line
from bedside.protocol.enrolment import parse_enrolment_code
from bedside.vocabulary import Gate
from tests.console.enrolment.world import DEVICE, NOW, Device, make_console, offer, uris

pytestmark = pytest.mark.django_db
DAY = 24 * 3600 * 1000


@pytest.fixture(autouse=True)
def console(settings, tmp_path):
    make_console(settings, tmp_path / "console")


@pytest.fixture
def device(tmp_path):
    return Device.born(tmp_path / "device")


def journal() -> list[str]:
    rows = JournalRow.objects.exclude(action="relay:record:created").order_by("id")
    return list(rows.values_list("action", flat=True))


def refused(act, *arguments, **more) -> EnrolmentRefusedError:
    with pytest.raises(EnrolmentRefusedError) as caught:
        act(*arguments, **more)
    return caught.value


def test_a_code_gives_a_certificate_in_the_devices_own_name(device):
    enrolled = device.enrol(offer().code)
    assert uris(enrolled.certificate.pem) == [f"bedside:device/{DEVICE}"]
    assert identity(DEVICE).serial == enrolled.certificate.serial
    assert list(identity_keys(DEVICE, now=NOW)) == [device.keys.signer.key_id]
    assert journal() == [
        "device:enrolment:offered",
        "device:enrolment:completed",
        "device:certificate:issued",
    ]


def test_the_sealed_log_holds_the_key_that_the_device_showed(device):
    device.enrol(offer().code)
    entry = json.loads(JournalRow.objects.get(action="device:enrolment:completed").entry)
    line = ssh_key_line(device.keys.ssh_host.public_key())
    assert entry["detail"]["fingerprint"] == fingerprint(line)


def test_the_answer_is_what_a_device_accepts(device):
    enrolled = device.enrol(offer().code)
    answer = b64decode(certs_only(enrolled.certificate.pem))
    public = device.keys.identity.public_key()
    open_certificate(answer, authority().pem, public, device=device.name, now_ms=NOW)


def test_a_code_counts_once(device, tmp_path):
    code = offer().code
    device.enrol(code)
    error = refused(Device.born(tmp_path / "copy").enrol, code)
    assert (error.reason, error.gate, error.device) == ("used_code", Gate.ENROLMENT_CODE, DEVICE)
    do_record_refusal(error, address="198.51.100.1", now=NOW)
    row = JournalRow.objects.get(action="device:enrolment:refused")
    assert (row.gate, row.device, row.outcome) == ("enrolment_code", DEVICE, "refused")
    assert b"198.51.100.1" in bytes(row.entry)


def test_a_code_ends_after_three_days(device):
    code = offer().code
    assert refused(device.enrol, code, now=NOW + 3 * DAY).reason == "expired_code"
    device.enrol(code, now=NOW + 3 * DAY - 1)


def test_a_new_offer_ends_the_one_before(device):
    old, new = offer().code, offer().code
    assert offered(DEVICE, now=NOW).code_id == new[:5]
    assert refused(device.enrol, old).reason == "used_code"
    device.enrol(new)
    assert offered(DEVICE, now=NOW) is None


def test_a_wrong_secret_is_refused_and_leaves_the_code_open(device):
    code = offer().code
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert refused(device.enrol, wrong).reason == "wrong_code"
    device.enrol(code)


def test_an_unknown_code_is_refused(device):
    assert refused(device.enrol, "0" * 30).reason == "unknown_code"


def test_keys_swapped_on_the_way_are_refused(device, tmp_path):
    code = parse_enrolment_code(offer().code)
    thief = Device.born(tmp_path / "thief")
    proof = check_request(build_enrolment_request(device.keys.request, DEVICE, code)).challenge
    swapped = requests._build(thief.keys.request, DEVICE, proof)
    assert refused(do_enrol, swapped, address="", now=NOW).reason == "wrong_code"


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"0" * 7000])
def test_what_is_no_request_is_refused(data):
    assert refused(do_enrol, data, address="", now=NOW).reason == "malformed"


def test_the_secret_is_not_in_the_database(device):
    code = offer().code
    row = EnrolmentCode.objects.get()
    assert code[6:].replace("-", "").encode() not in bytes(row.sealed_secret)
    device.enrol(code)
    row.refresh_from_db()
    assert bytes(row.sealed_secret) == b""


def test_a_renewal_is_signed_by_the_key_before_and_both_count(device, tmp_path):
    serial = device.enrol(offer().code).certificate.serial
    new = Device.born(tmp_path / "new")
    renewed = do_renew(new.renewal(device), serial=serial, now=NOW + DAY)
    assert renewed.device == DEVICE
    keys = identity_keys(DEVICE, now=NOW + DAY)
    assert set(keys) == {device.keys.signer.key_id, new.keys.signer.key_id}
    assert journal()[-1] == "device:certificate:renewed"


def test_a_renewal_signed_by_another_key_is_refused(device, tmp_path):
    serial = device.enrol(offer().code).certificate.serial
    thief = Device.born(tmp_path / "thief")
    error = refused(do_renew, thief.renewal(thief), serial=serial, now=NOW)
    assert (error.reason, error.gate) == ("signature", Gate.CERTIFICATE)


def test_a_revoked_certificate_renews_nothing(device, tmp_path):
    serial = device.enrol(offer().code).certificate.serial
    do_revoke_device(DEVICE, gate=Gate.REVOKED_CERTIFICATE, actor=SYSTEM, now=NOW)
    new = Device.born(tmp_path / "new")
    error = refused(do_renew, new.renewal(device), serial=serial, now=NOW)
    assert error.gate is Gate.REVOKED_CERTIFICATE
    assert identity_keys(DEVICE, now=NOW) == {}


def test_an_expired_or_unknown_certificate_renews_nothing(device, tmp_path):
    serial = device.enrol(offer().code).certificate.serial
    new = Device.born(tmp_path / "new")
    assert refused(do_renew, new.renewal(device), serial=serial, now=NOW + 91 * DAY)
    assert refused(do_renew, new.renewal(device), serial="abc", now=NOW)


def test_revocation_reaches_every_relay(device):
    serial = device.enrol(offer().code).certificate.serial
    do_revoke_device(DEVICE, gate=Gate.REVOKED_CERTIFICATE, actor=SYSTEM, now=NOW)
    revoked, told = feed_since("b", "", now=NOW).events
    assert revoked.serials == (serial,)
    assert (told.device, told.gate) == (DEVICE, Gate.REVOKED_CERTIFICATE)
    assert identity(DEVICE).gate is Gate.REVOKED_CERTIFICATE


def test_enrolling_anew_brings_a_revoked_device_back_with_new_keys_only(device, tmp_path):
    old = device.enrol(offer().code).certificate.serial
    do_revoke_device(DEVICE, gate=Gate.REVOKED_CERTIFICATE, actor=SYSTEM, now=NOW)
    new = Device.born(tmp_path / "new")
    serial = new.enrol(offer().code).certificate.serial
    assert identity(DEVICE).gate is None
    assert set(identity_keys(DEVICE, now=NOW)) == {new.keys.signer.key_id}
    events = feed_since("a", "", now=NOW).events
    assert [event.serials for event in events] == [(old,)]
    assert serial != old


def test_a_clone_is_quarantined_once(device):
    device.enrol(offer().code)
    seen = {"instance": "a" * 32, "relay": "b", "actor": SYSTEM, "now": NOW}
    assert do_quarantine_clone(DEVICE, **seen)
    assert not do_quarantine_clone(DEVICE, **seen)
    assert journal()[-2:] == ["device:clone:detected", "device:certificate:revoked"]
    assert identity(DEVICE).gate is Gate.DEVICE_CLONED
    assert not do_quarantine_clone("CI-UNKNOWN", **seen)

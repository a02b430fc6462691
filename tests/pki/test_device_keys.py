import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from bedside.pki.authority import certs_only
from bedside.pki.device_keys import (
    MAX_CERTIFICATES,
    CertificateError,
    create_device_keys,
    load_device_keys,
    open_certificate,
)
from bedside.pki.keystore import KeyStoreError
from bedside.pki.signing import verify
from tests.pki.world import authority, new_key
from tests.protocol.samples import DEVICE, NOW, SESSION

OURS, THEIRS = authority(NOW), authority(NOW, "theirs")
KEY = new_key().public_key()
DAY_MS = 86_400_000
ANSWER = base64.b64decode(certs_only(OURS.issue_device(KEY, DEVICE, now_ms=NOW).pem))


def opened(*pems, now_ms=NOW, key=KEY, device=DEVICE):
    der = base64.b64decode(certs_only(*pems))
    return open_certificate(der, OURS.pem, key, device=device, now_ms=now_ms)


def test_keys_are_born_once_and_read_again(tmp_path):
    keys = create_device_keys(tmp_path)
    again = load_device_keys(tmp_path)
    assert again.request.digest == keys.request.digest
    assert verify(keys.identity.public_key(), again.signer.sign(b"x"), b"x")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    with pytest.raises(FileExistsError):
        create_device_keys(tmp_path)


def test_a_renewal_keeps_what_others_have_sealed_to(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    old = create_device_keys(tmp_path / "1")
    create_device_keys(tmp_path / "2", keep=old)
    new = load_device_keys(tmp_path / "2")
    assert new.request.extension == old.request.extension
    assert new.identity.public_key() != old.identity.public_key()


def test_a_damaged_key_is_named(tmp_path):
    create_device_keys(tmp_path)
    other = ec.generate_private_key(ec.SECP384R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data, words in ((b"", "holds no key"), (pem, "of another kind")):
        (tmp_path / "sealing.pem").write_bytes(data)
        with pytest.raises(KeyStoreError, match=rf"sealing\.pem holds .*{words.split()[-1]}"):
            load_device_keys(tmp_path)


def test_the_certificate_of_this_device_opens():
    issued = OURS.issue_device(KEY, DEVICE, now_ms=NOW)
    assert f"{opened(issued.pem).serial_number:x}" == issued.serial
    assert opened(OURS.pem, issued.pem)
    assert opened(issued.pem, now_ms=issued.not_after_ms)


@pytest.mark.parametrize(
    ("issued", "options", "words"),
    [
        (THEIRS.issue_device(KEY, DEVICE, now_ms=NOW), {}, "pinned CA"),
        (OURS.issue_device(new_key().public_key(), DEVICE, now_ms=NOW), {}, "own key|device's key"),
        (OURS.issue_device(KEY, "CI-20418", now_ms=NOW), {}, "another device"),
        (OURS.issue_session(KEY, SESSION, now_ms=NOW, until_ms=NOW + DAY_MS), {}, "another device"),
        (OURS.issue_device(KEY, DEVICE, now_ms=NOW), {"now_ms": NOW - DAY_MS}, "clock"),
        (OURS.issue_device(KEY, DEVICE, now_ms=NOW), {"now_ms": NOW + 91 * DAY_MS}, "clock"),
    ],
)
def test_what_a_lying_relay_could_answer_is_refused(issued, options, words):
    with pytest.raises(CertificateError, match=words):
        opened(issued.pem, **options)


def test_two_certificates_over_one_key_are_refused():
    issued = OURS.issue_device(KEY, DEVICE, now_ms=NOW)
    with pytest.raises(CertificateError):
        opened(issued.pem, OURS.issue_device(KEY, DEVICE, now_ms=NOW).pem)


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data):
    with pytest.raises(CertificateError):
        open_certificate(data, OURS.pem, KEY, device=DEVICE, now_ms=NOW)


@given(st.data())
def test_any_byte_changed(data):
    der = bytearray(ANSWER)
    der[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        certificate = open_certificate(bytes(der), OURS.pem, KEY, device=DEVICE, now_ms=NOW)
    except CertificateError:
        return
    certificate.verify_directly_issued_by(OURS.certificate)


def test_size_limit():
    with pytest.raises(CertificateError, match="too large"):
        open_certificate(bytes(MAX_CERTIFICATES + 1), OURS.pem, KEY, device=DEVICE, now_ms=NOW)

import base64

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificateBuilder, SSHCertificateType
from hypothesis import given
from hypothesis import strategies as st

from bedside.pki.host_certificates import open_host_certificate
from bedside.pki.ssh_certificates import (
    SshKeyError,
    fingerprint,
    issue_host_certificate,
    issue_user_certificate,
    ssh_key_line,
)
from bedside.vocabulary import DeviceId
from tests.pki.world import new_key
from tests.protocol.samples import DEVICE, NOW, SESSION

CA, KEY = new_key(), new_key()
LINE = ssh_key_line(KEY.public_key())
LATER = NOW + 1_800_000


def issued(device=DEVICE) -> str:
    return issue_host_certificate(CA, LINE, device=device, not_before_ms=NOW, not_after_ms=LATER)


CERTIFICATE = issued()


def test_a_good_one_says_which_key_and_which_ca():
    read = open_host_certificate(CERTIFICATE, device=DEVICE, now_ms=NOW)
    assert read.key == LINE
    assert read.fingerprint == fingerprint(LINE)
    assert read.ca == fingerprint(ssh_key_line(CA.public_key()))


def user_certificate() -> str:
    return issue_user_certificate(
        CA, LINE, session=SESSION, person="M", not_before_ms=NOW, not_after_ms=LATER
    )


def for_every_host() -> str:
    builder = SSHCertificateBuilder().public_key(KEY.public_key()).serial(1).key_id(b"x")
    builder = builder.type(SSHCertificateType.HOST).valid_for_all_principals()
    builder = builder.valid_after(NOW // 1000).valid_before(LATER // 1000)
    return builder.sign(CA).public_bytes().decode()


def changed(byte: int) -> str:
    kind, blob = CERTIFICATE.split()
    data = bytearray(base64.b64decode(blob))
    data[byte] ^= 1
    return f"{kind} {base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        user_certificate(),
        for_every_host(),
        issued(DeviceId("CI-3")),
        changed(60),
        changed(-1),
        CERTIFICATE + "\n" + LINE,
        "@cert-authority * " + LINE,
        CERTIFICATE + " " + "x" * 4096,
        "",
    ],
)
def test_anything_else_is_refused(line):
    with pytest.raises(SshKeyError):
        open_host_certificate(line, device=DEVICE, now_ms=NOW)


@pytest.mark.parametrize("now_ms", [NOW - 1000, LATER])
def test_it_must_be_valid_now(now_ms):
    with pytest.raises(SshKeyError, match="clock"):
        open_host_certificate(CERTIFICATE, device=DEVICE, now_ms=now_ms)


@given(st.binary(max_size=400))
def test_arbitrary_certificates_raise_nothing_else(data):
    line = f"ecdsa-sha2-nistp256-cert-v01@openssh.com {base64.b64encode(data or b'x').decode()}"
    with pytest.raises(SshKeyError):
        open_host_certificate(line, device=DEVICE, now_ms=NOW)

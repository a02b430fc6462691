import base64
import subprocess
from datetime import UTC, datetime

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bedside.pki.delegated import delegated_key
from bedside.pki.keystore import KeyName
from bedside.pki.ssh_certificates import (
    SshKeyError,
    fingerprint,
    issue_host_certificate,
    issue_user_certificate,
    load_ssh_key,
    ssh_key_line,
)
from bedside.protocol.shapes import CERTIFICATE_LINE
from tests.pki.world import new_key, store
from tests.protocol.samples import DEVICE, NOW, SESSION

LINE = ssh_key_line(new_key().public_key())


def compressed(line):
    """The same line with a point that says that it is compressed."""
    kind, blob = line.split()
    data = bytearray(base64.b64decode(blob))
    data[39] = 2
    return f"{kind} {base64.b64encode(data).decode()}"


LATER = NOW + 1_800_000


def user_certificate():
    return issue_user_certificate(
        delegated_key(store(), KeyName.SSH_USER_CA),
        LINE + " marie@laptop",
        session=SESSION,
        person="Marie Tremblay",
        not_before_ms=NOW,
        not_after_ms=LATER,
    )


def host_certificate():
    return issue_host_certificate(
        delegated_key(store(), KeyName.SSH_HOST_CA),
        LINE,
        device=DEVICE,
        not_before_ms=NOW,
        not_after_ms=LATER,
    )


def ssh_keygen(tmp_path, line, *options):
    path = tmp_path / "key.pub"
    path.write_text(line + "\n")
    done = subprocess.run(
        ["ssh-keygen", *options, "-f", path],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    return done.stdout


def test_openssh_reads_a_user_certificate(tmp_path):
    shown = [line.strip() for line in ssh_keygen(tmp_path, user_certificate(), "-L").splitlines()]
    ca = fingerprint(ssh_key_line(store().public_key("ssh-user-ca")))
    begin, end = (
        f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}" for ms in (NOW, LATER)
    )
    assert "Type: ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate" in shown
    assert f"Public key: ECDSA-CERT {fingerprint(LINE)}" in shown
    assert f"Signing CA: ECDSA {ca} (using ecdsa-sha2-nistp256)" in shown
    assert f'Key ID: "{SESSION}/Marie Tremblay"' in shown
    assert f"Valid: from {begin} to {end}" in shown
    at = shown.index("Principals:")
    assert shown[at + 1 :] == [
        SESSION,
        "Critical Options: (none)",
        "Extensions:",
        "permit-port-forwarding",
        "permit-pty",
    ]


def test_openssh_reads_a_host_certificate(tmp_path):
    shown = [line.strip() for line in ssh_keygen(tmp_path, host_certificate(), "-L").splitlines()]
    assert "Type: ecdsa-sha2-nistp256-cert-v01@openssh.com host certificate" in shown
    at = shown.index("Principals:")
    assert shown[at + 1 :] == [
        DEVICE,
        DEVICE.lower(),
        "Critical Options: (none)",
        "Extensions: (none)",
    ]


def test_asyncssh_reads_both():
    user = asyncssh.import_certificate(user_certificate())
    host = asyncssh.import_certificate(host_certificate())
    assert user.principals == [SESSION]
    assert host.principals == [DEVICE, DEVICE.lower()]
    ca = asyncssh.import_public_key(ssh_key_line(store().public_key("ssh-user-ca")))
    assert user.signing_key == ca


def test_a_certificate_fits_its_place_in_a_configuration():
    assert CERTIFICATE_LINE.fullmatch(host_certificate())


def test_fingerprint_is_what_ssh_keygen_prints(tmp_path):
    assert ssh_keygen(tmp_path, LINE, "-l").split()[1] == fingerprint(LINE)


def line_of(key):
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize(
    "line",
    [
        "",
        LINE + "\n",
        LINE + "\n" + LINE,
        'command="x" ' + LINE,
        LINE[:-9],
        compressed(LINE),
        LINE.replace("AAAAE2VjZHNh", "AAAAE2VjZHNi"),
        LINE.replace("nistp256 ", "nistp384 "),
        line_of(ec.generate_private_key(ec.SECP384R1())),
        line_of(ed25519.Ed25519PrivateKey.generate()),
        user_certificate(),
    ],
    # A fresh key in a test's name would differ between the processes that share the tests.
    ids=lambda _line: "line",
)
def test_other_keys_are_refused(line):
    assert load_ssh_key(LINE + " a comment é")
    with pytest.raises(SshKeyError):
        load_ssh_key(line)


@given(st.text(max_size=80), st.integers(0, len(LINE)))
def test_any_text(text, at):
    for line in (text, LINE[:at] + text):
        try:
            load_ssh_key(line)
        except SshKeyError:
            continue

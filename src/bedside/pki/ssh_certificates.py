"""OpenSSH certificates: a specialist for one session, a device for a year.

11.1 A user certificate's only principal is the session, its key id names session and person, and
     it allows a terminal and port forwarding, nothing else (`docs/protocol/certificates.md`).
11.2 A host certificate's only principals are the device's id, as it is and in lower case.
11.3 Keys are ecdsa-sha2-nistp256, on both sides of the signature.
"""

import base64
import re
import secrets
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_public_key,
)

from bedside.vocabulary import DeviceId, SessionId

__all__ = [
    "HOST_CERTIFICATE_DAYS",
    "SshKeyError",
    "fingerprint",
    "issue_host_certificate",
    "issue_user_certificate",
    "load_ssh_key",
    "ssh_key_line",
]

HOST_CERTIFICATE_DAYS = 365
_KEY_LINE = re.compile(
    r"ecdsa-sha2-nistp256 [A-Za-z0-9+/]{100,200}={0,2}(?: [^\x00-\x1f\x7f]{0,200})?"
)


class SshKeyError(ValueError):
    """A line that holds no ecdsa-sha2-nistp256 public key."""


def load_ssh_key(line: str) -> EllipticCurvePublicKey:
    """Return the public key in one line of OpenSSH's format; raises SshKeyError (11.3)."""
    if not _KEY_LINE.fullmatch(line):
        raise SshKeyError("not one line with an ecdsa-sha2-nistp256 key")
    try:
        public_key = load_ssh_public_key(line.encode("utf-8"))
    except (ValueError, RuntimeError, UnsupportedAlgorithm):  # RuntimeError: a compressed point
        raise SshKeyError("not an ecdsa-sha2-nistp256 key") from None
    # The line names its type, and what follows was read as that type.
    assert isinstance(public_key, EllipticCurvePublicKey)
    return public_key


def ssh_key_line(public_key: EllipticCurvePublicKey) -> str:
    """Return a public key as one line of OpenSSH's format, without a comment."""
    return public_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def fingerprint(line: str) -> str:
    """Return what `ssh-keygen -l` prints for a key: `SHA256:` and 43 characters."""
    blob = base64.b64decode(ssh_key_line(load_ssh_key(line)).split(" ")[1])
    return "SHA256:" + base64.b64encode(sha256(blob).digest()).decode("ascii").rstrip("=")


def issue_user_certificate(
    ca: EllipticCurvePrivateKey,
    public_key_line: str,
    *,
    session: SessionId,
    person: str,
    not_before_ms: int,
    not_after_ms: int,
) -> str:
    """Return a certificate, as one line, for the specialist's key of one session (11.1).

    `ca` is the SSH user CA, usually `bedside.pki.delegated.delegated_key`. Raises SshKeyError.
    """
    builder = (
        _builder(public_key_line, SSHCertificateType.USER, [session], not_before_ms, not_after_ms)
        .key_id(f"{session}/{person}".encode())
        .add_extension(b"permit-pty", b"")
        .add_extension(b"permit-port-forwarding", b"")
    )
    return builder.sign(ca).public_bytes().decode("ascii")


def issue_host_certificate(
    ca: EllipticCurvePrivateKey,
    public_key_line: str,
    *,
    device: DeviceId,
    not_before_ms: int,
    not_after_ms: int,
) -> str:
    """Return a certificate, as one line, for a device's SSH host key (11.2).

    `ca` is the SSH host CA. Raises SshKeyError.
    """
    # OpenSSH looks for the name in lower case, whatever the person typed.
    names = [device, device.lower()]
    builder = _builder(
        public_key_line, SSHCertificateType.HOST, names, not_before_ms, not_after_ms
    ).key_id(device.encode("ascii"))
    return builder.sign(ca).public_bytes().decode("ascii")


def _builder(
    line: str,
    kind: SSHCertificateType,
    principals: list[str],
    not_before_ms: int,
    not_after_ms: int,
) -> SSHCertificateBuilder:
    return (
        SSHCertificateBuilder()
        .public_key(load_ssh_key(line))
        .serial(secrets.randbits(64))
        .type(kind)
        .valid_principals([principal.encode("ascii") for principal in principals])
        .valid_after(not_before_ms // 1000)
        .valid_before(not_after_ms // 1000)
    )

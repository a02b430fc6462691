"""Requests for certificates, the answers to them, and keys in OpenSSH's format."""

import contextlib

from bedside.pki.device_keys import CertificateError, open_certificate
from bedside.pki.requests import RequestError, check_request
from bedside.pki.ssh_certificates import SshKeyError, load_ssh_key
from tests.pki.test_device_keys import ANSWER, KEY, OURS
from tests.pki.test_requests import DER
from tests.pki.test_ssh_certificates import LINE
from tests.protocol.samples import DEVICE, NOW

SEEDS = (DER, ANSWER, LINE.encode())


def parse(data: bytes) -> None:
    """Offer the bytes to every reader of X.509 and of SSH keys."""
    with contextlib.suppress(RequestError):
        check_request(data)
    try:
        certificate = open_certificate(data, OURS.pem, KEY, device=DEVICE, now_ms=NOW)
    except CertificateError:
        pass
    else:
        certificate.verify_directly_issued_by(OURS.certificate)
    with contextlib.suppress(SshKeyError):
        load_ssh_key(data.decode("utf-8", "replace"))

"""A device's host certificate, as the specialist's computer gets it: read, or refused by name."""

from bedside.pki.host_certificates import open_host_certificate
from bedside.pki.ssh_certificates import SshKeyError, load_ssh_key
from tests.pki.test_host_certificates import CERTIFICATE, LINE, user_certificate
from tests.protocol.samples import DEVICE, NOW

SEEDS = (CERTIFICATE.encode(), user_certificate().encode(), LINE.encode())


def parse(data: bytes) -> None:
    """Offer the bytes as a certificate."""
    try:
        read = open_host_certificate(data.decode("latin-1"), device=DEVICE, now_ms=NOW)
    except SshKeyError:
        return
    load_ssh_key(read.key)

"""What a relay shows and whom it trusts, read from its files: at the start, and anew on SIGHUP."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from bedside.pki.contexts import (
    console_client_context,
    console_server_context,
    enrolment_name,
    enrolment_server_context,
    relay_server_context,
)
from bedside.pki.tunnel_context import relay_tunnel_context
from bedside.relay.config import RelayConfig
from bedside.relay.console_client import ConsoleIdentity
from bedside.relay.credentials import check_credentials
from bedside.relay.driver import Admission
from bedside.relay.proofs import Assertions
from bedside.relay.rehearsal import SelfContexts

__all__ = ["Shown", "read_shown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One reading of certificate, key and CA: all of it is used, or none."""

    admissions: tuple[Admission, ...]
    identity: ConsoleIdentity
    ends_ms: int
    """When the certificate runs out (Unix milliseconds)."""
    mirror: SelfContexts
    """By which the relay shakes hands with itself, to rehearse."""


def read_shown(config: RelayConfig) -> Shown:
    """Return what the configuration's files hold now.

    Raises ConfigError, which names the file that cannot serve, OSError for one that cannot be read.
    """
    check_credentials(config)
    ca = config.ca.read_text("ascii")
    name = config.server_name
    peers = relay_server_context(config.certificate, config.key, ca, server_name=name)
    enrolling = enrolment_server_context(config.certificate, config.key, server_name=name)
    tunnels = relay_tunnel_context(config.certificate, config.key, ca)
    ends_ms = _ends_ms(config.certificate)
    assertions = Assertions(config.name, config.key, certificate_ends_ms=ends_ms)
    asking = console_client_context(ca)
    itself = console_server_context(config.certificate, config.key, server_name=name)
    return Shown(
        (Admission(name, peers, tunnels), Admission(enrolment_name(name), enrolling)),
        ConsoleIdentity(asking, assertions),
        ends_ms,
        SelfContexts(itself, asking, name),
    )


def _ends_ms(file: Path) -> int:
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return int(certificate.not_valid_after_utc.timestamp() * 1000)

"""Who a certificate speaks for: exactly one URI that says so (`docs/protocol/certificates.md`).

7.1 `bedside:device/<device id>`, `bedside:relay/<relay name>`, `bedside:session/<session id>` (a
    specialist's leg) and `bedside:console/live`.
7.2 A certificate carries exactly one URI; with none or with two it speaks for nobody.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bedside.vocabulary import parse_device_id, parse_relay_name, parse_session_id

__all__ = [
    "CertificateKind",
    "CertificateName",
    "CertificateNameError",
    "check_peer",
    "parse_certificate_name",
    "peer_name",
    "peer_serial",
]

_SCHEME = "bedside:"
_SERIAL = re.compile(r"[0-9A-Fa-f]{1,40}")


class CertificateNameError(ValueError):
    """A certificate that speaks for nobody, or for somebody else."""


class CertificateKind(StrEnum):
    """Whom certificates speak for."""

    CONSOLE = "console"
    DEVICE = "device"
    RELAY = "relay"
    SESSION = "session"


_PARSERS: dict[str, Callable[[str], str]] = {
    CertificateKind.CONSOLE: parse_relay_name,
    CertificateKind.DEVICE: parse_device_id,
    CertificateKind.RELAY: parse_relay_name,
    CertificateKind.SESSION: parse_session_id,
}


@dataclass(frozen=True, slots=True)
class CertificateName:
    """One name of one kind; an object that exists is well formed."""

    kind: CertificateKind
    id: str

    def __post_init__(self) -> None:
        try:
            _PARSERS[self.kind](self.id)
        except ValueError:
            raise CertificateNameError(f"not the name of a {self.kind}") from None

    @property
    def uri(self) -> str:
        """The name as it stands in a certificate (7.1)."""
        return f"{_SCHEME}{self.kind}/{self.id}"


def parse_certificate_name(uri: str) -> CertificateName:
    """Return the name that a URI holds; raises CertificateNameError (7.1)."""
    kind, slash, name = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or not slash or kind not in _PARSERS:
        raise CertificateNameError("not a name of ours")
    return CertificateName(CertificateKind(kind), name)


def peer_name(certificate: Mapping[str, Any] | None) -> CertificateName:
    """Return the name in what `SSLSocket.getpeercert()` returned; raises CertificateNameError.

    The chain was verified by TLS before; this says whom the certificate speaks for (7.2).
    """
    uris = [value for kind, value in (certificate or {}).get("subjectAltName", ()) if kind == "URI"]
    if len(uris) != 1:
        raise CertificateNameError("not exactly one URI")
    return parse_certificate_name(uris[0])


def check_peer(certificate: Mapping[str, Any] | None, expected: CertificateName) -> None:
    """Refuse a peer whose certificate speaks for anybody but `expected`."""
    if peer_name(certificate) != expected:
        raise CertificateNameError(f"not the certificate of {expected.uri}")


def peer_serial(certificate: Mapping[str, Any] | None) -> str:
    """Return the serial number as the feed writes it: lower-case hexadecimal, no leading zero."""
    serial = (certificate or {}).get("serialNumber", "")
    if not _SERIAL.fullmatch(serial):
        raise CertificateNameError("no serial number")
    return f"{int(serial, 16):x}"

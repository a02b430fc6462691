"""The certificate that `live` shows to relays: issued by this console's own authority.

It renews itself at two thirds of its life, when `live` starts; relays pin the authority, not it.
"""

from pathlib import Path

from cryptography import x509
from django.conf import settings

from bedside.console.enrolment.authority import authority
from bedside.pki.authority import SERVER_DAYS
from bedside.pki.device_keys import create_key_file, load_key_file

__all__ = ["live_certificate", "relay_server_name"]

_RENEW_MS = SERVER_DAYS * 24 * 3600 * 1000 // 3


def live_certificate(*, now: int) -> tuple[Path, Path]:
    """Return the files of certificate and key, made or renewed where needed.

    Raises KeyStoreError before `bedside console init`.
    """
    folder = Path(settings.BEDSIDE_DATA_DIR) / "live"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    private = load_key_file(key) if key.exists() else create_key_file(key)
    name = relay_server_name()
    if not _is_good(certificate, name, now):
        issued = authority().issue_console(private.public_key(), server_name=name, now_ms=now)
        beside = certificate.with_suffix(".new")
        beside.write_text(issued.pem, encoding="ascii")
        beside.replace(certificate)
    return certificate, key


def relay_server_name() -> str:
    """Return the name that relays ask for and verify."""
    return settings.CONFIG.relay_server_name or settings.CONFIG.public_host


def _is_good(path: Path, name: str, now: int) -> bool:
    if not path.exists():
        return False
    found = x509.load_pem_x509_certificate(path.read_bytes())
    hosts = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    left_ms = found.not_valid_after_utc.timestamp() * 1000 - now
    return name in hosts.get_values_for_type(x509.DNSName) and left_ms > _RENEW_MS

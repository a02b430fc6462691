"""Posts one event to somebody's URL, signed (Standard Webhooks 1.0), and to no address of our own.

1. https only, and the name must resolve to public addresses: what a customer types must not make
   the console talk to its own neighbours. The connection goes to the address that was checked.
2. Redirects are not followed; what the answer holds is not read beyond its status.
3. 410 says that nobody listens any more: that is given up at once.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import ipaddress
import secrets
import socket
import ssl
from urllib.parse import urlsplit

from django.conf import settings

from bedside.console.notices.mail import DeliveryError

__all__ = ["check_url", "new_secret", "post", "sign"]

_TIMEOUT_S = 10
_GONE = 410
_MAX_URL = 500
_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)  # what the standard allows


def check_url(url: str) -> str:
    """Return `url` if events may be posted there as far as its words tell; raises ValueError."""
    parts = urlsplit(url)
    allowed = ("https", "http") if settings.CONFIG.mail.private_webhooks else ("https",)
    if len(url) > _MAX_URL or parts.scheme not in allowed or not parts.hostname:
        raise ValueError("not an https URL")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("a URL with a user or a fragment")
    if parts.port is not None and not 1 <= parts.port <= 65535:
        raise ValueError("no such port")
    return url


def new_secret() -> str:
    """Return a secret as the standard writes it: `whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def sign(secret: str, *, message_id: str, at_s: int, body: bytes) -> str:
    """Return the `webhook-signature` of a body: `v1,` and the HMAC-SHA256 in base64.

    Raises ValueError for a secret that is not `whsec_` and 24 to 64 bytes in base64.
    """
    signed = f"{message_id}.{at_s}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def post(url: str, *, secret: str, message_id: str, at_s: int, body: bytes) -> None:
    """Post an event; raises DeliveryError unless the answer is a 2xx."""
    try:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Bedside",
            "webhook-id": message_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": sign(secret, message_id=message_id, at_s=at_s, body=body),
        }
        status = _exchange(check_url(url), body, headers)
    except ValueError as error:
        raise DeliveryError(str(error), lasting=True) from error
    except (OSError, http.client.HTTPException) as error:
        raise DeliveryError(type(error).__name__, lasting=False) from error
    if not 200 <= status < 300:
        raise DeliveryError(f"answered {status}", lasting=status == _GONE)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    # Nothing of the secret is said: the reason is shown, and journalled.
    if not secret.startswith(_PREFIX) or len(key) not in _KEY_BYTES:
        raise ValueError("the secret is not whsec_ and 24 to 64 bytes in base64")
    return key


def _exchange(url: str, body: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    sock: socket.socket = socket.create_connection(_address(host, port), timeout=_TIMEOUT_S)
    try:
        if parts.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        connection.sock = sock
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, headers)
        return connection.getresponse().status
    finally:
        sock.close()


def _address(host: str, port: int) -> tuple[str, int]:
    """Return a public address of `host`; raises ValueError where it has another."""
    found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    if not settings.CONFIG.mail.private_webhooks:
        for address in found:
            if not ipaddress.ip_address(address.partition("%")[0]).is_global:
                raise ValueError("the name resolves to an address that is not public")
    return min(found), port

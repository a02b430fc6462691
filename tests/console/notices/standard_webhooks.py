"""A receiver's half of Standard Webhooks 1.0, written from its text: the product signs otherwise."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping

__all__ = ["verify"]


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether one of the space-separated `v1` signatures is that of id, timestamp and body."""
    prefix, _, encoded = secret.partition("_")
    assert prefix == "whsec"
    key = b64decode(encoded, validate=True)
    assert 24 <= len(key) <= 64
    parts = (headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body)
    expected = b64encode(hmac.digest(key, b".".join(parts), hashlib.sha256)).decode()
    given = [each.partition(",") for each in headers["webhook-signature"].split(" ")]
    return any(
        version == "v1" and hmac.compare_digest(signature, expected)
        for version, _, signature in given
    )

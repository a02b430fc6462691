"""What an authenticator app shows (RFC 6238), written down independently of the console's."""

import base64
import hmac
import struct
import time


def code(secret: str) -> str:
    """Return the six digits of this moment."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    place = digest[-1] & 15
    number = struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"

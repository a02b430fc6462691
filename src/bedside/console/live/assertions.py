"""How a relay proves itself at each request: a short-lived assertion, signed and used once.

1. ES256 and nothing else; the key is the one registered for the relay that the assertion names.
2. Issuer, audience, time of issue, end and number are all there; it lives at most 60 seconds.
3. A clock may be off by ten minutes either way: a relay whose clock is wrong must be heard all the
   same, and how far it is off is known from here.
4. A number counts once: a recorded request cannot be sent again.
5. A relay may say when the certificate that it shows to devices runs out (`crt`).
"""

import re

from django.db import transaction
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bedside.console.relays.actions import AssertionTimes, do_note_relay_refused, do_use_assertion
from bedside.console.relays.queries import assertion_key
from bedside.protocol.codec import parse_json
from bedside.vocabulary import RelayName, parse_relay_name

__all__ = ["AUDIENCE", "AssertionRefusedError", "check_assertion"]

AUDIENCE = "bedside-live"
_MAX_LIFE_S = 60
_SKEW_S = 600
_MAX_TOKEN = 2048
_LATEST_S = 2**40
_JTI = re.compile(r"[0-9A-Za-z_-]{16,64}")


class AssertionRefusedError(PermissionError):
    """An assertion that proves nobody; the reason is for the log, not for the peer.

    `relay` is the one that it names, where we know that one and it did not sign it.
    """

    def __init__(self, reason: str, relay: RelayName | None = None) -> None:
        super().__init__(reason)
        self.relay = relay


def check_assertion(authorization: str, *, now: int) -> RelayName:
    """Return the relay that an Authorization header proves, and use the assertion up.

    Raises AssertionRefusedError.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > _MAX_TOKEN:
        raise AssertionRefusedError("missing")
    relay = _issuer(token)
    pem = assertion_key(relay)
    if pem is None:
        raise AssertionRefusedError("unknown_relay")
    try:
        claims = jwt.decode(token, ECKey.import_key(pem), algorithms=["ES256"]).claims  # 1
    except (JoseError, ValueError):
        do_note_relay_refused(relay, now=now)
        raise AssertionRefusedError("signature", relay) from None
    said = _check_times(claims, now)
    if claims.get("iss") != relay or claims.get("aud") != AUDIENCE:
        raise AssertionRefusedError("audience")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise AssertionRefusedError("number")
    with transaction.atomic():
        first = do_use_assertion(relay, jti, key=pem, said=said, now=now)
        if not first:  # 4
            raise AssertionRefusedError("replayed")
    return relay


def _issuer(token: str) -> RelayName:
    # Read before it is verified, only to find the key that must have signed it.
    try:
        content = jws.extract_compact(token.encode("ascii"))
        return parse_relay_name(str(parse_json(content.payload, limit=_MAX_TOKEN).get("iss")))
    except (JoseError, ValueError):
        raise AssertionRefusedError("malformed") from None


def _check_times(claims: dict[str, object], now: int) -> AssertionTimes:
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        raise AssertionRefusedError("times")
    now_s = now // 1000
    if not 0 < expires - issued <= _MAX_LIFE_S:  # 2
        raise AssertionRefusedError("life")
    if not issued - _SKEW_S <= now_s <= expires + _SKEW_S:  # 3
        raise AssertionRefusedError("expired")
    certificate = claims.get("crt")  # 5
    if certificate is not None and (
        type(certificate) is not int or not 0 <= certificate <= _LATEST_S
    ):
        raise AssertionRefusedError("certificate")
    ends_ms = None if certificate is None else certificate * 1000
    return AssertionTimes(issued * 1000, (expires + _SKEW_S) * 1000, ends_ms)

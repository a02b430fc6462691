"""How a relay proves to its console who it is, at each request.

An assertion is a JWT that the relay's own key signs (RFC 7519, ES256); what it says is 3.1 of
`docs/protocol/feed.md`.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from bedside.relay.clock import wall_ms
from bedside.vocabulary import RelayName

__all__ = ["Assertions", "ProofAhead"]

_QUIET_S = 0.003
_RENEW_S = 1.0
_MAX_AGE_MS = 2_000


class Assertions:
    """Signs who asks: short-lived, for this console only, each used once.

    It says besides when the certificate that the relay shows to devices runs out, where that is given.
    """

    def __init__(
        self, relay: RelayName, key_file: Path, *, certificate_ends_ms: int | None = None
    ) -> None:
        self._relay = relay
        self._key = ECKey.import_key(key_file.read_bytes())
        self._more = {} if certificate_ends_ms is None else {"crt": certificate_ends_ms // 1000}

    def header(self) -> Mapping[str, str]:
        """Return a fresh Authorization header."""
        now = wall_ms() // 1000
        claims = {
            "iss": self._relay,
            "aud": "bedside-live",
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(16),
            **self._more,
        }
        token = jwt.encode({"alg": "ES256"}, claims, self._key, algorithms=["ES256"])
        return {"authorization": f"Bearer {token}"}


class ProofAhead:
    """The next question's proof, signed in a quiet moment.

    A signature takes longer than all else that stands between an order and the next question. It is
    made anew each second, because the console reads this relay's clock from it.

    Args:
        assertions: who signs at the moment; what another has signed, before a reload, is not shown.
        loop: calls when it is quiet.
    """

    def __init__(
        self, assertions: Callable[[], Assertions], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._assertions = assertions
        self._loop = loop
        self._signed: tuple[Assertions, int, Mapping[str, str]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> Mapping[str, str]:
        """Return a header that was not shown before, at most two seconds old."""
        signed, self._signed = self._signed, None
        self._sign_in(_QUIET_S)
        assertions = self._assertions()
        if signed is not None:
            by, at_ms, header = signed
            # By the wall clock, which may be put right, or go on while the machine sleeps.
            if by is assertions and 0 <= wall_ms() - at_ms <= _MAX_AGE_MS:
                return header
        return assertions.header()

    def close(self) -> None:
        """Sign no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _sign_in(self, delay_s: float) -> None:
        self.close()
        self._timer = self._loop.call_later(delay_s, self._sign)

    def _sign(self) -> None:
        assertions = self._assertions()
        self._signed = assertions, wall_ms(), assertions.header()
        self._sign_in(_RENEW_S)

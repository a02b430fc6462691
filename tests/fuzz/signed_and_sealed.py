"""Envelopes and seals: what nobody signed or sealed opens to nothing."""

import contextlib

from bedside.pki.sealing import SealError, seal, unseal
from bedside.pki.signing import ORDER, SignatureError, open_envelope
from tests.pki.test_sealing import INFO, KEY
from tests.pki.test_signing import ENVELOPE, KEYS, LIMIT, PAYLOAD

SEALED = seal(KEY.public_key(), ENVELOPE, info=INFO)
SEEDS = (ENVELOPE, SEALED)


def parse(data: bytes) -> None:
    """Open the bytes as an envelope and as a seal."""
    with contextlib.suppress(SignatureError):
        assert open_envelope(data, ORDER, KEYS, limit=LIMIT) == PAYLOAD
    with contextlib.suppress(SealError):
        assert unseal(KEY, data, info=INFO) == ENVELOPE

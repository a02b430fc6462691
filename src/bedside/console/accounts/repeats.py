"""The same call twice is done once: a program names its call, and gets the first answer again.

1. A name (`Idempotency-Key`) belongs to one token, method and address for a day.
2. While the first call is under way, a second one is told to wait; one with another body is refused.
3. What is kept of an answer lies encrypted: it may hold a code that was shown once.
4. An answer of our own failure is not kept: the call may be tried again under the same name.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from django.db import IntegrityError, transaction

from bedside.console.accounts.models import RepeatableCall
from bedside.console.notices.sealing import open_secret, seal_secret

__all__ = ["Claim", "Kept", "claim", "do_forget_calls", "do_keep", "do_release"]

_DAY_MS = 24 * 3600 * 1000
# A process that died keeps its name for so long.
_LEASE_MS = 60_000
_MAX_KEPT = 128 * 1024


class Claim(StrEnum):
    """What may be done with a name."""

    FIRST = "first"
    AGAIN = "again"
    BUSY = "busy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer that the first call got."""

    status: int
    content_type: str
    body: bytes


def claim(key: str, body: bytes, *, now: int) -> tuple[Claim, Kept | None]:
    """Claim the name `key` for a call with this body; FIRST means: do it, then keep or release.

    Args:
        key: over token, method, address and the caller's own name, see `key_of`.
        body: as it was sent.
        now: Unix milliseconds.
    """
    digest = hashlib.sha256(body).hexdigest()
    try:
        with transaction.atomic():
            RepeatableCall.objects.create(key=key, body=digest, at_ms=now)
        return Claim.FIRST, None
    except IntegrityError:
        pass
    with transaction.atomic():
        row = RepeatableCall.objects.select_for_update().filter(pk=key).first()
        if row is None or (not row.status and now - row.at_ms > _LEASE_MS):
            RepeatableCall.objects.update_or_create(
                key=key, defaults={"body": digest, "at_ms": now, "status": 0, "answer": ""}
            )
            return Claim.FIRST, None
    if row.body != digest:
        return Claim.OTHER, None
    if not row.status:
        return Claim.BUSY, None
    return Claim.AGAIN, Kept(row.status, row.content_type, open_secret(row.answer).encode())


def do_keep(key: str, kept: Kept) -> None:
    """Keep the answer of a call; one that is too large, or no text, is not kept: its name is free."""
    try:
        text = kept.body.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or len(kept.body) > _MAX_KEPT:
        do_release(key)
        return
    RepeatableCall.objects.filter(pk=key).update(
        status=kept.status, content_type=kept.content_type[:100], answer=seal_secret(text)
    )


def do_release(key: str) -> None:
    """Give a name back: the call came to nothing of its own."""
    RepeatableCall.objects.filter(pk=key, status=0).delete()


def do_forget_calls(*, now: int) -> int:
    """Forget names after a day."""
    return RepeatableCall.objects.filter(at_ms__lt=now - _DAY_MS).delete()[0]

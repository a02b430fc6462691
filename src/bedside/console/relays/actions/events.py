"""The feed's one writer."""

from enum import StrEnum

from django.db import connection
from django.db.models import F

from bedside.console.relays.models import FeedEvent, FeedHead
from bedside.console.wake import wake_on_commit

__all__ = ["EventKind", "add_event"]


class EventKind(StrEnum):
    """What a relay can be told (`docs/protocol/feed.md`)."""

    MESSAGE = "message"
    MESSAGE_WITHDRAWN = "message_withdrawn"
    TUNNEL = "tunnel"
    TUNNEL_ENDED = "tunnel_ended"
    REVOKED = "revoked"
    DEVICE_REFUSED = "device_refused"
    DEVICE_RESTORED = "device_restored"


def add_event(kind: EventKind, key: str, *, relay: str, now: int) -> None:
    """Tell one relay, or each (`relay` empty), of a change of what `key` names.

    The head's row stays locked until the caller's transaction ends, so cursors commit in order.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a feed event belongs into the transaction of its change")
    if not FeedHead.objects.filter(pk=1).update(cursor=F("cursor") + 1):
        FeedHead.objects.create(pk=1, cursor=1)
    cursor = FeedHead.objects.values_list("cursor", flat=True).get(pk=1)
    FeedEvent.objects.create(cursor=cursor, relay=relay, kind=kind, key=key, at_ms=now)
    wake_on_commit()

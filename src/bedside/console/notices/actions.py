"""The one way to tell somebody: `do_tell`, in the transaction of the change; the worker sends it."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from bedside.audit.entry import Actor, Thing
from bedside.console.journal.actions import now_ms, record, worker_actor
from bedside.console.notices import mail, webhook
from bedside.console.notices.models import MAX_KEY, Notice
from bedside.console.notices.plan import after_failure
from bedside.console.notices.sealing import SealError, open_secret, seal_secret
from bedside.protocol.codec import to_json
from bedside.vocabulary import JournalAction, Outcome

__all__ = ["Mail", "Webhook", "do_forget_sent", "do_send_due", "do_tell", "do_try_again"]

# What a turn may wait for, at its worst, stays below the lease.
_A_TURN = 5
_KEEP_MS = 90 * 24 * 3600 * 1000
# While one worker sends, another one must not: the notice comes back by itself if that one dies.
_LEASE_MS = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to one reader, in the reader's language already; no patient data, no secret.

    `private` marks one whose text lets somebody in: it lies encrypted, nobody reads it at the
    console, and it is wiped when it was sent.
    """

    to: str
    subject: str
    body: str
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An event for a program: flat facts, posted as JSON and signed with the receiver's secret."""

    url: str
    secret: str
    facts: dict[str, str | int | bool | None]


def do_tell(message: Mail | Webhook, *, event: str, key: str, organisation: str = "") -> bool:
    """Put a message into the outbox; False where the same `key` was told before.

    Args:
        message: what is told, to whom.
        event: its name, as webhooks carry it: `session.live`.
        key: makes it one: the event, what it is about, the receiver.
        organisation: whose people may see that it was told; empty for the console's own.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("do_tell() belongs into the transaction of the change it tells of")
    moment = now_ms()
    if isinstance(message, Mail):
        row = Notice(
            channel=Notice.Channel.MAIL,
            address=message.to,
            subject=message.subject[:200],
            body=seal_secret(message.body) if message.private else message.body,
            private=message.private,
        )
    else:
        facts = {"type": event, "at_ms": moment, **message.facts}
        row = Notice(
            channel=Notice.Channel.WEBHOOK,
            address=message.url,
            secret=seal_secret(message.secret),
            body=to_json(facts).decode(),
        )
    row.event, row.key, row.organisation, row.next_ms = event, key[:MAX_KEY], organisation, moment
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def do_send_due(*, now: int) -> int:
    """Try what is due, oldest first; return how many were sent.

    The network is never waited for inside a transaction.
    """
    sent = 0
    for row in _lease(now):
        try:
            _send(row, now)
        except mail.DeliveryError as error:
            _failed(row, error, now)
        else:
            _sent(row, now)
            sent += 1
    return sent


def do_try_again(notice: Notice, *, actor: Actor) -> bool:
    """Let somebody have a notice tried again that was given up; False where it was not."""
    with transaction.atomic():
        dead = Notice.objects.filter(pk=notice.pk, state=Notice.State.DEAD)
        if not dead.update(state=Notice.State.WAITING, tries=0, next_ms=now_ms(), done_ms=None):
            return False
        record(
            JournalAction.NOTICE_MESSAGE_RETRIED,
            actor=actor,
            thing=Thing("notice", notice.pk),
            detail={"kind": notice.event},
        )
    return True


def do_forget_sent(*, now: int) -> int:
    """Remove what was sent three months ago; what was given up stays until somebody deals with it."""
    old = Notice.objects.filter(state=Notice.State.SENT, done_ms__lt=now - _KEEP_MS)
    return old.delete()[0]


def _lease(now: int) -> list[Notice]:
    with transaction.atomic():
        due = Notice.objects.select_for_update().filter(
            state=Notice.State.WAITING, next_ms__lte=now
        )
        rows = list(due.order_by("next_ms")[:_A_TURN])
        Notice.objects.filter(pk__in=[row.pk for row in rows]).update(next_ms=now + _LEASE_MS)
    return rows


def _open(sealed: str) -> str:
    try:
        return open_secret(sealed)
    except SealError as error:
        raise mail.DeliveryError(str(error), lasting=True) from None


def _send(row: Notice, now: int) -> None:
    if row.channel == Notice.Channel.MAIL:
        body = _open(row.body) if row.private else row.body
        mail.send(to=row.address, subject=row.subject, body=body, message_id=row.pk)
    else:
        webhook.post(
            row.address,
            secret=_open(row.secret),
            message_id=row.pk,
            at_s=now // 1000,
            body=row.body.encode(),
        )


def _sent(row: Notice, now: int) -> None:
    body = "" if row.private else row.body
    Notice.objects.filter(pk=row.pk).update(
        state=Notice.State.SENT, tries=row.tries + 1, done_ms=now, error="", body=body
    )


def _failed(row: Notice, error: mail.DeliveryError, now: int) -> None:
    tries = row.tries + 1
    following = after_failure(tries, lasting=error.lasting, now_ms=now)
    with transaction.atomic():
        if following.at_ms is not None:
            Notice.objects.filter(pk=row.pk).update(
                tries=tries, next_ms=following.at_ms, error=str(error)
            )
            return
        Notice.objects.filter(pk=row.pk).update(
            tries=tries, state=Notice.State.DEAD, done_ms=now, error=str(error)
        )
        record(
            JournalAction.NOTICE_MESSAGE_LOST,
            actor=worker_actor(),
            thing=Thing("notice", row.pk),
            outcome=Outcome.FAILURE,
            detail={"kind": row.event, "error": str(error)},
        )

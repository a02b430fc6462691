"""The one way to write into the journal: `record`, in the transaction of the change it tells of."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from django.db import connection, transaction

from bedside.audit.entry import Act, Actor, ActorKind, DetailValue, Thing, time_text
from bedside.console.journal.models import JournalRow
from bedside.console.log import bind, told
from bedside.console.wake import wake_on_commit
from bedside.vocabulary import ClockState, Gate, JournalAction, Outcome, SessionId

__all__ = ["device_actor", "now_ms", "person", "record", "relay_actor", "worker_actor"]

_log = logging.getLogger("bedside.journal")
# systemd-timesyncd touches this once the clock has been set from the network.
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")


def record(
    action: JournalAction,
    *,
    actor: Actor,
    thing: Thing,
    outcome: Outcome = Outcome.SUCCESS,
    device: str | None = None,
    session: str | None = None,
    case: str | None = None,
    gate: Gate | None = None,
    detail: Mapping[str, DetailValue] | None = None,
    at_ms: int | None = None,
) -> int:
    """Write one entry, and return its row's id.

    Args:
        action: what was done.
        actor: who did it; a person wherever one can be named.
        thing: what it was done to.
        outcome: how it came out.
        device: the device concerned; taken from `thing` when that is a device.
        session: the session it belongs to, a ULID.
        case: the support case, at most 64 characters.
        gate: which requirement refused, when one did.
        detail: further facts by name; who may read one is decided by its name alone, and a name
            that nobody classified is secret. Foreign text goes through `audit.entry.short`.
        at_ms: Unix milliseconds of the act; None for now.

    Raises:
        RuntimeError: outside a transaction: the entry and its change stand or fall together.
        EntryError: a value could not stand in an entry.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("record() belongs into the transaction of the change it tells of")
    facts = dict(detail or {})
    if thing.kind == "device":
        device = thing.id
    elif device is not None:
        facts["device"] = device
    moment = now_ms() if at_ms is None else at_ms
    act = Act(
        time=time_text(moment),
        clock=_clock_state(),
        actor=actor,
        action=action,
        object=thing,
        outcome=outcome,
        gate=gate,
        session=None if session is None else SessionId(session),
        case=case,
        detail=facts,
    )
    row = JournalRow.objects.create(
        at_ms=moment,
        actor_kind=actor.kind,
        actor_id=actor.id,
        action=action,
        outcome=outcome,
        device=device or "",
        session=session or "",
        case=case or "",
        gate=gate or "",
        entry=act.at(0, None).to_line(),
    )
    wake_on_commit()
    _tell_log(row)
    return row.pk


def person(person_id: str, name: str) -> Actor:
    """Return the actor for a person of the console, with the name as it is now."""
    return Actor(ActorKind.PERSON, person_id, name)


def device_actor(device: str) -> Actor:
    """Return the actor for a device that acted by itself."""
    return Actor(ActorKind.DEVICE, device, device)


def relay_actor(relay: str) -> Actor:
    """Return the actor for a relay that told of something."""
    return Actor(ActorKind.SYSTEM, f"relay-{relay}", f"relay {relay}")


def worker_actor() -> Actor:
    """Return the actor for the console's own clockwork."""
    return Actor(ActorKind.SYSTEM, "worker", "console worker")


def now_ms() -> int:
    """Return the time in Unix milliseconds: the edge where the console reads its clock."""
    return time.time_ns() // 1_000_000


def _tell_log(row: JournalRow) -> None:
    """Let the log hear of an act once it is committed: its ids and words, none of its details."""
    bind(device=row.device, session=row.session, case=row.case)
    if not _log.isEnabledFor(logging.INFO):
        return
    fields = told(
        "act",
        action=str(row.action),
        outcome=str(row.outcome),
        actor=row.actor_id,
        gate=str(row.gate),
        device=row.device,
        session=row.session,
        case=row.case,
        entry=row.pk,
    )
    transaction.on_commit(lambda: _log.info("%s", row.action, extra=fields))


def _clock_state() -> ClockState:
    return ClockState.SYNCHRONISED if _SYNCHRONISED.exists() else ClockState.UNKNOWN

"""What the device's journal and the relays tell of a session: it moves by nothing else."""

from collections.abc import Collection

from django.db import connection, transaction

from bedside.audit.entry import ActorKind, Entry, time_ms
from bedside.console.journal.actions import device_actor, relay_actor
from bedside.console.relays.queries import is_draining, session_of_order
from bedside.console.service_sessions.actions.life import advance, end, lock_session
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.telling import tell_live
from bedside.protocol.batch import STOPPING
from bedside.protocol.states import LIVE, OPEN, state_after
from bedside.vocabulary import Ending, Gate, JournalAction, Mode, Outcome, SessionState

__all__ = [
    "do_apply_device_entry",
    "do_apply_tunnel_event",
    "do_note_delivered",
    "do_note_moved",
]


def do_apply_device_entry(device_id: str, entry: Entry, *, now: int) -> bool:
    """Move the session that a device's journal entry speaks of; whether it moved.

    The same entry again, or one of another device's session, changes nothing. The entry itself is
    in the journal already: here only the session follows.
    """
    session_id = entry.session or _session_of_unread_order(device_id, entry)
    if not session_id or entry.gate is Gate.ORDER_REPLAYED:
        # A replay ends nothing: its session has, or will have, its own ending.
        return False
    with transaction.atomic():
        session = lock_session(session_id, device_id)
        if session is None:
            return False
        if session.state not in OPEN:
            return entry.action is JournalAction.SESSION_LIFE_ENDED and _told_as_well(
                session, entry
            )
        at_ms = min(time_ms(entry.time), now)
        if entry.action is JournalAction.SESSION_APPROVAL_VERIFIED:
            said = session.approvals.filter(approver_id=entry.actor.id, approved=True)
            return bool(said.filter(verified_ms=None).update(verified_ms=at_ms))
        if entry.action is JournalAction.SESSION_LIFE_ENDED:
            return _ended(session, entry, at_ms)
        if entry.action is JournalAction.ORDER_DOCUMENT_REFUSED:
            gate = entry.gate or Gate.ORDER_MALFORMED
            actor = device_actor(device_id)
            return end(
                session, Ending.REFUSED, at_ms=at_ms, actor=actor, gate=gate, tell_device=False
            )
        return _moved(session, entry, at_ms)


def do_note_delivered(session_id: str, *, at_ms: int, relay: str = "") -> bool:
    """Note that the order reached its device, by which relay: now the operator is asked."""
    with transaction.atomic():
        session = lock_session(session_id)
        if session is None or session.state != SessionState.ROUTED:
            return False
        session.relay = relay or session.relay
        advance(session, SessionState.AWAITING_OPERATOR, at_ms=at_ms)
        session.save()
    return True


def do_note_moved(sessions: Collection[str], *, relay: str) -> None:
    """Note at which relay the orders of these sessions wait now: whoever asked connects there.

    One that somebody changes at this moment is passed over: the order's delivery names its relay
    too, and to wait for its row here, where its tunnel is held, is a deadlock with whoever ends it.
    """
    may_skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        rows = ServiceSession.objects.select_for_update(skip_locked=may_skip)
        for session in rows.filter(pk__in=sessions, state=SessionState.ROUTED):
            session.relay = relay
            session.save(update_fields=["relay"])


def do_apply_tunnel_event(
    session_id: str,
    kind: str,
    *,
    relay: str,
    bytes_from_device: int = 0,
    bytes_from_specialist: int = 0,
    reason: str = "",
    at_ms: int,
) -> bool:
    """Note where a session's tunnel is (`opened`), or what went through one (`closed`).

    A tunnel that closes ends no session: the device says when it is over, and by which ending. But
    where its relay was stopped in order, nothing carries the session any more, and only the relay
    can say that it was no breakdown.
    """
    with transaction.atomic():
        session = lock_session(session_id)
        if session is None:
            return False
        session.relay = relay or session.relay
        if kind == "closed":
            session.bytes_from_device += bytes_from_device
            session.bytes_from_specialist += bytes_from_specialist
        session.save()
        if kind == "closed" and reason == STOPPING:
            end(session, Ending.RELAY_STOPPED, at_ms=at_ms, actor=relay_actor(relay))
    return True


def _session_of_unread_order(device_id: str, entry: Entry) -> str:
    """Return whose order the device could not believe: it names the message, not the session."""
    if entry.action is not JournalAction.ORDER_DOCUMENT_REFUSED:
        return ""
    return session_of_order(device_id, str(entry.detail.get("message", "")))


def _ending_of(entry: Entry) -> Ending:
    try:
        return Ending(str(entry.detail.get("ending", "")))
    except ValueError:
        return Ending.FAILED


def _told_as_well(session: ServiceSession, entry: Entry) -> bool:
    """Keep what the device calls the ending of a session that had ended here before it said so.

    Each side ends a session once and by the first word that it has; where they crossed on their
    way, both are shown.
    """
    if session.device_ending:
        return False
    session.device_ending = _ending_of(entry).value
    session.save(update_fields=["device_ending"])
    return True


def _ended(session: ServiceSession, entry: Entry, at_ms: int) -> bool:
    ending = session.device_ending = _ending_of(entry)
    if ending is Ending.RELAY_LOST and is_draining(session.relay):
        ending = Ending.RELAY_STOPPED
    actor = device_actor(session.device_id)
    # The device's word stands even where the table is behind: the steps before it were overtaken.
    if end(session, ending, at_ms=at_ms, actor=actor, gate=entry.gate, tell_device=False):
        return True
    return end(session, Ending.FAILED, at_ms=at_ms, actor=actor, gate=entry.gate, tell_device=False)


def _whose_turn(entry: Entry) -> str:
    """Return who was handed control, where the entry says that it passed."""
    passed = entry.action is JournalAction.SESSION_CONTROL_PASSED
    return str(entry.detail.get("person", "")) if passed else ""


def _moved(session: ServiceSession, entry: Entry, at_ms: int) -> bool:
    state = state_after(entry.action, Mode(session.mode))
    if state is None or entry.outcome is not Outcome.SUCCESS:
        return False
    operator = ""
    if entry.action is JournalAction.SESSION_CONSENT_GIVEN:
        if entry.actor.kind is ActorKind.OPERATOR:
            operator = entry.actor.name[:120]
        session.operator = operator
        expires = at_ms + session.duration_s * 1000
        session.expires_ms = min(expires, session.closes_ms or expires)
    note = operator or _whose_turn(entry)
    if not advance(session, state, at_ms=at_ms, note=note):
        return False
    if state in LIVE and session.live_ms is None:
        session.live_ms = at_ms
        tell_live(session)
    session.save()
    return True

"""The life of a session: every step and every ending goes through these two functions.

1. A step that the table of `protocol.states` does not have is not made (R3).
2. An ending is recorded once, from the closed list; whatever comes after changes nothing (R4).
3. Whoever joined a session is out when it ends (S37); a join that ends, ends nothing else.
4. With the ending the tunnel closes, orders not yet delivered are withdrawn, and the seeds of the
   proofs are wiped.
"""

from django.db.models import Q

from bedside.audit.entry import Actor, Thing
from bedside.console.enrolment import actions as enrolment
from bedside.console.journal.actions import record
from bedside.console.relays.actions.tunnels import do_end_tunnel
from bedside.console.service_sessions.models import ServiceSession, TimelineRow
from bedside.console.service_sessions.telling import tell_ended
from bedside.protocol.orders import Withdrawal
from bedside.protocol.states import ENDINGS_FROM, OPEN, TRANSITIONS, ending_of_join
from bedside.vocabulary import (
    DeviceId,
    Ending,
    Gate,
    JournalAction,
    Outcome,
    SessionId,
    SessionState,
)

__all__ = ["advance", "end", "lock_session", "lock_sessions", "step"]

_ONGOING = [state.value for state in OPEN]
_BEFORE_THE_ORDER = frozenset({SessionState.REQUESTED, SessionState.AWAITING_SITE})
_SUCCESSES = frozenset(
    {
        Ending.BY_OPERATOR,
        Ending.BY_SPECIALIST,
        Ending.IDLE,
        Ending.EXPIRED,
        Ending.RELAY_STOPPED,
    }
)
_REFUSALS = frozenset({Ending.REFUSED, Ending.UNANSWERED, Ending.REVOKED, Ending.SITE_TERMINATED})


def lock_session(session_id: str, device: str | None = None) -> ServiceSession | None:
    """Return a session for change, its row locked; None where there is none (of that device)."""
    sessions = ServiceSession.objects.select_for_update().filter(pk=session_id)
    return (sessions.filter(device_id=device) if device else sessions).first()


def lock_sessions(covered: Q) -> list[ServiceSession]:
    """Return the sessions that are not over and that `covered` means, for change, their rows locked."""
    return list(ServiceSession.objects.select_for_update().filter(covered, state__in=_ONGOING))


def step(session: ServiceSession, state: SessionState, *, at_ms: int, note: str = "") -> None:
    """Write that the session reached `state`; the caller has checked that it may, and saves it."""
    session.state = state.value
    TimelineRow.objects.create(session=session, at_ms=at_ms, state=state.value, note=note[:200])


def advance(session: ServiceSession, state: SessionState, *, at_ms: int, note: str = "") -> bool:
    """Bring the session to `state`, through states whose news was overtaken; False where it cannot.

    News from the relay and from the device's journal arrive by different ways, so one may be behind
    the other: what would lead backwards is old and is passed over. The caller saves the session.
    """
    path = _path(SessionState(session.state), state)
    for passed in path[:-1]:
        step(session, passed, at_ms=at_ms)
    if path:
        step(session, state, at_ms=at_ms, note=note)
    return bool(path)


def end(
    session: ServiceSession,
    ending: Ending,
    *,
    at_ms: int,
    actor: Actor,
    gate: Gate | None = None,
    tell_device: bool = True,
    reason: str = "",
) -> bool:
    """End the session and save it; False where it had ended before, or cannot end so.

    Args:
        session: locked by the caller.
        ending: from the closed list.
        at_ms: Unix milliseconds of the ending.
        actor: who ended it.
        gate: which requirement refused, when one did.
        tell_device: whether the device does not know it yet.
        reason: what a person said for it; on the time line, and in the journal.
    """
    before = SessionState(session.state)
    if ending not in ENDINGS_FROM[before]:
        return False
    session.ending = ending.value
    session.gate = gate.value if gate else ""
    session.ended_ms = at_ms
    session.device_proof_seed = session.specialist_proof_seed = b""
    step(session, SessionState.ENDED, at_ms=at_ms, note=reason)
    session.save()
    do_end_tunnel(session.pk, ending, now=at_ms)
    if tell_device and before not in _BEFORE_THE_ORDER:
        withdrawal = Withdrawal(
            session=SessionId(session.pk),
            device=DeviceId(session.device_id),
            ending=ending,
            by=actor.name[:120],
            gate=gate,
            issued_ms=at_ms,
        )
        enrolment.do_send_withdrawal(withdrawal, now=at_ms)
    record(
        JournalAction.SESSION_LIFE_ENDED,
        actor=actor,
        thing=Thing("session", session.pk),
        outcome=_outcome(ending),
        device=session.device_id,
        session=session.pk,
        case=session.case or None,
        gate=gate,
        detail={
            "ending": ending.value,
            "state": before.value,
            **({"reason": reason} if reason else {}),
        },
        at_ms=at_ms,
    )
    tell_ended(session)
    _end_joins(session, ending, at_ms=at_ms, actor=actor, tell_device=tell_device)
    return True


def _end_joins(
    session: ServiceSession, ending: Ending, *, at_ms: int, actor: Actor, tell_device: bool
) -> None:
    # Who ends many goes from the newest to the oldest, so that a join has ended before its session.
    open_joins = session.joined.select_for_update().exclude(state=SessionState.ENDED.value)
    for join in open_joins:
        state = SessionState(join.state)
        end(
            join,
            ending_of_join(ending, state),
            at_ms=at_ms,
            actor=actor,
            # The device ends what it knows of; an order on its way it does not know yet.
            tell_device=tell_device or state is SessionState.ROUTED,
        )


def _outcome(ending: Ending) -> Outcome:
    if ending in _SUCCESSES:
        return Outcome.SUCCESS
    return Outcome.REFUSED if ending in _REFUSALS else Outcome.FAILURE


def _path(old: SessionState, new: SessionState) -> list[SessionState]:
    """Return the states from after `old` up to `new` along the way to a live session, or nothing."""
    if new in TRANSITIONS[old]:
        return [new]
    road = [
        SessionState.ROUTED,
        SessionState.AWAITING_OPERATOR,
        SessionState.CONNECTING,
        SessionState.AUTHENTICATING,
        new,
    ]
    if old not in road or new in (SessionState.ENDED, old) or road.index(new) < road.index(old):
        return []
    between = road[road.index(old) + 1 : road.index(new) + 1]
    return between if _is_walk(old, between) else []


def _is_walk(old: SessionState, states: list[SessionState]) -> bool:
    steps = zip([old, *states[:-1]], states, strict=True)
    return all(after in TRANSITIONS[before] for before, after in steps)

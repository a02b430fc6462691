"""What ends sessions from the console: a person, a lock, a device that is closed, and time."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q

from bedside.audit.entry import Actor
from bedside.console.access.actions import LockTarget
from bedside.console.access.actions import do_clear_lock as clear_lock
from bedside.console.access.actions import do_set_lock as set_lock
from bedside.console.access.models import Lock
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of
from bedside.console.devices import actions as devices
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms, worker_actor
from bedside.console.service_sessions.actions.life import end, lock_session
from bedside.console.service_sessions.models import ServiceSession
from bedside.policy.facts import LockScope
from bedside.protocol.states import LIVE, OPEN
from bedside.vocabulary import Ending, Gate, SessionState

__all__ = [
    "do_clear_lock",
    "do_end_due_sessions",
    "do_end_session",
    "do_end_sessions_of_lost_device",
    "do_mark_cloned",
    "do_revoke_device",
    "do_set_lock",
]

# An answer given in the last second may still be on its way; an end told by the device even more so.
_ANSWER_GRACE_MS = 20_000
_EXPIRY_GRACE_MS = 60_000
_ONGOING = [state.value for state in OPEN]
_AT_THE_DEVICE = [
    SessionState.CONNECTING.value,
    SessionState.AUTHENTICATING.value,
    *(state.value for state in LIVE),
]


def do_end_session(session: ServiceSession, *, acting_user: User) -> bool:
    """End a session for a person; False where it had ended.

    The one who asked ends it as `by_specialist`, somebody of the site as `site_terminated`, anybody
    else as `revoked`.
    """
    if session.person_id == acting_user.pk:
        ending = Ending.BY_SPECIALIST
    else:
        ending = Ending.SITE_TERMINATED if acting_user.site else Ending.REVOKED
    with transaction.atomic():
        locked = lock_session(session.pk)
        if locked is None:
            return False
        return end(locked, ending, at_ms=now_ms(), actor=actor_of(acting_user))


def do_set_lock(lock: LockTarget, *, reason: str, acting_user: User) -> Lock:
    """Lock a person, device, site, product or everything, and end what is open under it (R8)."""
    with transaction.atomic():
        row = set_lock(lock, reason=reason, acting_user=acting_user)
        if lock.scope is LockScope.DEVICE:
            devices.do_note_lock(Device.objects.get(pk=lock.target), row.reason)
        _end_all(_covered(lock), actor_of(acting_user), Gate.LOCK)
    return row


def do_clear_lock(lock: LockTarget, *, acting_user: User) -> bool:
    """Clear a lock; False where none held. Sessions it ended stay ended."""
    with transaction.atomic():
        cleared = clear_lock(lock, acting_user=acting_user)
        if cleared and lock.scope is LockScope.DEVICE:
            devices.do_note_lock(Device.objects.get(pk=lock.target), "")
    return cleared


def do_revoke_device(device: Device, *, acting_user: User) -> None:
    """Take a device's certificates away, and end what is open on it."""
    with transaction.atomic():
        _end_all(Q(device=device), actor_of(acting_user), Gate.REVOKED_CERTIFICATE)
        devices.do_revoke_device(device, acting_user=acting_user)


def do_mark_cloned(device_id: str, *, now: int) -> None:
    """Note that two live copies of a device were seen, and end what is open on either."""
    with transaction.atomic():
        devices.do_mark_cloned(device_id, now=now)
        _end_all(Q(device_id=device_id), worker_actor(), Gate.DEVICE_CLONED)


def do_end_sessions_of_lost_device(device_id: str, *, now: int) -> int:
    """End what is open on a device that polls no relay any more; return how many sessions.

    A session that is live is left to its signed expiry: the device may be working all the same, and
    its journal will say how it ended (N7).
    """
    waiting = Q(device_id=device_id) & ~Q(state__in=_AT_THE_DEVICE)
    with transaction.atomic():
        return sum(
            end(session, Ending.DEVICE_LOST, at_ms=now, actor=worker_actor())
            for session in _locked(waiting)
        )


def do_end_due_sessions(*, now: int) -> int:
    """End what nobody answered in time, and what is past its absolute end; return how many."""
    unanswered = Q(answer_by_ms__lt=now - _ANSWER_GRACE_MS) & ~Q(state__in=_AT_THE_DEVICE)
    expired = Q(expires_ms__lt=now - _EXPIRY_GRACE_MS)
    due = ServiceSession.objects.filter(unanswered | expired, state__in=_ONGOING)
    if not due.exists():
        return 0
    with transaction.atomic():
        ended = sum(
            end(session, Ending.UNANSWERED, at_ms=now, actor=worker_actor(), gate=_silent(session))
            for session in _locked(unanswered)
        )
        return ended + sum(
            end(session, Ending.EXPIRED, at_ms=now, actor=worker_actor())
            for session in _locked(expired)
        )


def _silent(session: ServiceSession) -> Gate | None:
    asked = session.state == SessionState.AWAITING_OPERATOR
    return Gate.CONSENT_SILENCE if asked else None


def _covered(lock: LockTarget) -> Q:
    return {
        LockScope.DEVICE: Q(device_id=lock.target),
        LockScope.EVERYTHING: Q(),
        LockScope.PERSON: Q(person_id=lock.target),
        LockScope.PRODUCT: Q(device__product_id=lock.target),
        LockScope.SITE: Q(device__site_id=lock.target),
    }[lock.scope]


def _end_all(covered: Q, actor: Actor, gate: Gate) -> int:
    moment = now_ms()
    return sum(
        end(session, Ending.REVOKED, at_ms=moment, actor=actor, gate=gate)
        for session in _locked(covered)
    )


def _locked(covered: Q) -> Iterable[ServiceSession]:
    return list(ServiceSession.objects.select_for_update().filter(covered, state__in=_ONGOING))

"""What ends sessions from the console: a person, a lock, a device that is closed, and time."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from bedside.audit.entry import Actor, short
from bedside.console.access.actions import LockTarget
from bedside.console.access.actions import do_clear_lock as clear_lock
from bedside.console.access.actions import do_set_lock as set_lock
from bedside.console.access.models import Lock
from bedside.console.access.queries import locks_on
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of
from bedside.console.devices import actions as devices
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms, worker_actor
from bedside.console.relays.queries import devices_at
from bedside.console.service_sessions.actions.life import end, lock_session, lock_sessions
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import covered_by
from bedside.console.sites.actions import do_close_window as close_window
from bedside.console.sites.models import SiteWindow
from bedside.console.sites.queries import site_say
from bedside.policy.facts import LockScope
from bedside.protocol.states import LIVE, OPEN
from bedside.vocabulary import (
    AccessKind,
    Ending,
    Gate,
    Mode,
    SessionState,
    SiteAction,
    session_action,
)

__all__ = [
    "do_clear_lock",
    "do_close_window",
    "do_end_due_sessions",
    "do_end_session",
    "do_end_sessions_at_lost_relay",
    "do_end_sessions_of_lost_devices",
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
_WAITING = ~Q(state__in=_AT_THE_DEVICE)


def do_end_session(session: ServiceSession, *, acting_user: User, reason: str = "") -> bool:
    """End a session for a person, with what they say for it; False where it had ended.

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
        actor = actor_of(acting_user)
        return end(locked, ending, at_ms=now_ms(), actor=actor, reason=short(reason, 200))


def do_set_lock(lock: LockTarget, *, reason: str, acting_user: User) -> Lock:
    """Lock a person, device, site, product or everything, and end what is open under it (R8)."""
    with transaction.atomic():
        row = set_lock(lock, reason=reason, acting_user=acting_user)
        if lock.scope is LockScope.DEVICE:
            devices.do_note_lock(Device.objects.get(pk=lock.target), row.reason)
        _end_all(covered_by(lock.scope, lock.target), actor_of(acting_user), Gate.LOCK)
    return row


def do_clear_lock(lock: LockTarget, *, acting_user: User) -> bool:
    """Clear one's own lock; False where none held. Sessions it ended stay ended.

    Raises ValidationError where only another organisation's holds.
    """
    with transaction.atomic():
        cleared = clear_lock(lock, acting_user=acting_user)
        if cleared and lock.scope is LockScope.DEVICE:
            others = locks_on(lock.scope, lock.target)
            reason = others[0].reason if others else ""
            devices.do_note_lock(Device.objects.get(pk=lock.target), reason)
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


def do_end_sessions_of_lost_devices(lost: Collection[str], *, now: int) -> int:
    """End what is open on devices that poll no relay any more; return how many sessions.

    A session that is live is left to its signed expiry: the device may be working all the same, and
    its journal will say how it ended (N7). What is asked grows with what is open, not with the devices.
    """
    if not lost:
        return 0
    with transaction.atomic():
        return sum(
            end(session, Ending.DEVICE_LOST, at_ms=now, actor=worker_actor())
            for session in lock_sessions(_WAITING)
            if session.device_id in lost
        )


def do_end_sessions_at_lost_relay(relay: str, *, now: int) -> int:
    """End what waits for devices whose relay is lost, as above; return how many sessions."""
    waiting = ServiceSession.objects.filter(_WAITING, state__in=_ONGOING)
    asked = set(waiting.values_list("device_id", flat=True))
    return do_end_sessions_of_lost_devices(devices_at(relay, asked), now=now)


def do_close_window(window: SiteWindow, *, acting_user: User) -> bool:
    """Close a service window before its end, and what runs in it alone; False where it had closed."""
    with transaction.atomic():
        if not close_window(window, acting_user=acting_user):
            return False
        devices_ = [window.device] if window.device else list(window.site.devices.all())
        for device in devices_:
            _end_without_window(device, actor_of(acting_user))
    return True


def _end_without_window(device: Device, actor: Actor) -> None:
    """End the sessions of a device that need a window, if none is open any more."""
    moment = now_ms()
    site = site_say(device, moment).facts
    if site.open_until_ms is not None and site.open_until_ms > moment:
        return
    for session in lock_sessions(Q(device=device, break_glass=False)):
        action = session_action(AccessKind(session.access), Mode(session.mode))
        if site.window & {action, *map(SiteAction, session.actions)}:
            end(
                session,
                Ending.SITE_TERMINATED,
                at_ms=moment,
                actor=actor,
                gate=Gate.SITE_WINDOW,
            )


def do_end_due_sessions(*, now: int) -> int:
    """End what nobody answered in time, what its window let begin, what is past its end; return how many."""
    # Nobody's answer is on its way from a site: it says yes here, in time or not at all.
    silent = Q(answer_by_ms__lte=now, state=SessionState.AWAITING_SITE.value)
    asked = Q(answer_by_ms__lt=now - _ANSWER_GRACE_MS) & ~Q(state__in=_AT_THE_DEVICE)
    unanswered = silent | asked
    closed = Q(closes_ms__lte=now)
    expired = Q(expires_ms__lt=now - _EXPIRY_GRACE_MS)
    due = ServiceSession.objects.filter(unanswered | closed | expired, state__in=_ONGOING)
    if not due.exists():
        return 0
    with transaction.atomic():
        ended = sum(
            end(
                session,
                Ending.SITE_TERMINATED,
                at_ms=now,
                actor=worker_actor(),
                gate=Gate.SITE_WINDOW,
            )
            for session in lock_sessions(closed)
        )
        ended += sum(
            end(session, Ending.UNANSWERED, at_ms=now, actor=worker_actor(), gate=_silent(session))
            for session in lock_sessions(unanswered)
        )
        return ended + sum(
            end(session, Ending.EXPIRED, at_ms=now, actor=worker_actor())
            for session in lock_sessions(expired)
        )


def _silent(session: ServiceSession) -> Gate | None:
    return {
        SessionState.AWAITING_OPERATOR.value: Gate.CONSENT_SILENCE,
        SessionState.AWAITING_SITE.value: Gate.SITE_SILENCE,
    }.get(session.state)


def _end_all(covered: Q, actor: Actor, gate: Gate) -> int:
    moment = now_ms()
    return sum(
        end(session, Ending.REVOKED, at_ms=moment, actor=actor, gate=gate)
        for session in lock_sessions(covered)
    )

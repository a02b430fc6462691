"""Joining a live session of somebody else, and control of it: what may be joined (S37, R10).

1. A session that is live may be joined by somebody else, at the same access: by one person of the
   manufacturer's at a time, and by one of the site's own, to watch (R18).
2. A join is a session of its own; it ends with the one that it joins, and never ends that one.
3. Whoever has joined and is in may ask for control, of a session that is for control and with the
   key of their join: that is a session of its own too, joined to theirs, and opens no tunnel.
"""

from dataclasses import replace

from bedside.console.accounts.models import User
from bedside.console.devices.models import Device
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.requests import SessionRequest
from bedside.pki.ssh_certificates import load_ssh_key, ssh_key_line
from bedside.policy.decide import Decision, Reason
from bedside.protocol.states import LIVE, OPEN
from bedside.vocabulary import Gate, Mode, SessionState

__all__ = ["find_host", "with_join"]

_LIVE = [state.value for state in LIVE]
_OPEN = [state.value for state in OPEN]


def find_host(device: Device, request: SessionRequest, person: User) -> ServiceSession | None:
    """Return the session that `person` may join by `request`, its row locked; None without one."""
    if request.hands_over:
        return _find_own_join(device, request, person)
    host = (
        ServiceSession.objects.select_for_update()
        .filter(pk=request.joins, device=device, access=request.access.value, state__in=_LIVE)
        .filter(joins=None)
        .exclude(person=person)
        .first()
    )
    if host is None:
        return None
    # Two seats: neither keeps the other out.
    seated = host.joined.filter(state__in=_OPEN, person_level__isnull=person.site is not None)
    return None if seated.exists() else host


def _find_own_join(device: Device, request: SessionRequest, person: User) -> ServiceSession | None:
    join = (
        ServiceSession.objects.select_for_update()
        .filter(pk=request.joins, device=device, access=request.access.value, person=person)
        .filter(state=SessionState.LIVE_VIEW.value, joins__mode=Mode.CONTROL.value)
        .filter(public_key=ssh_key_line(load_ssh_key(request.public_key)))
        .filter(joins__state__in=_LIVE, joins__joins=None)
        .first()
    )
    if join is None or join.joined.filter(state__in=_OPEN).exists():
        return None
    return join


def with_join(decision: Decision, request: SessionRequest, host: ServiceSession | None) -> Decision:
    """Return `decision` with the gate of joining, where `request` is to join."""
    if request.joins is None:
        return decision
    reason = Reason(Gate.JOIN, host is not None, (("session", request.joins),))
    if host is None:
        reasons = (*decision.reasons, reason)
        return Decision(allowed=False, reasons=reasons, obligations=())
    return replace(decision, reasons=(*decision.reasons, reason))

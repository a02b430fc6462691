"""Joining a live session of somebody else: which one may be joined, and what ends with it (S37).

1. A session that is live may be joined by somebody else, at the same access, by one person at a time.
2. A join is a session of its own; it ends with the one that it joins, and never ends that one.
"""

from dataclasses import replace

from bedside.console.accounts.models import User
from bedside.console.devices.models import Device
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.requests import SessionRequest
from bedside.policy.decide import Decision, Reason
from bedside.protocol.states import LIVE, OPEN
from bedside.vocabulary import Gate

__all__ = ["find_host", "with_join"]

_LIVE = [state.value for state in LIVE]
_OPEN = [state.value for state in OPEN]


def find_host(device: Device, request: SessionRequest, person: User) -> ServiceSession | None:
    """Return the session that `person` may join by `request`, its row locked; None without one."""
    host = (
        ServiceSession.objects.select_for_update()
        .filter(pk=request.joins, device=device, access=request.access.value, state__in=_LIVE)
        .filter(joins=None)
        .exclude(person=person)
        .first()
    )
    if host is None or host.joined.filter(state__in=_OPEN).exists():
        return None
    return host


def with_join(decision: Decision, request: SessionRequest, host: ServiceSession | None) -> Decision:
    """Return `decision` with the gate of joining, where `request` is to join."""
    if request.joins is None:
        return decision
    reason = Reason(Gate.JOIN, host is not None, (("session", request.joins),))
    if host is None:
        reasons = (*decision.reasons, reason)
        return Decision(allowed=False, reasons=reasons, obligations=())
    return replace(decision, reasons=(*decision.reasons, reason))

"""Broken glass, with what it lets in and who is told: at its beginning and at its end (R42)."""

from django.db import transaction
from django.db.models import Q

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms
from bedside.console.service_sessions.actions.life import end, lock_sessions
from bedside.console.service_sessions.telling import tell_glass, tell_glass_over
from bedside.console.sites.actions import do_break_glass as break_glass
from bedside.console.sites.actions import do_end_glass as end_glass
from bedside.console.sites.actions import do_lapse_glass as lapse_glass
from bedside.console.sites.models import BreakGlass
from bedside.vocabulary import Ending, Gate

__all__ = ["do_break_glass", "do_end_due_glass", "do_end_glass"]


def do_break_glass(device: Device, *, reason: str, minutes: int, acting_user: User) -> BreakGlass:
    """Open a device for the site itself, and tell everybody of the site (R42).

    Raises ValidationError as `sites.actions.do_break_glass`.
    """
    with transaction.atomic():
        glass = break_glass(device, reason=reason, minutes=minutes, acting_user=acting_user)
        tell_glass(glass)
    return glass


def do_end_glass(glass: BreakGlass, *, acting_user: User) -> bool:
    """End broken glass before its time, and every session that it opened; False where it was over.

    Whoever was told of it is told.
    """
    with transaction.atomic():
        if not end_glass(glass, acting_user=acting_user):
            return False
        for session in lock_sessions(Q(device_id=glass.device_id, break_glass=True)):
            end(
                session,
                Ending.SITE_TERMINATED,
                at_ms=now_ms(),
                actor=actor_of(acting_user),
                gate=Gate.SITE_WINDOW,
            )
        tell_glass_over(glass)
    return True


def do_end_due_glass(*, now: int) -> int:
    """Note what ended by itself, and tell whoever was told of it; return how many.

    Its sessions end with it by their own time.
    """
    if not BreakGlass.objects.filter(ended_ms=None, end_ms__lte=now).exists():
        return 0
    with transaction.atomic():
        over = lapse_glass(now=now)
        for glass in over:
            tell_glass_over(glass)
    return len(over)

"""How a device is now, for somebody who is asked to help it: what the console has already."""

from typing import Any

from bedside.console.accounts.models import User
from bedside.console.devices.models import Device
from bedside.console.monitoring.queries import lasting_alarm
from bedside.console.pages.shown import shown_entries
from bedside.console.pages.words import ACTIVITIES
from bedside.console.records.queries import told_lately
from bedside.console.relays.queries import presence
from bedside.console.service_sessions.queries import visible_sessions
from bedside.vocabulary import Outcome, SessionState

__all__ = ["device_now"]

_SHOWN = 3
_READ = 30


def device_now(user: User, device: Device) -> dict[str, Any]:
    """Return what is known of a device at this moment, as far as `user` may see it.

    Presence, what it does, whether an alarm lasts for it, sessions that are open, and by its own
    journal what it told last and what it last refused or failed at (an examination that runs, a
    clock that is wrong), None where it told of no such thing lately.
    """
    seen = presence(device.pk)
    told = told_lately(user, device, limit=_READ)
    faults = [each for each in told if each.view["outcome"] != Outcome.SUCCESS]
    ongoing = visible_sessions(user).filter(device=device).exclude(state=SessionState.ENDED.value)
    return {
        "seen": seen,
        "activity": ACTIVITIES[seen.activity] if seen else "",
        "alarm": lasting_alarm(device),
        "open": ongoing.order_by("id")[:_SHOWN],
        "told": shown_entries(told[:_SHOWN], brief=True),
        "fault": next(iter(shown_entries(faults[:1], brief=True)), None),
    }

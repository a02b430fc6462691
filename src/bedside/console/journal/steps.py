"""What both journals tell of a session's way, for whoever draws its trace."""

from bedside.console.journal.models import DeviceEntry, JournalRow
from bedside.console.journal.queries import rows_after
from bedside.observe.trace import Step
from bedside.vocabulary import JournalAction, SessionId

__all__ = ["newest_device_entry", "sessions_after", "steps_of"]

_MOST = 500
_KNOWN = frozenset(action.value for action in JournalAction)
_AT_DEVICE = (JournalAction.SESSION_LIFE_LIVE, JournalAction.SESSION_LIFE_ENDED)
_HERE = (JournalAction.SESSION_LIFE_ENDED, JournalAction.SESSION_REQUEST_REFUSED)


def newest_device_entry() -> int:
    """Return the key of the newest entry of any device's journal, 0 where there is none."""
    return DeviceEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0


def sessions_after(row: int, entry: int) -> tuple[list[tuple[SessionId, str]], int, int]:
    """Return the sessions that came to their prompt or their end, with their devices.

    Args:
        row: the key of the console's row that was looked at last.
        entry: the same of the devices' entries.

    Returns:
        (session, device) of each, and both keys as they are now.
    """
    here = rows_after(row, _MOST)
    entries = DeviceEntry.objects.filter(id__gt=entry).order_by("id")
    there = list(entries.values_list("id", "action", "session", "device")[:_MOST])
    found = [(SessionId(s), d) for _, action, d, s in here if s and action in _HERE]
    found += [(SessionId(s), d) for _, action, s, d in there if s and action in _AT_DEVICE]
    return found, here[-1][0] if here else row, there[-1][0] if there else entry


def steps_of(session: SessionId, device: str) -> list[Step]:
    """Return what the console and `device` wrote of a session, each in its own order."""
    rows = JournalRow.objects.filter(session=session).order_by("id")
    entries = DeviceEntry.objects.filter(session=session, device=device).order_by("seq")
    steps = [(*row, False) for row in rows.values_list("at_ms", "action")[:_MOST]]
    steps += [(*entry, True) for entry in entries.values_list("at_ms", "action")[:_MOST]]
    return [Step(at, JournalAction(word), there) for at, word, there in steps if word in _KNOWN]

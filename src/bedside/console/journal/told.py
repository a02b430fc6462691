"""What a device's own journal says of its sessions."""

from collections.abc import Collection, Iterable

from bedside.audit.clearance import view
from bedside.audit.entry import parse_entry, time_ms
from bedside.console.journal.models import DeviceEntry
from bedside.console.journal.queries import JournalPage, ShownEntry
from bedside.vocabulary import FieldClass

__all__ = ["latest_told", "newest_told", "told_of_session"]


def told_of_session(
    device: str, session: str, *, limit: int = 200, clearance: FieldClass = FieldClass.PUBLIC
) -> tuple[ShownEntry, ...]:
    """Return the entries that `device` wrote about `session`, in its order, at most `limit`.

    `id` and `sequence` are the entry's place in the device's journal.
    """
    rows = DeviceEntry.objects.filter(session=session, device=device).order_by("seq")
    return _shown(rows.values_list("line", flat=True)[:limit], clearance)


def newest_told(
    device: str,
    sessions: Collection[str],
    *,
    before: int | None = None,
    limit: int,
    clearance: FieldClass,
) -> JournalPage:
    """Return up to `limit` entries that `device` wrote about these sessions, newest first.

    `before` is a place in the device's journal: only what was written before it.
    """
    rows = DeviceEntry.objects.filter(session__in=sessions, device=device).order_by("-seq")
    if before is not None:
        rows = rows.filter(seq__lt=before)
    found = _shown(rows.values_list("line", flat=True)[: limit + 1], clearance)
    return JournalPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


def latest_told(device: str, *, limit: int, clearance: FieldClass) -> tuple[ShownEntry, ...]:
    """Return the last entries of a device's journal that are known here, newest first."""
    rows = DeviceEntry.objects.filter(device=device).order_by("-seq")
    return _shown(rows.values_list("line", flat=True)[:limit], clearance)


def _shown(lines: Iterable[str], clearance: FieldClass) -> tuple[ShownEntry, ...]:
    entries = [parse_entry(line.encode()) for line in lines]
    return tuple(
        ShownEntry(entry.seq, entry.seq, time_ms(entry.time), view(entry, clearance))
        for entry in entries
    )

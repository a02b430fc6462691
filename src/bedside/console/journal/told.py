"""What a device's own journal says of one session."""

from bedside.audit.clearance import view
from bedside.audit.entry import parse_entry, time_ms
from bedside.console.journal.models import DeviceEntry
from bedside.console.journal.queries import ShownEntry
from bedside.vocabulary import FieldClass

__all__ = ["told_of_session"]


def told_of_session(
    device: str, session: str, *, limit: int = 200, clearance: FieldClass = FieldClass.PUBLIC
) -> tuple[ShownEntry, ...]:
    """Return the entries that `device` wrote about `session`, in its order, at most `limit`.

    `id` and `sequence` are the entry's place in the device's journal.
    """
    rows = DeviceEntry.objects.filter(session=session, device=device).order_by("seq")
    entries = [parse_entry(line.encode()) for line in rows.values_list("line", flat=True)[:limit]]
    return tuple(
        ShownEntry(entry.seq, entry.seq, time_ms(entry.time), view(entry, clearance))
        for entry in entries
    )

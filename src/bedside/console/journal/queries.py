"""Reading the journal: filtered, by key, and only as far as the reader is cleared."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from bedside.audit.clearance import view
from bedside.audit.entry import parse_entry
from bedside.console.journal.models import (
    Checkpoint,
    DeviceEntry,
    DeviceHead,
    DeviceRejection,
    JournalRow,
)
from bedside.vocabulary import DeviceId, FieldClass, Gate, JournalAction

__all__ = [
    "MOST_UNSEALED",
    "DeviceWitness",
    "Filters",
    "JournalPage",
    "LogStatus",
    "ShownEntry",
    "count_since",
    "device_entries",
    "device_witness",
    "devices_in_conflict",
    "devices_known",
    "leaf",
    "log_status",
    "newest_note",
    "newest_row",
    "oldest_unsealed_ms",
    "page",
    "rows_after",
]

MAX_PAGE = 200
MOST_UNSEALED = 999
"""Up to how many `log_status` counts: counting all reads all."""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What the page shows; an empty field filters nothing. Times are Unix ms, `until_ms` excluded."""

    device: str = ""
    devices: frozenset[str] | None = None
    """None: of every device and of none; otherwise of these only."""
    rows: frozenset[int] | None = None
    """None: any; otherwise these rows only."""
    person: str = ""
    session: str = ""
    action: str = ""
    gate: str = ""
    outcome: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True)
class ShownEntry:
    """One entry as this reader may see it.

    `view` is the entry's JSON object with what is withheld set to null and named in `withheld`;
    `sequence` is None until the entry has its place in the log.
    """

    id: int
    sequence: int | None
    at_ms: int
    view: dict[str, Any]


@dataclass(frozen=True)
class JournalPage:
    """Entries, newest first; `next_before` is the key of the following page, None at the end."""

    entries: tuple[ShownEntry, ...]
    next_before: int | None


@dataclass(frozen=True)
class LogStatus:
    """The log as last signed, and how many rows wait for their seal; one above MOST_UNSEALED for more."""

    size: int
    root: str
    note: str
    sealed_ms: int | None
    unsealed: int


@dataclass(frozen=True)
class DeviceWitness:
    """How far the console knows a device's journal, and whether the device contradicted itself."""

    size: int
    head: str
    received_ms: int | None
    conflict: bool
    rejections: tuple[str, ...] = field(default=())


def page(
    filters: Filters,
    *,
    before: int | None = None,
    limit: int = 50,
    clearance: FieldClass = FieldClass.PUBLIC,
) -> JournalPage:
    """Return up to `limit` entries (at most 200) older than row `before`, newest first.

    The order is that in which they were written; where days are asked for, that of their times.

    What `clearance` does not reach is withheld, and its name told.
    """
    rows = _filtered(filters)
    timed = filters.since_ms is not None or filters.until_ms is not None
    if before is not None:
        rows = _older(rows, before) if timed else rows.filter(id__lt=before)
    limit = max(1, min(limit, MAX_PAGE))
    order = ("-at_ms", "-id") if timed else ("-id",)
    found = list(rows.order_by(*order)[: limit + 1])
    shown = tuple(_show(row, clearance) for row in found[:limit])
    return JournalPage(shown, found[limit - 1].pk if len(found) > limit else None)


def _older(rows: QuerySet[JournalRow], row_id: int) -> QuerySet[JournalRow]:
    """Return the rows behind this one in the order of time; none behind one that is not there."""
    at_ms = JournalRow.objects.filter(pk=row_id).values_list("at_ms", flat=True).first()
    if at_ms is None:
        return rows.none()
    return rows.filter(at_ms__lte=at_ms).exclude(at_ms=at_ms, id__gte=row_id)


def leaf(row: JournalRow) -> bytes:
    """Return the canonical line of a sealed row: its entry with its place in the log.

    The first match is the entry's own: quotes inside text are escaped, and no detail is null.
    """
    if row.sequence is None:
        raise ValueError("the row has no place in the log yet")
    place = b'"prev":null,"seq":%d,' % row.sequence
    return bytes(row.entry).replace(b'"prev":null,"seq":0,', place, 1)


def rows_after(row_id: int, limit: int = 500) -> list[tuple[int, str, str, str]]:
    """Return (id, action, device, session) of rows with a higher id, in order of id."""
    rows = JournalRow.objects.filter(id__gt=row_id).order_by("id")
    return list(rows.values_list("id", "action", "device", "session")[:limit])


def newest_row() -> int:
    """Return the id of the newest row, 0 where there is none."""
    return JournalRow.objects.order_by("-id").values_list("id", flat=True).first() or 0


def count_since(action: JournalAction, *, device: str, gate: Gate, since_ms: int) -> int:
    """Return how many entries of this action, device and gate there are since a moment.

    For writers that must not let a stranger fill the journal.
    """
    rows = JournalRow.objects.filter(action=action, device=device, gate=gate)
    return rows.filter(at_ms__gt=since_ms).count()


def log_status() -> LogStatus:
    """Return what the newest checkpoint says, and how much waits for the next."""
    waiting = JournalRow.objects.filter(sequence__isnull=True)
    unsealed = waiting[: MOST_UNSEALED + 1].count()
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        return LogStatus(0, "", "", None, unsealed)
    return LogStatus(newest.size, newest.root, newest.note, newest.at_ms, unsealed)


def oldest_unsealed_ms() -> int | None:
    """Return when the oldest entry was written that has no place in the log yet, None for none."""
    waiting = JournalRow.objects.filter(sequence__isnull=True).order_by("id")
    return waiting.values_list("at_ms", flat=True).first()


def devices_in_conflict() -> int:
    """Return how many devices have contradicted what the console had of their journals."""
    return DeviceHead.objects.filter(conflict=True).count()


def newest_note() -> str:
    """Return the newest checkpoint as a signed note, "" before the first."""
    notes = Checkpoint.objects.order_by("-size").values_list("note", flat=True)
    return notes.first() or ""


def device_witness(device: str) -> DeviceWitness:
    """Return how far the console knows the journal of `device`."""
    head = DeviceHead.objects.filter(device=device).first()
    reasons = DeviceRejection.objects.filter(device=device).order_by("-id")
    told = tuple(reasons.values_list("reason", flat=True)[:10])
    if head is None:
        return DeviceWitness(0, "", None, conflict=False, rejections=told)
    return DeviceWitness(head.size, head.head, head.received_ms, head.conflict, told)


def device_entries(device: str, *, since: int = 0) -> Iterable[bytes]:
    """Yield the lines of a device's journal from place `since` on, without newlines."""
    rows = DeviceEntry.objects.filter(device=device, seq__gte=since).order_by("seq")
    for line in rows.values_list("line", flat=True).iterator(2000):
        yield line.encode()


def devices_known() -> list[DeviceId]:
    """Return the devices whose journals the console holds, by name."""
    known = DeviceHead.objects.filter(size__gt=0).order_by("device")
    return [DeviceId(device) for device in known.values_list("device", flat=True)]


def _filtered(filters: Filters) -> QuerySet[JournalRow]:
    names = {
        "device": filters.device,
        "actor_id": filters.person,
        "session": filters.session,
        "action": filters.action,
        "gate": filters.gate,
        "outcome": filters.outcome,
        "at_ms__gte": filters.since_ms,
        "at_ms__lt": filters.until_ms,
    }
    rows = JournalRow.objects.filter(
        **{name: value for name, value in names.items() if value not in ("", None)}
    )
    if filters.rows is not None:
        rows = rows.filter(pk__in=filters.rows)
    return rows if filters.devices is None else rows.filter(device__in=filters.devices)


def _show(row: JournalRow, clearance: FieldClass) -> ShownEntry:
    shown = view(parse_entry(bytes(row.entry)), clearance)
    shown["seq"] = row.sequence
    return ShownEntry(row.pk, row.sequence, row.at_ms, shown)

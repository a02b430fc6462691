"""What both journals of a world say, read where they are kept."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.demo.world import World
from tests.journeys.tables import rows

__all__ = [
    "Record",
    "console_records",
    "device_records",
    "gates",
    "read_journal",
    "reported_records",
]


@dataclass(frozen=True)
class Record:
    """One entry of either journal."""

    action: str
    outcome: str
    gate: str | None
    session: str | None
    detail: dict[str, Any]
    actor: str
    """Who did it, by their id."""


def _record(entry: dict[str, Any]) -> Record:
    return Record(
        entry["action"],
        entry["outcome"],
        entry["gate"],
        entry["session"],
        entry["detail"],
        entry["actor"]["id"],
    )


def device_records(world: World) -> list[Record]:
    """Return the device's journal, oldest first."""
    return read_journal(world.device.journal)


def read_journal(path: Path) -> list[Record]:
    """Return the journal of any device, oldest first; what is being written now is left out."""
    lines = path.read_bytes().splitlines(keepends=True)
    return [_record(json.loads(line)) for line in lines if line.endswith(b"\n")]


def console_records(world: World) -> list[Record]:
    """Return the console's journal, oldest first."""
    return _rows(world, "SELECT entry FROM journal_journalrow ORDER BY id")


def reported_records(world: World) -> list[Record]:
    """Return the device's journal as the console holds it, oldest first."""
    return _rows(world, "SELECT line FROM journal_deviceentry ORDER BY seq")


def _rows(world: World, query: str) -> list[Record]:
    return [_record(json.loads(row[0])) for row in rows(world, query)]


def gates(records: list[Record], session: str | None = None) -> set[str]:
    """Return every gate that refused, of one session where it is given."""
    return {
        record.gate
        for record in records
        if record.gate is not None and (session is None or record.session == session)
    }

"""Copies of the journal for whoever must not need to trust us, and our own look at it."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from django.conf import settings

from bedside.audit.archive import open_archive
from bedside.audit.chain import Fault, FaultKind
from bedside.audit.checkpoint import parse_checkpoint
from bedside.audit.copies import ExportVerdict, verify_export
from bedside.audit.entry import time_text
from bedside.audit.export import DeviceCopy, write_console_export, write_device_export
from bedside.audit.tiles import HASH_BYTES, TILE_WIDTH, Tile, tiles_between
from bedside.audit.verify import LogVerdict
from bedside.console.journal.models import Checkpoint, JournalRow
from bedside.console.journal.queries import device_entries, devices_known, leaf
from bedside.console.journal.signer import verifier_key
from bedside.vocabulary import DeviceId

__all__ = [
    "NothingSealedError",
    "export_device",
    "export_log",
    "log_folder",
    "read_tile",
    "verify_own_log",
]


class NothingSealedError(RuntimeError):
    """There is no checkpoint yet: the worker has never run."""


def log_folder() -> Path:
    """Return the folder of the log's tiles and its newest checkpoint."""
    return Path(settings.BEDSIDE_DATA_DIR) / "journal"


def export_log(out: IO[bytes], *, keys: Mapping[DeviceId, Mapping[str, str]], now: int) -> int:
    """Write the sealed log with the devices' journals as a zip; return how many entries it holds.

    Args:
        out: where the zip goes.
        keys: the devices' identity keys, past and present (PEM by key id), for the reader.
        now: Unix milliseconds.

    Raises:
        NothingSealedError: no checkpoint has been signed yet.
    """
    # No transaction: nobody must wait for an export, and what a checkpoint covers never changes.
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        raise NothingSealedError("the journal has no checkpoint: start `bedside console worker`")
    copies = {
        device: DeviceCopy(device_entries(device), keys.get(device, {}))
        for device in devices_known()
    }
    write_console_export(
        out,
        checkpoint=newest.note,
        key=verifier_key(),
        lines=_lines(newest.size),
        tiles=_tiles(newest.size),
        devices=copies,
        exported=time_text(now),
    )
    return newest.size


def export_device(out: IO[bytes], device: str, *, now: int) -> int:
    """Write the console's copy of a device's journal as a zip; return how many entries it holds."""
    head = write_device_export(
        out, device=device, lines=device_entries(device), exported=time_text(now)
    )
    return head.size


def verify_own_log(*, now: int) -> ExportVerdict:
    """Judge the log, its tiles and the devices' copies by the newest checkpoint, as a stranger would.

    Raises NothingSealedError, ArchiveError or CheckpointError where there is nothing to judge.
    """
    with tempfile.TemporaryDirectory(prefix="bedside-verify-") as folder:
        path = Path(folder) / "log.zip"
        try:
            with path.open("wb") as out:
                export_log(out, keys={}, now=now)
        except OSError as error:
            note = Checkpoint.objects.order_by("-size").values_list("note", flat=True)[0]
            fault = Fault(0, FaultKind.MALFORMED, f"the tiles cannot be read: {error}")
            return ExportVerdict(
                LogVerdict(parse_checkpoint(note), verifier_key(), pinned=True, fault=fault)
            )
        with open_archive(path) as archive:
            return verify_export(archive, [verifier_key()])


def _lines(size: int) -> Iterator[bytes]:
    rows = JournalRow.objects.filter(sequence__lt=size).order_by("sequence")
    return (leaf(row) for row in rows.iterator(2000))


def _tiles(size: int) -> Iterator[tuple[Tile, bytes]]:
    for tile in tiles_between(0, size):
        if tile.level is not None:
            yield tile, read_tile(tile)


def read_tile(tile: Tile) -> bytes:
    """Return a hash tile of the log at the width asked for; OSError where it is missing."""
    try:
        return (log_folder() / tile.path).read_bytes()
    except FileNotFoundError:
        # It has filled up since the checkpoint: the whole tile begins with it.
        whole = log_folder() / Tile(tile.level, tile.index, TILE_WIDTH).path
        return whole.read_bytes()[: tile.width * HASH_BYTES]

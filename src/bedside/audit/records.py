"""Takes two exports apart into the records that `reconcile` compares."""

from collections.abc import Collection
from dataclasses import dataclass

from bedside.audit.archive import Archive, ArchiveError
from bedside.audit.checkpoint import VerifierKey
from bedside.audit.copies import copy_name, keys_name
from bedside.audit.reconcile import (
    ConsoleRecord,
    DeviceRecord,
    batches_received,
    checkpoints_witnessed,
    restores_told,
)
from bedside.audit.verify import LogVerdict, log_lines, verify_log
from bedside.vocabulary import DeviceId, parse_device_id

__all__ = ["Records", "device_keys", "read_records"]


@dataclass(frozen=True, slots=True)
class Records:
    """Both sides, and the verdict on the console's log."""

    console: ConsoleRecord
    device: DeviceRecord
    log: LogVerdict


def read_records(console: Archive, device: Archive, keys: Collection[VerifierKey] = ()) -> Records:
    """Return both sides' records.

    Args:
        console: an export of the console's log.
        device: an export of a device's journal.
        keys: the log's keys that the reader knows; none to take the export's own.

    Raises:
        ArchiveError: a file is missing or malformed.
        CheckpointError: the log's checkpoint is not signed by its key.
        EntryError: an entry of the log about a batch is malformed.
    """
    name = _device_of(device)
    lines = [line.removesuffix(b"\n") for line in device.lines("journal.jsonl")]
    checkpoints = list(checkpoints_witnessed(lines))
    log = verify_log(console, keys, roots_at={each.size for each in checkpoints})
    copy = console.lines(copy_name(name)) if copy_name(name) in console.names else ()
    return Records(
        ConsoleRecord(
            size=log.checkpoint.size,
            roots=log.roots,
            batches=list(batches_received(log_lines(console), name)),
            copy=[line.removesuffix(b"\n") for line in copy],
            keys=[log.key],
            fault=log.fault,
            restores=list(restores_told(log_lines(console))),
        ),
        DeviceRecord(name, lines, checkpoints),
        log,
    )


def device_keys(console: Archive, device: DeviceId) -> dict[str, str]:
    """Return the identity keys (PEM by key id) under which the console knows a device.

    Raises ArchiveError where the file of keys cannot be read.
    """
    if keys_name(device) not in console.names:
        return {}
    keys = console.read_object(keys_name(device))
    return {k: v for k, v in keys.items() if isinstance(v, str)}


def _device_of(archive: Archive) -> DeviceId:
    try:
        return parse_device_id(str(archive.read_object("manifest.json").get("device")))
    except ValueError as error:
        raise ArchiveError(f"the device's manifest.json names no device: {error}") from error

"""Writes exports that anybody can verify offline; the format is docs/reference/journal-export.md.

The writers stream: they hold no more than one entry of a log at a time.
"""

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from bedside.audit.chain import GENESIS, ChainHead, line_hash
from bedside.audit.checkpoint import VerifierKey, parse_checkpoint
from bedside.audit.copies import copy_name, keys_name
from bedside.audit.tiles import Tile
from bedside.audit.verify import CONSOLE_LOG, DEVICE_JOURNAL
from bedside.vocabulary import DeviceId

__all__ = ["DeviceCopy", "write_console_export", "write_device_export"]


@dataclass(frozen=True, slots=True)
class DeviceCopy:
    """What the console holds of a device: its journal's lines from 0, and its identity keys.

    `keys` are PEM public keys by key id, past and present: the signatures of batches name them.
    """

    lines: Iterable[bytes]
    keys: Mapping[str, str] = field(default_factory=dict)


def write_console_export(
    out: IO[bytes],
    *,
    checkpoint: str,
    key: VerifierKey,
    lines: Iterable[bytes],
    tiles: Iterable[tuple[Tile, bytes]],
    devices: Mapping[DeviceId, DeviceCopy],
    exported: str,
) -> None:
    """Write a console's log as a zip.

    Args:
        out: where the zip goes; need not be seekable.
        checkpoint: the signed note.
        key: the log's verifier key, for readers who do not have it.
        lines: the log's entries, as many as the checkpoint seals.
        tiles: the hash tiles at the checkpoint's size (`tiles_between(0, size)` without bundles).
        devices: the console's copy of each device's journal.
        exported: the moment, as `time_text`.
    """
    head = parse_checkpoint(checkpoint)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        _write_object(
            archive,
            "manifest.json",
            {
                "exported": exported,
                "key": key.to_text(),
                "kind": CONSOLE_LOG,
                "origin": head.origin,
                "size": head.size,
                "v": 1,
            },
        )
        archive.writestr("checkpoint", checkpoint)
        _write_lines(archive, "entries.jsonl", lines)
        for name, copy in devices.items():
            _write_lines(archive, copy_name(name), copy.lines)
            _write_object(archive, keys_name(name), dict(copy.keys))
        for tile, data in tiles:
            archive.writestr(tile.path, data)


def write_device_export(
    out: IO[bytes], *, device: str, lines: Iterable[bytes], exported: str
) -> ChainHead:
    """Write a device's journal as a zip and return the head that its manifest states.

    Args:
        out: where the zip goes; need not be seekable.
        device: the device's id, or empty before enrolment.
        lines: the journal from its first entry.
        exported: the moment, as `time_text`.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        head = _write_lines(archive, "journal.jsonl", lines)
        _write_object(
            archive,
            "manifest.json",
            {
                "device": device,
                "exported": exported,
                "head": head.hash,
                "kind": DEVICE_JOURNAL,
                "size": head.size,
                "v": 1,
            },
        )
    return head


def _write_lines(archive: zipfile.ZipFile, name: str, lines: Iterable[bytes]) -> ChainHead:
    size, last = 0, None
    with archive.open(name, "w", force_zip64=True) as file:
        for line in lines:
            file.write(line + b"\n")
            size, last = size + 1, line
    return GENESIS if last is None else ChainHead(size, line_hash(last))


def _write_object(archive: zipfile.ZipFile, name: str, obj: dict[str, Any]) -> None:
    archive.writestr(name, json.dumps(obj, indent=2, sort_keys=True) + "\n")

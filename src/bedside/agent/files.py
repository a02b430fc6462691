"""Small files that survive a power cut: written beside, flushed, renamed."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["make_private_folder", "read_json", "remove", "write_bytes", "write_json"]


def make_private_folder(folder: Path, *, mode: int = 0o700) -> None:
    """Create `folder` with exactly `mode`, or tighten one that exists."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` (mode 0600) by `data`: afterwards the old or the new content stands, whole.

    Raises OSError when it could not be written; the old content then stands.
    """
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - from the descriptor with its mode
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _sync_folder(path.parent)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace `path` by `value` as JSON, like `write_bytes`."""
    write_bytes(path, json.dumps(value, ensure_ascii=False, sort_keys=True).encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in `path`, or None when there is no such file.

    Raises ValueError when it holds something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} does not hold an object")  # noqa: TRY004 - a damaged file
    return value


def remove(path: Path) -> None:
    """Delete `path` for good; nothing happens when it is not there."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

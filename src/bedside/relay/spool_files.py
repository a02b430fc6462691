"""The spool's folder: files that are only appended to, each deleted when nothing in it waits.

Every call may block on the disk, and raises OSError as the disk does. A file in which anything went
wrong is not written again: what a failed fsync left in it is unknown (docs/rfd, 25).
"""

import contextlib
import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bedside.relay.spool import Entry, Spool
from bedside.relay.spool_record import MAGIC, Found, had_record, record, scan

__all__ = ["DAMAGED", "SpoolFiles", "SpoolTakenError", "Stored", "read_folder", "recover"]

_SUFFIX = ".spool"
DAMAGED = ".damaged"
DAMAGED_KEPT = 2
_MOST = 64 * 1024 * 1024
_ROLL_EMPTY = 256 * 1024


class SpoolTakenError(OSError):
    """Another process holds the folder."""


@dataclass(slots=True)
class Stored:
    """One file: the lowest and the highest number in it, its size, whether it was found damaged."""

    path: Path
    low: int = 0
    high: int = 0
    size: int = 0
    damaged: bool = False

    def note(self, entries: Iterable[Entry]) -> None:
        """Widen the range of numbers by these."""
        for each in entries:
            self.low = min(self.low or each.number, each.number)
            self.high = max(self.high, each.number)


def read_folder(folder: Path) -> list[tuple[Path, Found]]:
    """Return what each file of the folder holds, oldest file first; changes nothing.

    A file that cannot be read is a damaged one; one that is gone meanwhile is none.
    """
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            with path.open("rb") as file:
                found.append((path, scan(file.read(_MOST))))
        except FileNotFoundError:
            continue
        except OSError:
            found.append((path, Found(damaged=True)))
    return found


def recover(files: Iterable[Found], spool: Spool) -> None:
    """Put into `spool` what still waits in these files, and let it give no number again."""
    known: dict[tuple[str, int], Entry] = {}
    had = 0
    for found in files:
        known |= {(each.boot, each.number): each for each in found.entries}
        had = max(had, found.had)
    for entry in sorted(known.values(), key=lambda each: each.number):
        if entry.number > had:
            spool.recover(entry)
        spool.begin_after(entry.number)
    spool.begin_after(had)


class SpoolFiles:
    """The files of one relay, which are nobody else's while it lives.

    Args:
        folder: where they are; it is made when it is missing.
        file_bytes: how large a file may grow before the next begins.
    """

    def __init__(self, folder: Path, file_bytes: int) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._stored: list[Stored] = []
        self._file: int | None = None
        self._synced = 0
        self._lock: int | None = None
        self._number = 0
        self._had = 0

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self._stored)

    @property
    def oldest(self) -> Stored | None:
        """The oldest file that is not written any more."""
        closed = self._stored[: -1 if self._file is not None else None]
        return closed[0] if closed else None

    def open(self) -> list[tuple[Path, Found]]:
        """Take the folder and return what its files hold; half-written ends are cut off.

        Raises SpoolTakenError when another process has it, OSError when it cannot be had at all.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise SpoolTakenError(str(self._folder)) from None
        files = read_folder(self._folder)
        for path, found in files:
            self._adopt(path, found)
        return files

    def write(self, entries: list[Entry], had: int, *, sync: bool) -> None:
        """Append events and how far the console is; with `sync`, return once the disk has them."""
        try:
            data = b"".join(map(record, entries))
            if had > self._had:
                data += had_record(had)
            if data:
                self._append(data)
                self._stored[-1].note(entries)
                self._had = max(self._had, had)
            if sync:
                self._sync()
        except OSError:
            self.abandon()
            raise

    def begin_anew(self) -> None:
        """Write to a new file from now on."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def abandon(self) -> None:
        """Leave the file in which something went wrong, cut back to what the disk surely has."""
        if self._file is None:
            return
        last = self._stored[-1]
        with contextlib.suppress(OSError):
            if self._synced:
                os.ftruncate(self._file, self._synced)
                last.size = self._synced
            else:
                last.path.unlink()
                self._stored.pop()
        self.begin_anew()

    def drop_below(self, number: int) -> None:
        """Delete the files in which nothing has this number or a higher one."""
        current = self._stored[-1] if self._file is not None else None
        if current is not None and current.high < number and current.size >= _ROLL_EMPTY:
            self.begin_anew()
            current = None
        for each in [each for each in self._stored if each is not current and each.high < number]:
            self.remove(each)

    def remove(self, stored: Stored) -> None:
        """Delete a file; a damaged one is set aside instead, the newest few are kept."""
        if stored.damaged:
            stored.path.rename(stored.path.with_suffix(DAMAGED))
            for old in sorted(self._folder.glob(f"*{DAMAGED}"))[:-DAMAGED_KEPT]:
                old.unlink()
        else:
            stored.path.unlink(missing_ok=True)
        self._stored.remove(stored)

    def close(self) -> None:
        """Close what is open, and let the folder go."""
        self.begin_anew()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _adopt(self, path: Path, found: Found) -> None:
        stored = Stored(path, damaged=found.damaged)
        stored.note(found.entries)
        with contextlib.suppress(OSError):
            if found.torn and not found.damaged:
                os.truncate(path, found.end)
            stored.size = path.stat().st_size
        self._stored.append(stored)
        if path.stem.isdecimal():
            self._number = max(self._number, int(path.stem))

    def _append(self, data: bytes) -> None:
        if self._file is not None and self._stored[-1].size >= self._file_bytes:
            self._sync()
            self.begin_anew()
        if self._file is None:
            self._create()
        assert self._file is not None
        view = memoryview(data)
        while view:
            count = os.write(self._file, view)
            self._stored[-1].size += count
            view = view[count:]

    def _create(self) -> None:
        if self._lock is None:
            self.open()
            # The folder could not be had at the start: what an earlier run left waits for the next.
            self._stored.clear()
        self._number += 1
        path = self._folder / f"{self._number:016d}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        self._synced = 0
        self._stored.append(Stored(path))
        self._append(MAGIC)

    def _sync(self) -> None:
        if self._file is None:
            return
        is_new = not self._synced
        os.fdatasync(self._file)
        if is_new and self._lock is not None:
            os.fsync(self._lock)  # the folder: the file's name must last as well
        self._synced = self._stored[-1].size

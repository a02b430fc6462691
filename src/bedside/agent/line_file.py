"""A file of journal lines, found by place: read in pieces, searched by halving, never held whole."""

import os
from collections.abc import Iterator
from pathlib import Path

from bedside.audit.entry import MAX_LINE_BYTES
from bedside.audit.form import read_place

__all__ = ["Disk", "LineFile"]

_CHUNK = 64 * 1024


class LineFile:
    """Reads lines from an open file by descriptor; leaves its position alone."""

    def __init__(self, file: int) -> None:
        self._file = file

    def between(self, place: int, end: int) -> Iterator[bytes]:
        """Yield the lines from byte `place` to `end`, each with its newline if it has one."""
        rest = b""
        while place < end:
            chunk = os.pread(self._file, min(_CHUNK, end - place), place)
            if not chunk:
                break
            place += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
            if len(rest) > MAX_LINE_BYTES + 1:
                break
        if rest:
            yield rest

    def last_newline(self, begin: int, end: int) -> int:
        """Return the place after the last newline between two places, or `begin` without one."""
        while end > begin:
            place = max(begin, end - _CHUNK)
            found = os.pread(self._file, end - place, place).rfind(b"\n")
            if found >= 0:
                return place + found + 1
            end = place
        return begin

    def after(self, place: int) -> tuple[bytes, int]:
        """Return the first line that begins after byte `place`, and where it begins."""
        data = os.pread(self._file, 2 * (MAX_LINE_BYTES + 1), place)
        begin = data.find(b"\n") + 1
        return data[begin : data.find(b"\n", begin)], place + begin

    def place_of(self, sequence: int, end: int) -> int | None:
        """Return the byte where entry `sequence` begins, before `end`, or None.

        Raises EntryError where a line on the way is no entry.
        """
        low, high = 0, end
        while high - low > _CHUNK:
            middle = (low + high) // 2
            line, at = self.after(middle)
            if read_place(line)[0] <= sequence:
                low = at
            else:
                high = middle
        for line in self.between(low, end):
            found = read_place(line.removesuffix(b"\n"))[0]
            if found >= sequence:
                return low if found == sequence else None
            low += len(line)
        return None


class Disk:
    """What the journal asks of the file system; tests put a failing one in its place."""

    def write(self, file: int, data: bytes) -> None:
        """Write all of `data`, or raise OSError with part of it written."""
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]

    def sync(self, file: int) -> None:
        """Return once the file, or the folder, is on stable storage, or raise OSError."""
        os.fsync(file)

    def free(self, folder: Path) -> int:
        """Return how many bytes this process may still write in `folder`."""
        state = os.statvfs(folder)
        return state.f_bavail * state.f_frsize

    def reserve(self, file: int, size: int) -> None:
        """Make `size` bytes of the file real blocks, or raise OSError."""
        os.posix_fallocate(file, 0, size)

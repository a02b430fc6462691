"""Reads an export: a folder, a `.zip` or a `.tar` of the same files.

Nothing is unpacked to disk, and a name is only ever looked up, so a hostile archive can neither
write nor reach outside; sizes are limited where a whole file is taken into memory.
"""

import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, Self, TypeVar

__all__ = ["Archive", "ArchiveError", "open_archive"]

MAX_FILE_BYTES = 64 * 1024
MAX_LINE_BYTES = 16 * 1024

_R = TypeVar("_R")


class ArchiveError(ValueError):
    """The export cannot be read: not an archive, or a file in it is missing or too large."""


class _Files(Protocol):
    def names(self) -> set[str]: ...
    def open(self, name: str) -> IO[bytes]: ...
    def close(self) -> None: ...


class Archive:
    """The files of one export, by their names with `/`."""

    def __init__(self, files: _Files) -> None:
        self._files = files
        self.names = files.names()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Return a whole file of at most `limit` bytes, or raise ArchiveError."""
        with self._open(name) as file:
            data = _guard(name, lambda: file.read(limit + 1))
        if len(data) > limit:
            raise ArchiveError(f"{name} is over {limit} bytes")
        return data

    def read_object(self, name: str) -> dict[str, Any]:
        """Return a file that holds one JSON object, or raise ArchiveError."""
        try:
            value = json.loads(self.read(name))
        except (ValueError, RecursionError) as error:
            raise ArchiveError(f"{name} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise ArchiveError(f"{name} is not a JSON object")
        return value

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file with their newlines; an overlong line comes in pieces."""
        with self._open(name) as file:
            while line := _guard(name, lambda: file.readline(MAX_LINE_BYTES)):
                yield line

    def _open(self, name: str) -> IO[bytes]:
        if name not in self.names:
            raise ArchiveError(f"{name} is missing")
        return _guard(name, lambda: self._files.open(name))


def open_archive(path: Path) -> Archive:
    """Return the export at `path`, or raise ArchiveError; close it by leaving its `with`."""
    return Archive(_guard(path.name, lambda: _open_files(path)))


def _open_files(path: Path) -> _Files:
    if path.is_dir():
        return _Folder(path)
    if zipfile.is_zipfile(path):
        return _Zip(path)
    if tarfile.is_tarfile(path):
        return _Tar(path)
    raise ArchiveError("neither a folder nor a .zip nor a .tar")


_DAMAGED = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What the standard library raises for archives that are damaged, encrypted or of another version."""


def _guard(name: str, act: Callable[[], _R]) -> _R:
    try:
        return act()
    except ArchiveError:
        raise
    except _DAMAGED as error:
        raise ArchiveError(f"{name} cannot be read: {error}") from error


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> set[str]:
        found = (each for each in self._path.rglob("*") if each.is_file())
        return {each.relative_to(self._path).as_posix() for each in found}

    def open(self, name: str) -> IO[bytes]:
        return (self._path / PurePosixPath(name)).open("rb")

    def close(self) -> None:
        pass


class _Zip:
    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)

    def names(self) -> set[str]:
        return set(self._zip.namelist())

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def close(self) -> None:
        self._zip.close()


class _Tar:
    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path)  # noqa: SIM115 - closed by the archive's own with
        self._members = {each.name.removeprefix("./"): each for each in self._tar if each.isreg()}

    def names(self) -> set[str]:
        return set(self._members)

    def open(self, name: str) -> IO[bytes]:
        file = self._tar.extractfile(self._members[name])
        if file is None:
            raise ArchiveError(f"{name} is not a file")
        return file

    def close(self) -> None:
        with suppress(OSError):
            self._tar.close()

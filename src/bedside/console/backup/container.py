"""The file of a backup: a plain tar of the manifest and its members, written once, read strictly.

Nothing is ever unpacked by a name that the file gives. What the reader takes: plain files only, in
the order and of the sizes that the manifest says, each with its digest, and nothing behind them.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from bedside.console.backup.manifest import MAX_MANIFEST, Manifest, Member, parse_manifest
from bedside.console.backup.seal import PIECE, manifest_code, sealed_pieces, sealed_size
from bedside.pki.keystore import new_secret_file
from bedside.protocol.errors import ProtocolError

__all__ = ["BackupError", "Progress", "Source", "check_members", "open_backup", "write_backup"]

_MANIFEST = "manifest.json"

Progress = Callable[[str, int, int], None]
"""Told how far a part is: its name, and how many of how many bytes are done."""


class BackupError(ValueError):
    """A file that is no whole backup; the message names what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A member to be written: where its bytes lie now."""

    name: str
    path: Path


def write_backup(
    to: Path, manifest: Manifest, sources: Iterable[Source], *, key: bytes | None, tell: Progress
) -> Manifest:
    """Write a new file of mode 0600, whole and on disk before it has its name; return its manifest.

    Args:
        to: the file; FileExistsError where it exists.
        manifest: what to say, without its members.
        sources: the members, in order.
        key: what they are sealed with; None leaves them as they are.
        tell: is told the progress.
    """
    with new_secret_file(to) as out:
        named = list(sources)
        # The manifest comes first and knows the digests: its room is kept until they are known.
        manifest = _with_members(manifest, [_blank(each, key) for each in named], key)
        room = manifest.to_bytes()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            tar.addfile(_info(_MANIFEST, len(room)), _Iterated(iter([room])))
            members = [_add(tar, source, key, tell) for source in named]
        manifest = _with_members(manifest, members, key)
        assert len(manifest.to_bytes()) == len(room)
        out.seek(tarfile.BLOCKSIZE)
        out.write(manifest.to_bytes())
    return manifest


def _with_members(manifest: Manifest, members: list[Member], key: bytes | None) -> Manifest:
    manifest = replace(manifest, members=tuple(members), seal="")
    if key is None:
        return manifest
    return replace(manifest, seal=manifest_code(key, manifest.sealed_bytes()))


def _blank(source: Source, key: bytes | None) -> Member:
    size = source.path.stat().st_size
    return Member(source.name, size if key is None else sealed_size(size), "0" * 64)


def _add(tar: tarfile.TarFile, source: Source, key: bytes | None, tell: Progress) -> Member:
    blank = _blank(source, key)
    with source.path.open("rb") as file:
        plain = iter(lambda: file.read(PIECE), b"")
        pieces = plain if key is None else sealed_pieces(file, key, source.name)
        reader = _Iterated(pieces, lambda done: tell(source.name, done, blank.size))
        tar.addfile(_info(source.name, blank.size), reader)
    return replace(blank, sha256=reader.digest.hexdigest())


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


class _Iterated:
    """Pieces as a file that is read, with their digest."""

    def __init__(
        self, pieces: Iterator[bytes], told: Callable[[int], None] = lambda __: None
    ) -> None:
        self._pieces, self._told = pieces, told
        self._held = b""
        self._done = 0
        self.digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        while len(self._held) < size and (piece := next(self._pieces, b"")):
            self._held += piece
        found, self._held = self._held[:size], self._held[size:]
        self.digest.update(found)
        self._done += len(found)
        self._told(self._done)
        return found


@contextmanager
def open_backup(path: Path) -> Iterator[tuple[Manifest, dict[str, IO[bytes]]]]:
    """Give a backup's manifest and its members as files; raises BackupError, OSError.

    Shape and sizes have been checked then, the digests have not: see `check_members`.
    """
    try:
        with tarfile.open(path, mode="r:") as tar:
            manifest = parse_manifest(_read_manifest(tar))
            files = {each.name: _next(tar, each.name, each.size) for each in manifest.members}
            if tar.next() is not None:
                raise BackupError(_("There is more in it than its manifest says."))
            yield manifest, files
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise BackupError(_("It is not a backup, or not a whole one.")) from error
    except ProtocolError as error:
        raise BackupError(_("Its manifest is refused: %(why)s.") % {"why": error}) from error


def _read_manifest(tar: tarfile.TarFile) -> bytes:
    info = tar.next()
    if info is None or info.name != _MANIFEST or not info.isreg() or info.size > MAX_MANIFEST:
        raise BackupError(_("It does not begin with a manifest."))
    file = tar.extractfile(info)
    assert file is not None
    return file.read()


def _next(tar: tarfile.TarFile, name: str, size: int) -> IO[bytes]:
    info = tar.next()
    if info is None or (info.name, info.size) != (name, size) or not info.isreg():
        raise BackupError(
            _("The part %(name)s is not of the place and size that the manifest says.")
            % {"name": name}
        )
    file = tar.extractfile(info)
    assert file is not None
    return file


def check_members(manifest: Manifest, files: dict[str, IO[bytes]], *, tell: Progress) -> None:
    """Read every member to its end, or raise BackupError for the first that is not as it was written."""
    for member in manifest.members:
        digest, done = hashlib.sha256(), 0
        while piece := files[member.name].read(PIECE):
            digest.update(piece)
            done += len(piece)
            tell(member.name, done, member.size)
        if done != member.size or digest.hexdigest() != member.sha256:
            raise BackupError(
                _("The part %(name)s is not as it was written.") % {"name": member.name}
            )
        files[member.name].seek(0)

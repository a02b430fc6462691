"""The sequencer: gives rows their place in the log, writes the tiles, signs a checkpoint.

The order in which it works, so that a kill at any moment loses and doubles nothing:

1. Places are committed to the database, in the order in which rows became visible. No place is
   ever given anew, so what follows can be repeated with the same result.
2. Tiles and bundles are written beside and renamed, each forced to disk.
3. The checkpoint is signed over what 2 wrote, and committed to the database.
4. The file `checkpoint` is replaced. At the next start it is written again from the database.

What is already signed is checked against the tiles at the start; where they disagree, nothing more
is signed, because a second history under the same key is what the log exists to exclude.

Where the console has several hosts, one of them seals and the others follow: each writes the tiles of
what was signed from the rows, which must lead to the signed root. So does a host whose folder is new,
or was away: it is behind, not damaged. Two that sealed at once would still be of one mind, because
places are given by the database.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from django.db import connection, transaction

from bedside.audit.checkpoint import Checkpoint as Head
from bedside.audit.checkpoint import sign_checkpoint
from bedside.audit.tiles import TILE_WIDTH, Tile, TileError
from bedside.console.journal.models import Checkpoint, JournalRow, LogHead
from bedside.console.journal.queries import leaf
from bedside.console.journal.signer import LogSigner
from bedside.console.journal.tree import GrowingTree

__all__ = ["JournalDamagedError", "Sequencer", "SequencerBusyError"]

BATCH = 2048
_PLACE = f"UPDATE {JournalRow._meta.db_table} SET sequence = %s WHERE id = %s"  # noqa: S608


class JournalDamagedError(RuntimeError):
    """Tiles and signed checkpoint disagree: nothing is sealed until a person has looked."""


class SequencerBusyError(RuntimeError):
    """Another process seals this log."""


class Sequencer:
    """The one process that writes the log in `folder`; `close` lets another one take over.

    Args:
        folder: the log's.
        signer: signs checkpoints.
        tell: is told how many of how many entries a folder that is behind has.

    Raises SequencerBusyError, JournalDamagedError.
    """

    def __init__(
        self,
        folder: Path,
        signer: LogSigner,
        *,
        tell: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> None:
        self._folder = folder
        self._signer = signer
        self._tell = tell
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _take_lock(folder / "lock")
        try:
            self._tree = self._load()
            self.follow()
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Give the log free."""
        self._lock.close()

    def seal(self, *, now: int) -> int:
        """Seal up to one batch of waiting rows; return how many entries the checkpoint gained.

        The first time, an empty log is signed too, so that there is always a checkpoint. After an
        error (a full disk, say), close this sequencer and make another: it repairs what is half done.
        """
        self.follow()
        before = self._tree.size
        self._give_places()
        for line in self._unwritten():
            self._tree.append(line)
        if self._tree.size > before or not self._signed:
            files = self._write_tiles()
            self._sign(now)
            self._drop_partials(files)
        return self._tree.size - before

    def follow(self) -> None:
        """Write the tiles of what another host has signed since; nothing where there is none."""
        newest = Checkpoint.objects.order_by("-size").first()
        if newest is None or newest.size == self._tree.size:
            return
        while self._tree.size < newest.size:
            for line in self._unwritten(min(newest.size, self._tree.size + BATCH)):
                self._tree.append(line)
            files = self._write_tiles()
            self._tell(self._tree.size, newest.size)
        if self._tree.root().hex() != newest.root:
            raise JournalDamagedError(f"the rows do not lead to the root signed at {newest.size}")
        _write(self._folder / "checkpoint", newest.note.encode())
        self._signed = True
        self._drop_partials(files)

    def _drop_partials(self, files: list[Tile]) -> None:
        # Only now: until then a restart would take up the log at the old checkpoint's widths.
        for tile in files:
            if tile.width == TILE_WIDTH:
                _remove_partials(self._folder / f"{tile.path}.p")

    def _give_places(self) -> None:
        with transaction.atomic():
            head, _ = LogHead.objects.select_for_update().get_or_create(pk=1)
            waiting = JournalRow.objects.filter(sequence__isnull=True).order_by("pk")
            rows = list(waiting.values_list("pk", flat=True)[:BATCH])
            # One prepared statement for all rows: bulk_update's CASE costs five times as much.
            with connection.cursor() as cursor:
                cursor.executemany(_PLACE, list(enumerate(rows, head.size)))
            if rows:
                head.size += len(rows)
                head.save(update_fields=["size"])

    def _unwritten(self, end: int | None = None) -> Iterator[bytes]:
        rows = JournalRow.objects.filter(sequence__gte=self._tree.size).order_by("sequence")
        if end is not None:
            rows = rows.filter(sequence__lt=end)
        place = self._tree.size
        for row in rows.iterator(BATCH):
            if row.sequence != place:
                raise JournalDamagedError(f"the entry at place {place} is missing")
            yield leaf(row)
            place += 1
        if end is not None and place < end:
            raise JournalDamagedError(f"the entry at place {place} is missing")

    def _write_tiles(self) -> list[Tile]:
        files = self._tree.changed()
        for tile, data in files:
            _write(self._folder / tile.path, data)
        return [tile for tile, _ in files]

    def _sign(self, now: int) -> None:
        key = self._signer.key
        head = Head(key.name, self._tree.size, self._tree.root())
        note = sign_checkpoint(head, key, self._signer.sign)
        Checkpoint.objects.create(size=head.size, root=head.root.hex(), note=note, at_ms=now)
        _write(self._folder / "checkpoint", note.encode())
        self._signed = True

    def _load(self) -> GrowingTree:
        newest = self._written()
        self._signed = newest is not None
        size = newest.size if newest else 0
        try:
            tree = GrowingTree.load(size, lambda tile: (self._folder / tile.path).read_bytes())
        except (OSError, TileError) as error:
            raise JournalDamagedError(
                f"the tiles of {size} entries cannot be read: {error}"
            ) from error
        if newest and tree.root().hex() != newest.root:
            raise JournalDamagedError(f"the tiles do not lead to the root signed at {size} entries")
        if newest:
            _write(self._folder / "checkpoint", newest.note.encode())
        return tree

    def _written(self) -> Checkpoint | None:
        """Return the signed checkpoint that this folder's tiles are for; None for a new folder.

        That is the newest, unless the folder itself names an older one that was signed.
        """
        signed = Checkpoint.objects.order_by("-size")
        if not (self._folder / "tile").exists():
            return signed.filter(size=0).first()
        try:
            note = (self._folder / "checkpoint").read_text(encoding="utf-8")
            known = signed.filter(note=note).first()
        except (OSError, UnicodeDecodeError):
            known = None
        return known or signed.first()


def _take_lock(path: Path) -> IO[str]:
    lock = path.open("w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise SequencerBusyError("another process seals this log") from error
    return lock


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_partials(folder: Path) -> None:
    # The whole tile holds all that they held, and every checkpoint can be proved from it.
    if folder.is_dir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()

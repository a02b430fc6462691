"""The log's tiles made anew from the rows: they hold nothing that the database does not.

The signed root decides whether the rows are what was sealed; nothing is signed here.
"""

from collections.abc import Callable
from pathlib import Path

from bedside.audit.tiles import TILE_WIDTH
from bedside.console.journal.models import Checkpoint, JournalRow
from bedside.console.journal.queries import leaf
from bedside.console.journal.sealing import JournalDamagedError, drop_partials, write_file
from bedside.console.journal.tree import GrowingTree

__all__ = ["rebuild_tiles"]

_BATCH = 2048


def rebuild_tiles(folder: Path, *, tell: Callable[[int, int], None]) -> int:
    """Write every tile and the checkpoint of the sealed log into `folder`; return its size.

    Args:
        folder: the log's; nobody else may be sealing there.
        tell: is told how many of how many entries are done.

    Raises:
        JournalDamagedError: the rows do not lead to the root that was signed.
    """
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        return 0
    tree = GrowingTree()
    rows = JournalRow.objects.filter(sequence__lt=newest.size).order_by("sequence")
    for row in rows.iterator(_BATCH):
        if row.sequence != tree.size:
            raise JournalDamagedError(f"the entry at place {tree.size} is missing")
        tree.append(leaf(row))
        if tree.size % _BATCH == 0:
            _write(folder, tree)
            tell(tree.size, newest.size)
    _write(folder, tree)
    if tree.size != newest.size or tree.root().hex() != newest.root:
        raise JournalDamagedError(f"the rows do not lead to the root signed at {newest.size}")
    write_file(folder / "checkpoint", newest.note.encode())
    tell(tree.size, newest.size)
    return tree.size


def _write(folder: Path, tree: GrowingTree) -> None:
    for tile, data in tree.changed():
        write_file(folder / tile.path, data)
        if tile.width == TILE_WIDTH:
            drop_partials(folder / f"{tile.path}.p")

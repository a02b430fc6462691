"""The growing log in memory: which files change when entries come in, and what the root is then.

Only the right edge is held: one list of at most 256 hashes for each level, and the entries of the
bundle that is not full yet.
"""

from collections.abc import Callable, Iterator

from bedside.audit.merkle import Frontier, leaf_hash, node_hash
from bedside.audit.tiles import (
    HASH_BYTES,
    TILE_WIDTH,
    Tile,
    decode_bundle,
    encode_bundle,
    subtrees_of,
)

__all__ = ["GrowingTree"]


class GrowingTree:
    """A log of `size` entries that grows; `changed` gives the files to write since it was asked."""

    def __init__(self) -> None:
        self._frontier = Frontier()
        self._bundle: list[bytes] = []
        self._edges: list[list[bytes]] = [[]]
        self._files: dict[tuple[int | None, int], tuple[Tile, bytes | None]] = {}

    @classmethod
    def load(cls, size: int, read: Callable[[Tile], bytes]) -> "GrowingTree":
        """Return the log of `size` entries whose files `read` gives; its errors pass through.

        Raises TileError where a file has the wrong size.
        """
        tree = cls()
        subtrees = subtrees_of(read, size)
        stack, place = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                stack.append(subtrees(level, place >> level))
                place += 1 << level
        tree._frontier = Frontier(size, stack)
        width = size % TILE_WIDTH
        if width:
            tree._bundle = decode_bundle(read(Tile(None, size // TILE_WIDTH, width)), width)
        tree._edges = list(_edges(size, read))
        return tree

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self._frontier.size

    def root(self) -> bytes:
        """Return the Merkle root over all entries."""
        return self._frontier.root()

    def append(self, entry: bytes) -> None:
        """Add one entry at the end."""
        index = self.size // TILE_WIDTH
        self._bundle.append(entry)
        self._note(None, index, len(self._bundle), None)
        if len(self._bundle) == TILE_WIDTH:
            self._note(None, index, TILE_WIDTH, encode_bundle(self._bundle))
            self._bundle = []
        digest = leaf_hash(entry)
        self._frontier.append(digest)
        self._climb(digest)

    def changed(self) -> list[tuple[Tile, bytes]]:
        """Return the files that changed since this was last asked, bundles first, then upward."""
        files = [(tile, data or self._edge_bytes(tile)) for tile, data in self._files.values()]
        self._files = {}
        return sorted(files, key=lambda file: (file[0].level is not None, file[0]))

    def _climb(self, digest: bytes) -> None:
        place = self.size - 1
        for level in range(8):
            if level == len(self._edges):
                self._edges.append([])
            edge = self._edges[level]
            edge.append(digest)
            index = place // TILE_WIDTH
            if len(edge) < TILE_WIDTH:
                self._note(level, index, len(edge), None)
                return
            self._note(level, index, TILE_WIDTH, b"".join(edge))
            digest = _fold(edge)
            self._edges[level] = []
            place = index

    def _note(self, level: int | None, index: int, width: int, data: bytes | None) -> None:
        self._files[level, index] = (Tile(level, index, width), data)

    def _edge_bytes(self, tile: Tile) -> bytes:
        return (
            encode_bundle(self._bundle) if tile.level is None else b"".join(self._edges[tile.level])
        )


def _edges(size: int, read: Callable[[Tile], bytes]) -> Iterator[list[bytes]]:
    level = 0
    while size or not level:
        width = size % TILE_WIDTH
        data = read(Tile(level, size // TILE_WIDTH, width)) if width else b""
        yield [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
        size //= TILE_WIDTH
        level += 1


def _fold(hashes: list[bytes]) -> bytes:
    row = hashes
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]

"""The sealed log as files: C2SP tlog-tiles paths and encodings (https://c2sp.org/tlog-tiles).

A hash tile of level L and index N holds up to 256 hashes of complete subtrees of 256^L leaves;
an entry bundle holds up to 256 entries, each after its length in two bytes, big-endian.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bedside.audit.merkle import Subtrees, node_hash

__all__ = [
    "HASH_BYTES",
    "TILE_WIDTH",
    "Tile",
    "TileError",
    "decode_bundle",
    "encode_bundle",
    "parse_tile",
    "subtrees_of",
    "tiles_between",
]

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HASH_BYTES = 32
MAX_LEVEL = 5

_PATH = re.compile(
    r"tile/(?P<level>entries|[0-5])/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?\Z"
)


class TileError(ValueError):
    """A path or the bytes of a tile are malformed."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One file of the log: `level` is None for an entry bundle; `width` below 256 is partial."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The tile's path, as `tile/0/x001/234.p/17`."""
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_index_path(self.index)}{partial}"


def parse_tile(path: str) -> Tile:
    """Return the tile that `path` names, or raise TileError; one tile has one path."""
    match = _PATH.match(path)
    if not match:
        raise TileError("not the path of a tile")
    index = int(match["index"].replace("x", "").replace("/", ""))
    level = None if match["level"] == "entries" else int(match["level"])
    tile = Tile(level, index, int(match["width"] or TILE_WIDTH))
    if tile.path != path or tile.width > TILE_WIDTH:
        raise TileError("not the path of a tile")
    return tile


def tiles_between(old: int, new: int) -> Iterator[Tile]:
    """Yield the tiles and bundles to write when a log grows from `old` to `new` leaves.

    From 0, these are all files of the log. Bundles come first, then level by level upward.
    """
    if new > old:
        yield from _row(None, old, new)
    level = 0
    while new > old:
        yield from _row(level, old, new)
        old, new, level = old >> TILE_HEIGHT, new >> TILE_HEIGHT, level + 1


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return an entry bundle; entries are at most 65,535 bytes each."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the `width` entries of a bundle, or raise TileError."""
    entries, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 2], "big")
        entry = data[place + 2 : place + 2 + size]
        if place + 2 > len(data) or len(entry) != size:
            raise TileError("an entry is cut off")
        entries.append(entry)
        place += 2 + size
    if len(entries) != width:
        raise TileError(f"{len(entries)} entries where {width} are expected")
    return entries


def subtrees_of(read: Callable[[Tile], bytes], size: int) -> Subtrees:
    """Return the subtrees of a log of `size` leaves, read from its hash tiles.

    Args:
        read: gives the bytes of a hash tile with the width asked for; what it raises passes through.
        size: the log's size; tiles are asked for at the width they have at this size.
    """

    def hash_at(level: int, index: int) -> bytes:
        if (index + 1) << level > size:
            raise TileError("the log has no such subtree")
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height
        tile_index, offset = divmod(first, TILE_WIDTH)
        width = min(TILE_WIDTH, (size >> (tile_level * TILE_HEIGHT)) - tile_index * TILE_WIDTH)
        data = read(Tile(tile_level, tile_index, width))
        if len(data) != width * HASH_BYTES:
            raise TileError("a tile has the wrong size")
        begin, end = offset * HASH_BYTES, (offset + (1 << height)) * HASH_BYTES
        return _fold([data[at : at + HASH_BYTES] for at in range(begin, end, HASH_BYTES)])

    return hash_at


def _row(level: int | None, old: int, new: int) -> Iterator[Tile]:
    for index in range(old // TILE_WIDTH, (new + TILE_WIDTH - 1) // TILE_WIDTH):
        yield Tile(level, index, min(TILE_WIDTH, new - index * TILE_WIDTH))


def _index_path(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    return "/".join(groups)


def _fold(hashes: Sequence[bytes]) -> bytes:
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]

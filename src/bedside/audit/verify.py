"""Offline verification of an export, by anybody, with neither side's help (S27, S28, R58).

A console's log is good when its checkpoint is signed by the log's key, the Merkle root over its
entries is the checkpoint's, and its tiles hold the same hashes. A device's journal is good when its
chain is whole and passes through every head that the export states.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from bedside.audit.archive import Archive, ArchiveError
from bedside.audit.chain import ChainHead, Fault, FaultKind, Verdict, verify
from bedside.audit.checkpoint import (
    Checkpoint,
    CheckpointError,
    VerifierKey,
    open_checkpoint,
    parse_verifier_key,
)
from bedside.audit.entry import EntryError
from bedside.audit.form import read_place
from bedside.audit.merkle import Frontier
from bedside.audit.tiles import HASH_BYTES, TILE_WIDTH, Tile, decode_bundle, tiles_between

__all__ = [
    "CONSOLE_LOG",
    "DEVICE_JOURNAL",
    "LogVerdict",
    "log_lines",
    "read_checkpoint",
    "read_size",
    "verify_device",
    "verify_log",
]

CONSOLE_LOG = "console-log"
DEVICE_JOURNAL = "device-journal"


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """What verification of a console's log found.

    `fault` names the first bad entry; `pinned` says whether the key came from the reader and not
    from the export itself; `roots` are those at the sizes asked for.
    """

    checkpoint: Checkpoint
    key: VerifierKey
    pinned: bool
    fault: Fault | None = None
    backward_steps: int = 0
    roots: dict[int, bytes] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether every entry stands as it was sealed."""
        return self.fault is None


def read_checkpoint(
    archive: Archive, keys: Collection[VerifierKey] = ()
) -> tuple[Checkpoint, VerifierKey]:
    """Return the export's signed checkpoint and the key that signed it.

    Without `keys` the export's own key is taken, which shows that the log is consistent with
    itself; only a key from elsewhere shows whose log it is. Raises CheckpointError or ArchiveError.
    """
    try:
        note = archive.read("checkpoint").decode()
    except UnicodeDecodeError as error:
        raise CheckpointError("the checkpoint is not UTF-8") from error
    for key in keys or [_own_key(archive)]:
        try:
            return open_checkpoint(note, [key]), key
        except CheckpointError as error:
            refusal = error
    raise refusal


def verify_log(
    archive: Archive, keys: Collection[VerifierKey] = (), *, roots_at: Collection[int] = ()
) -> LogVerdict:
    """Verify a console's log and return the verdict.

    Args:
        archive: the export: `checkpoint`, `entries.jsonl` or bundles, and hash tiles.
        keys: the log's keys that the reader knows; none to take the export's own.
        roots_at: sizes of the log at which the root is wanted, for witnesses.

    Raises:
        ArchiveError: a file is missing or cannot be read.
        CheckpointError: the checkpoint is malformed, or none of the keys signed it.
    """
    checkpoint, key = read_checkpoint(archive, keys)
    walk = _LogWalk(archive, checkpoint, roots_at)
    fault = walk.run()
    return LogVerdict(checkpoint, key, bool(keys), fault, walk.backward_steps, walk.roots)


def log_lines(archive: Archive) -> Iterator[bytes]:
    """Yield the log's entries in order, from `entries.jsonl` or else from the entry bundles."""
    if "entries.jsonl" in archive.names:
        for line in archive.lines("entries.jsonl"):
            yield line.removesuffix(b"\n")
        return
    size = read_size(archive)
    for tile in tiles_between(0, size):
        if tile.level is not None:
            return
        yield from decode_bundle(archive.read(tile.path, 64 * 1024 * 256), tile.width)


def read_size(archive: Archive) -> int:
    """Return the size that the checkpoint states, unverified."""
    lines = archive.read("checkpoint").split(b"\n")
    if len(lines) < 3 or not lines[1].isdigit() or len(lines[1]) > 16:
        raise CheckpointError("a checkpoint has at least three lines")
    return int(lines[1])


def verify_device(archive: Archive) -> tuple[Verdict, ChainHead]:
    """Verify a device's journal; return the verdict and the head that the export states.

    Raises ArchiveError where the manifest or the journal cannot be read.
    """
    manifest = archive.read_object("manifest.json")
    size, head = manifest.get("size"), manifest.get("head")
    if not isinstance(size, int) or not isinstance(head, str):
        raise ArchiveError("manifest.json states no head")
    stated = ChainHead(size, head)
    verdict = verify(archive.lines("journal.jsonl"), expect=stated)
    if verdict.good and verdict.head.size > size:
        fault = Fault(size, FaultKind.SEQUENCE, "it lies behind the head that the export states")
        verdict = Verdict(verdict.head, fault, verdict.backward_steps)
    return verdict, stated


def _own_key(archive: Archive) -> VerifierKey:
    key = archive.read_object("manifest.json").get("key")
    if not isinstance(key, str):
        raise CheckpointError("manifest.json names no key")
    return parse_verifier_key(key)


class _LogWalk:
    """One pass over the entries: their places, their root, and the tiles beside them."""

    def __init__(self, archive: Archive, checkpoint: Checkpoint, roots_at: Collection[int]) -> None:
        self.backward_steps = 0
        self.roots: dict[int, bytes] = {}
        self._time = b""
        self._archive = archive
        self._checkpoint = checkpoint
        self._stops = sorted({size for size in roots_at if 0 < size <= checkpoint.size})

    def run(self) -> Fault | None:
        frontier, first_difference = Frontier(), None
        lines = _Counted(log_lines(self._archive), self._checkpoint.size)
        for batch in _batches(lines):
            base = frontier.size
            try:
                leaves = self._leaves(batch, base)
            except _BadLine as bad:
                self._grow(frontier, bad.leaves)
                return bad.fault
            if first_difference is None:
                first_difference = self._compare(leaves, base)
            self._grow(frontier, leaves)
        if lines.overflow or frontier.size < self._checkpoint.size:
            return _wrong_count(frontier.size, self._checkpoint.size)
        return self._judge(frontier.root(), first_difference)

    def _leaves(self, batch: list[bytes], base: int) -> list[bytes]:
        leaves: list[bytes] = []
        for seq, line in enumerate(batch, base):
            try:
                stated, prev, time = read_place(line)
            except EntryError as error:
                fault = Fault(seq, FaultKind.MALFORMED, str(error))
                raise _BadLine(fault, leaves) from error
            if stated != seq or prev is not None:
                words = f"entry {stated} stands in its place"
                raise _BadLine(Fault(seq, FaultKind.SEQUENCE, words), leaves)
            if time < self._time:
                self.backward_steps += 1
            self._time = time
            leaves.append(sha256(b"\0" + line).digest())
        return leaves

    def _compare(self, leaves: list[bytes], base: int) -> int | None:
        """Return the first entry whose hash is not the one in its tile, or None."""
        data = self._tile(Tile(0, base // TILE_WIDTH, len(leaves)))
        if data is None or data == b"".join(leaves):
            return None
        for offset, leaf in enumerate(leaves):
            if data[offset * HASH_BYTES : (offset + 1) * HASH_BYTES] != leaf:
                return base + offset
        return base + len(leaves)

    def _tile(self, tile: Tile) -> bytes | None:
        path = tile.path
        return self._archive.read(path) if path in self._archive.names else None

    def _grow(self, frontier: Frontier, leaves: list[bytes]) -> None:
        for leaf in leaves:
            frontier.append(leaf)
            if self._stops and frontier.size == self._stops[0]:
                self.roots[self._stops.pop(0)] = frontier.root()

    def _judge(self, root: bytes, difference: int | None) -> Fault | None:
        if root == self._checkpoint.root:
            if difference is None:
                return self._upper_tiles()
            return Fault(difference, FaultKind.CHANGED, "its hash tile was changed, not the entry")
        if difference is not None and self._tiles_root() == self._checkpoint.root:
            return Fault(difference, FaultKind.CHANGED, "the sealed tree holds another entry")
        place = 0 if difference is None else difference
        words = "the root over the entries is not the sealed one, and no tile tells which changed"
        return Fault(place, FaultKind.CHANGED, words)

    def _tiles_root(self) -> bytes | None:
        frontier = Frontier()
        for tile in tiles_between(0, self._checkpoint.size):
            if tile.level == 0:
                data = self._tile(tile)
                if data is None or len(data) != tile.width * HASH_BYTES:
                    return None
                for at in range(0, len(data), HASH_BYTES):
                    frontier.append(data[at : at + HASH_BYTES])
        return frontier.root()

    def _upper_tiles(self) -> Fault | None:
        """Judge the tiles above level 0, where the export carries them."""
        below: list[bytes] = []
        row: list[bytes] = []
        level = 0
        for tile in tiles_between(0, self._checkpoint.size):
            if tile.level is None:
                continue
            if tile.level != level:
                below, row, level = row, [], tile.level
            data = self._tile(tile)
            if data is None:
                return None
            if level:
                expected = b"".join(below[tile.index * TILE_WIDTH :][: tile.width])
                if data != expected:
                    place = tile.index * TILE_WIDTH ** (level + 1)
                    return Fault(place, FaultKind.CHANGED, f"{tile.path} was changed")
            if tile.width == TILE_WIDTH:
                row.append(_fold(data))
        return None


def _fold(data: bytes) -> bytes:
    while len(data) > HASH_BYTES:
        data = b"".join(
            sha256(b"\1" + data[at : at + 2 * HASH_BYTES]).digest()
            for at in range(0, len(data), 2 * HASH_BYTES)
        )
    return data


def _wrong_count(count: int, sealed: int) -> Fault:
    if count < sealed:
        return Fault(count, FaultKind.SHORTENED, f"the checkpoint seals {sealed} entries")
    return Fault(sealed, FaultKind.SEQUENCE, f"the checkpoint seals {sealed} entries only")


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == TILE_WIDTH:
            yield batch
            batch = []
    if batch:
        yield batch


class _Counted:
    """The lines up to a count, and whether there was one more."""

    def __init__(self, lines: Iterator[bytes], count: int) -> None:
        self.overflow = False
        self._lines = lines
        self._count = count

    def __iter__(self) -> Iterator[bytes]:
        for number, line in enumerate(self._lines):
            if number == self._count:
                self.overflow = True
                return
            yield line


class _BadLine(Exception):  # noqa: N818 - carries a fault to the end of the walk
    def __init__(self, fault: Fault, leaves: list[bytes]) -> None:
        super().__init__(fault.words)
        self.fault = fault
        self.leaves = leaves

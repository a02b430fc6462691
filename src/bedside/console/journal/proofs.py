"""Proofs that entries are in the signed log, for whoever does not want to believe a page.

Each proof leads from the entry's leaf to the root of the newest checkpoint (RFC 9162, 2.1.3.1).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bedside.audit.checkpoint import parse_checkpoint
from bedside.audit.merkle import check_inclusion, inclusion_proof, leaf_hash
from bedside.audit.tiles import TileError, subtrees_of
from bedside.console.journal.export import read_tile
from bedside.console.journal.models import Checkpoint, JournalRow
from bedside.console.journal.queries import leaf
from bedside.console.journal.signer import verifier_key

__all__ = ["EntryProof", "LogUnreadableError", "Proofs", "holds", "prove"]

MAX_PROOFS = 200


class LogUnreadableError(RuntimeError):
    """The log's tiles cannot be read, or do not agree with the checkpoint."""


@dataclass(frozen=True, slots=True)
class EntryProof:
    """One entry's line and leaf hash, and the way from it to the root."""

    id: int
    sequence: int
    line: bytes
    leaf: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Proofs:
    """The checkpoint as a signed note, its log's key, and the proofs; rows not sealed are absent."""

    note: str
    key: str
    size: int
    entries: tuple[EntryProof, ...]


def prove(rows: Iterable[int]) -> Proofs | None:
    """Return the proofs of these rows (at most 200) against the newest checkpoint, None before one.

    Raises:
        LogUnreadableError: the tiles are missing or wrong.
    """
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        return None
    checkpoint = parse_checkpoint(newest.note)
    found = JournalRow.objects.filter(pk__in=list(rows)[:MAX_PROOFS], sequence__lt=newest.size)
    subtrees = subtrees_of(read_tile, newest.size)
    entries = []
    try:
        for row in found.order_by("-sequence"):
            line, place = leaf(row), int(row.sequence or 0)
            way = tuple(inclusion_proof(subtrees, place, newest.size))
            entries.append(EntryProof(row.pk, place, line, leaf_hash(line), way))
    except (OSError, TileError) as error:
        raise LogUnreadableError(str(error)) from error
    return Proofs(newest.note, verifier_key().to_text(), checkpoint.size, tuple(entries))


def holds(proofs: Proofs, entry: EntryProof) -> bool:
    """Whether the console's own look finds the entry in the log; a reader looks for themselves."""
    root = parse_checkpoint(proofs.note).root
    try:
        check_inclusion(entry.leaf, entry.sequence, size=proofs.size, proof=entry.proof, root=root)
    except ValueError:
        return False
    return True

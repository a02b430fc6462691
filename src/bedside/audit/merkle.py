"""Merkle trees as RFC 9162 hashes them: append, root, and proofs that anyone can check.

A leaf is SHA-256(0x00 || data), a node SHA-256(0x01 || left || right) (RFC 9162, 2.1.1).
`Subtrees` answers for a complete subtree: `hash_at(level, index)` covers the leaves from
`index << level` to `(index + 1) << level`, the last excluded.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

__all__ = [
    "EMPTY_ROOT",
    "Frontier",
    "ProofError",
    "Subtrees",
    "check_consistency",
    "check_inclusion",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_at",
]

Subtrees = Callable[[int, int], bytes]

EMPTY_ROOT = sha256(b"").digest()


class ProofError(ValueError):
    """A proof does not lead to the root it claims."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one entry's bytes as a leaf."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over two subtrees."""
    return sha256(b"\1" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: enough to append and to give the root, in log(n) hashes.

    `stack` holds the complete subtrees from the largest, left, to the smallest, right; with `size`
    it can be stored and taken up again.
    """

    __slots__ = ("size", "stack")

    def __init__(self, size: int = 0, stack: Iterable[bytes] = ()) -> None:
        self.size = size
        self.stack = list(stack)
        if size < 0 or len(self.stack) != size.bit_count():
            raise ValueError("the stack does not belong to this size")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        stack, size = self.stack, self.size
        while size & 1:
            leaf = sha256(b"\1" + stack.pop() + leaf).digest()
            size >>= 1
        stack.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self.stack:
            return EMPTY_ROOT
        right = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            right = node_hash(left, right)
        return right


def root_at(subtrees: Subtrees, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return _range_hash(subtrees, 0, size) if size else EMPTY_ROOT


def inclusion_proof(subtrees: Subtrees, index: int, size: int) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in this tree")
    proof, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range_hash(subtrees, middle, high))
            high = middle
        else:
            proof.append(_range_hash(subtrees, low, middle))
            low = middle
    return proof[::-1]


def consistency_proof(subtrees: Subtrees, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `old` leaves begins that of `new` (RFC 9162, 2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError("no proof between these sizes")
    proof, low, high, whole = [], 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_range_hash(subtrees, middle, high))
            high = middle
        else:
            proof.append(_range_hash(subtrees, low, middle))
            low, whole = middle, False
    if not whole:
        proof.append(_range_hash(subtrees, low, high))
    return proof[::-1]


def check_inclusion(
    leaf: bytes, index: int, *, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ProofError unless `proof` leads from the leaf hash to `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise ProofError("the leaf lies outside the tree")
    position, last, result = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            result = node_hash(step, result)
            position, last = _skip(position, last)
        else:
            result = node_hash(result, step)
        position, last = position >> 1, last >> 1
    if last != 0 or result != root:
        raise ProofError("the proof does not lead to the root")


def check_consistency(
    old: int, new: int, *, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofError unless the old tree begins the new one (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        raise ProofError("no proof between these sizes")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError("one size has two roots")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofError("the proof is empty")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            first, second = node_hash(step, first), node_hash(step, second)
            position, last = _skip(position, last)
        else:
            second = node_hash(second, step)
        position, last = position >> 1, last >> 1
    if last != 0 or first != old_root or second != new_root:
        raise ProofError("the proof does not lead to the roots")


def _skip(position: int, last: int) -> tuple[int, int]:
    # A right edge without a sibling rises until it is a right child.
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(subtrees: Subtrees, low: int, high: int) -> bytes:
    # A range that a proof needs begins at a multiple of its own left subtree.
    size = high - low
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return subtrees(level, low >> level)
    middle = low + _split(size)
    return node_hash(_range_hash(subtrees, low, middle), _range_hash(subtrees, middle, high))

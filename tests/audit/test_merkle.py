"""Trees as RFC 9162 hashes them, against a definition written out and against published vectors."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
)

# The leaves and roots that Certificate Transparency's implementations share as test data.
VECTOR_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
VECTOR_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_hash(leaves):
    """RFC 9162, 2.1.1, as it is written there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def subtrees(leaves):
    return lambda level, index: tree_hash(leaves[index << level : (index + 1) << level])


def data(size):
    return [b"entry %d" % number for number in range(size)]


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size):
    frontier = Frontier()
    for leaf in VECTOR_LEAVES[:size]:
        frontier.append(leaf_hash(leaf))
    assert frontier.root().hex() == VECTOR_ROOTS[size - 1]
    assert root_at(subtrees(VECTOR_LEAVES), size) == frontier.root()


def test_the_empty_tree():
    assert Frontier().root() == EMPTY_ROOT == root_at(subtrees([]), 0)


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_frontier_is_taken_up_again_where_it_was_stored(first, more):
    leaves = data(first + more)
    frontier = Frontier()
    for leaf in leaves[:first]:
        frontier.append(leaf_hash(leaf))
    again = Frontier(frontier.size, frontier.stack)
    for leaf in leaves[first:]:
        again.append(leaf_hash(leaf))
    assert again.root() == tree_hash(leaves)


def test_a_stack_of_another_size_is_refused():
    with pytest.raises(ValueError, match="stack"):
        Frontier(3, [b"x" * 32])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 13, 33])
def test_every_leaf_is_proved_and_no_other(size):
    leaves = data(size)
    root = tree_hash(leaves)
    for index, leaf in enumerate(leaves):
        proof = inclusion_proof(subtrees(leaves), index, size)
        hashed = leaf_hash(leaf)
        check_inclusion(hashed, index, size=size, proof=proof, root=root)
        for bad in bad_inclusions(hashed, index, size, proof):
            with pytest.raises(ProofError):
                check_inclusion(bad[0], bad[1], size=bad[2], proof=bad[3], root=root)


def bad_inclusions(hashed, index, size, proof):
    yield leaf_hash(b"other"), index, size, proof
    yield hashed, size, size, proof
    yield hashed, -1, size, proof
    yield hashed, index, size, [*proof, b"x" * 32]
    if proof:
        yield hashed, index, size, proof[:-1]
        yield hashed, index, size, [b"x" * 32, *proof[1:]]
        yield hashed, index ^ 1, size, proof


@pytest.mark.parametrize("new", [1, 2, 3, 6, 7, 8, 21])
def test_every_beginning_is_proved_and_no_other(new):
    leaves = data(new)
    root = tree_hash(leaves)
    for old in range(1, new + 1):
        old_root = tree_hash(leaves[:old])
        proof = consistency_proof(subtrees(leaves), old, new)
        check_consistency(old, new, old_root=old_root, new_root=root, proof=proof)
        other = tree_hash([*leaves[: old - 1], b"other"])
        for bad_root, bad_proof in (
            (other, proof),
            (old_root, [*proof, b"x" * 32]),
            (old_root, proof[:-1] if proof else [b"x" * 32]),
        ):
            with pytest.raises(ProofError):
                check_consistency(old, new, old_root=bad_root, new_root=root, proof=bad_proof)


def test_no_proof_is_made_or_taken_outside_the_tree():
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no such leaf"):
            inclusion_proof(subtrees(data(3)), index, size)
    for old, new in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="no proof"):
            consistency_proof(subtrees(data(3)), old, new)
        with pytest.raises(ProofError, match="no proof"):
            check_consistency(old, new, old_root=b"", new_root=b"", proof=[])
    with pytest.raises(ProofError, match="empty"):
        check_consistency(3, 5, old_root=b"", new_root=b"", proof=[])

"""Tiles: one path for one tile, and the same hashes as the tree they are cut from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.audit.merkle import (
    Frontier,
    check_inclusion,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
)
from bedside.audit.tiles import (
    Tile,
    TileError,
    decode_bundle,
    encode_bundle,
    parse_tile,
    subtrees_of,
    tiles_between,
)

SIZE = 70_000


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 273), "tile/0/273"),
        (Tile(1, 1, 17), "tile/1/001.p/17"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(None, 999, 1), "tile/entries/999.p/1"),
        (Tile(5, 0, 255), "tile/5/000.p/255"),
    ],
)
def test_paths(tile, path):
    assert tile.path == path
    assert parse_tile(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/1000",
        "tile/0/001/002",
        "tile/6/000",
        "tile/00/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/01",
        "tile/0/../../etc",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "checkpoint",
    ],
)
def test_other_paths_are_refused(path):
    with pytest.raises(TileError):
        parse_tile(path)


@given(st.none() | st.integers(0, 5), st.integers(0, 10**12), st.integers(1, 256))
def test_every_tile_is_read_back_from_its_path(level, index, width):
    tile = Tile(level, index, width)
    assert parse_tile(tile.path) == tile


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundles_are_read_back(entries):
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


@pytest.mark.parametrize("data", [b"\0", b"\0\5abc", b"\0\1a\0"])
def test_cut_bundles_are_refused(data):
    with pytest.raises(TileError):
        decode_bundle(data, 1)


def test_a_bundle_of_another_width_is_refused():
    with pytest.raises(TileError, match="2 entries where 3"):
        decode_bundle(encode_bundle([b"a", b"b"]), 3)


def test_the_tiles_of_a_log():
    paths = [tile.path for tile in tiles_between(0, SIZE)]
    assert len(paths) == 2 * 274 + 2 + 1
    assert paths[273] == "tile/entries/273.p/112"
    assert paths[-4:] == ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert list(tiles_between(5, 5)) == list(tiles_between(0, 0)) == []


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_growing_writes_what_the_new_size_needs_and_the_old_had_not(old, more):
    new = old + more
    written = set(tiles_between(old, new))
    assert set(tiles_between(0, new)) <= set(tiles_between(0, old)) | written


@pytest.fixture(scope="module")
def log():
    """A log's level-0 hashes and its tiles, as a sequencer would write them."""
    leaves = [leaf_hash(b"%d" % number) for number in range(SIZE)]
    rows = [leaves]
    while len(rows[-1]) >= 256:
        rows.append(
            [fold(rows[-1][at : at + 256]) for at in range(0, len(rows[-1]) // 256 * 256, 256)]
        )
    tiles = {
        tile: b"".join(rows[tile.level][tile.index * 256 :][: tile.width])
        for tile in tiles_between(0, SIZE)
        if tile.level is not None
    }
    return leaves, tiles


def fold(row):
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def test_roots_and_proofs_come_from_tiles(log):
    leaves, tiles = log
    subtrees = subtrees_of(tiles.__getitem__, SIZE)
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert root_at(subtrees, SIZE) == frontier.root()
    for index in (0, 255, 256, 65_535, 65_536, SIZE - 1):
        proof = inclusion_proof(subtrees, index, SIZE)
        check_inclusion(leaves[index], index, size=SIZE, proof=proof, root=frontier.root())


def test_a_subtree_outside_the_log_is_refused(log):
    subtrees = subtrees_of(log[1].__getitem__, SIZE)
    with pytest.raises(TileError, match="no such subtree"):
        subtrees(0, SIZE)


def test_a_tile_of_the_wrong_size_is_refused(log):
    subtrees = subtrees_of(lambda tile: log[1][tile][1:], SIZE)
    with pytest.raises(TileError, match="wrong size"):
        subtrees(0, 0)

"""Tile paths and entry bundles: one spelling each."""

import contextlib

from bedside.audit.tiles import TileError, decode_bundle, encode_bundle, parse_tile

SEEDS = (b"tile/0/x001/234.p/17", b"tile/entries/000", encode_bundle([b"one", b"", b"two"]))


def parse(data: bytes) -> None:
    """Read the bytes as a path and as a bundle of three."""
    with contextlib.suppress(TileError):
        assert parse_tile(data.decode("latin-1")).path.encode() == data
    with contextlib.suppress(TileError):
        assert encode_bundle(decode_bundle(data, 3)) == data

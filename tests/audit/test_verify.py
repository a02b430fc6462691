"""A whole export verifies with any reader; the first bad entry of a touched one is named."""

import json
import tarfile
import zipfile
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.audit.archive import ArchiveError, open_archive
from bedside.audit.chain import FaultKind
from bedside.audit.checkpoint import CheckpointError, VerifierKey
from bedside.audit.tiles import TILE_WIDTH, encode_bundle, tiles_between
from bedside.audit.verify import verify_device, verify_log
from tests.audit.world import World, lived


@pytest.fixture
def world():
    """A log of 600 entries: two whole tiles and a part."""
    world = World()
    for number in range(600):
        world.console_event(number)
    return world


def files_of(data):
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def as_zip(files, path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def as_tar(files, path):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    return path


def as_folder(files, path):
    for name, data in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path


@pytest.fixture
def judge(tmp_path):
    def judge(files, *keys, **kwargs):
        with open_archive(as_zip(files, tmp_path / "log.zip")) as archive:
            return verify_log(archive, keys, **kwargs)

    return judge


def fault_of(verdict):
    return verdict.fault and (verdict.fault.sequence, verdict.fault.kind)


# ---- The console's log ----


@pytest.mark.parametrize("pack", [as_zip, as_tar, as_folder])
def test_a_whole_log_verifies_in_any_packing(world, tmp_path, pack):
    path = pack(files_of(world.export_console()), tmp_path / "log")
    with open_archive(path) as archive:
        verdict = verify_log(archive, [world.log_key], roots_at=[600, 0, 601])
    assert (verdict.good, verdict.pinned) == (True, True)
    assert verdict.checkpoint.size == 600
    assert verdict.roots == {600: world.root()}


def test_without_a_key_the_export_speaks_for_itself_and_says_so(world, judge):
    verdict = judge(files_of(world.export_console()))
    assert (verdict.good, verdict.pinned) == (True, False)


def test_an_empty_log_verifies(judge):
    assert judge(files_of(World().export_console())).good


def test_tiles_and_bundles_alone_are_enough(world, judge):
    files = files_of(world.export_console())
    del files["entries.jsonl"]
    for tile in tiles_between(0, 600):
        if tile.level is None:
            first = tile.index * TILE_WIDTH
            files[tile.path] = encode_bundle(world.console_lines[first : first + tile.width])
    assert judge(files).good


def test_entries_alone_are_enough(world, judge):
    files = files_of(world.export_console(tiles=False))
    assert set(files) == {
        "manifest.json",
        "checkpoint",
        "entries.jsonl",
        "devices/CI-20417.jsonl",
        "devices/CI-20417.keys.json",
    }
    assert judge(files).good


def with_lines(files, lines):
    return files | {"entries.jsonl": b"".join(line + b"\n" for line in lines)}


@pytest.mark.parametrize("place", [0, 1, 255, 256, 599])
def test_a_changed_entry_is_named(world, judge, place):
    files = files_of(world.export_console())
    lines = list(world.console_lines)
    lines[place] = lines[place].replace(b"success", b"failure")
    assert fault_of(judge(with_lines(files, lines))) == (place, FaultKind.CHANGED)


@pytest.mark.parametrize("place", [0, 255, 598])
def test_a_deleted_entry_is_named(world, judge, place):
    files = files_of(world.export_console())
    lines = [line for number, line in enumerate(world.console_lines) if number != place]
    assert fault_of(judge(with_lines(files, lines))) == (place, FaultKind.SEQUENCE)


def test_a_deleted_entry_is_named_when_the_rest_was_renumbered(world, judge):
    files = files_of(world.export_console())
    del world.console_lines[300]
    world.renumber_console()
    verdict = judge(with_lines(files, world.console_lines))
    assert fault_of(verdict) == (599, FaultKind.SHORTENED)
    world.console_event(600)
    verdict = judge(with_lines(files, world.console_lines))
    assert fault_of(verdict) == (300, FaultKind.CHANGED)


def test_a_log_cut_at_its_end_is_named(world, judge):
    files = files_of(world.export_console())
    verdict = judge(with_lines(files, world.console_lines[:400]))
    assert fault_of(verdict) == (400, FaultKind.SHORTENED)


def test_entries_that_nobody_sealed_are_named(world, judge):
    files = files_of(world.export_console())
    world.console_event(600)
    verdict = judge(with_lines(files, world.console_lines))
    assert fault_of(verdict) == (600, FaultKind.SEQUENCE)


def test_without_tiles_a_change_is_known_but_not_its_place(world, judge):
    files = files_of(world.export_console(tiles=False))
    lines = list(world.console_lines)
    lines[300] = lines[300].replace(b"success", b"failure")
    verdict = judge(with_lines(files, lines))
    assert fault_of(verdict) == (0, FaultKind.CHANGED)
    assert "no tile tells" in verdict.fault.words


@pytest.mark.parametrize(
    ("path", "place"),
    [("tile/0/001", 256), ("tile/0/002.p/88", 512), ("tile/1/000.p/2", 0)],
)
def test_a_changed_tile_is_named(world, judge, path, place):
    files = files_of(world.export_console())
    files[path] = b"x" + files[path][1:]
    verdict = judge(files)
    assert fault_of(verdict) == (place, FaultKind.CHANGED)
    assert "tile" in verdict.fault.words or path in verdict.fault.words


@pytest.mark.parametrize("line", [b"", b"{}", b"\xff", b"x" * 40_000])
def test_a_malformed_entry_is_named(world, judge, line):
    files = files_of(world.export_console())
    lines = list(world.console_lines)
    lines[300] = line
    assert fault_of(judge(with_lines(files, lines))) == (300, FaultKind.MALFORMED)


def test_a_time_that_goes_backwards_is_told(world, judge):
    world.console_lines[300] = world.console_lines[300].replace(b"2026-", b"2025-")
    verdict = judge(files_of(world.export_console()))
    assert (verdict.good, verdict.backward_steps) == (True, 1)


def test_a_log_sealed_by_another_key_is_refused(world, judge):
    private = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    other = VerifierKey(world.log_key.name, private.public_key().public_bytes_raw())
    files = files_of(world.export_console(note=world.note(key=other, private=private)))
    with pytest.raises(CheckpointError, match="no known key"):
        judge(files)
    with pytest.raises(CheckpointError, match="no known key"):
        judge(files, world.log_key)
    assert judge(files, world.log_key, other).good


@pytest.mark.parametrize("name", ["checkpoint", "entries.jsonl", "manifest.json"])
def test_a_missing_file_is_named(world, judge, name):
    files = files_of(world.export_console())
    del files[name]
    with pytest.raises(ArchiveError, match=f"{name}|tile/entries"):
        judge(files)


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"{}", b'{"key":3}', b'{"key":"x"}', b"x" * 70_000, b"[" * 60_000]
)
def test_a_malformed_manifest_is_refused(world, judge, manifest):
    files = files_of(world.export_console()) | {"manifest.json": manifest}
    with pytest.raises((ArchiveError, CheckpointError)):
        judge(files)


def test_a_malformed_checkpoint_is_refused(world, judge):
    for checkpoint in (b"", b"\xff", b"a\nb\nc"):
        files = files_of(world.export_console()) | {"checkpoint": checkpoint}
        with pytest.raises(CheckpointError):
            judge(files)


# ---- The device's journal ----


@pytest.fixture
def judge_device(tmp_path):
    def judge(files):
        with open_archive(as_zip(files, tmp_path / "device.zip")) as archive:
            return verify_device(archive)

    return judge


def test_a_devices_export_verifies(judge_device):
    world = lived()
    verdict, stated = judge_device(files_of(world.export_device()))
    assert (verdict.good, verdict.head) == (True, world.device_head)
    assert stated == world.device_head


def test_a_devices_export_that_was_cut_is_named(judge_device):
    world = lived()
    files = files_of(world.export_device())
    lines = files["journal.jsonl"].splitlines(keepends=True)
    files["journal.jsonl"] = b"".join(lines[:10])
    assert fault_of(judge_device(files)[0]) == (10, FaultKind.SHORTENED)


def test_a_devices_export_with_more_than_its_head_is_named(judge_device):
    world = lived()
    before = files_of(world.export_device())["manifest.json"]
    size = len(world.device_lines)
    world.session_event()
    files = files_of(world.export_device()) | {"manifest.json": before}
    assert fault_of(judge_device(files)[0]) == (size, FaultKind.SEQUENCE)


@pytest.mark.parametrize("manifest", [{}, {"size": "1", "head": ""}, {"size": 1}])
def test_a_devices_manifest_without_a_head_is_refused(judge_device, manifest):
    files = files_of(lived().export_device())
    files["manifest.json"] = json.dumps(manifest).encode()
    with pytest.raises(ArchiveError, match="no head"):
        judge_device(files)

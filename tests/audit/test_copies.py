"""A console's export is judged whole: its log, and its copy of each device's journal."""

from dataclasses import replace

import pytest

from bedside.audit.archive import open_archive
from bedside.audit.chain import ChainHead, FaultKind
from bedside.audit.copies import verify_export
from bedside.audit.entry import EntryError
from bedside.audit.witness import Received, received_deed
from bedside.vocabulary import DeviceId
from tests.audit.test_verify import as_zip, files_of
from tests.audit.world import DEVICE, DEVICE_ACTOR, NOON, lived, rechained

COPY = f"devices/{DEVICE}.jsonl"


@pytest.fixture
def world():
    """Heads at 4, 9, 14 and 19; the copy has 19 entries, the device's own journal 21."""
    return lived()


@pytest.fixture
def judge(tmp_path):
    def judge(world, **files):
        return judge_files(files_of(world.export_console()) | files)

    def judge_files(files):
        with open_archive(as_zip(files, tmp_path / "console.zip")) as archive:
            return verify_export(archive)

    judge.files = judge_files
    return judge


def faults(verdict):
    return [
        (each.device, each.verdict.fault.sequence, each.verdict.fault.kind)
        for each in verdict.bad_copies
    ]


def test_a_whole_export_is_good_and_its_copies_are_counted(world, judge):
    verdict = judge(world)
    assert verdict.good
    assert [(each.device, each.verdict.head.size) for each in verdict.copies] == [(DEVICE, 19)]


@pytest.mark.parametrize("place", [0, 7, 17])
def test_a_changed_entry_of_a_copy_is_named(world, judge, place):
    world.copy[place] = world.copy[place].replace(b"Marie", b"Maria").replace(b'"size"', b'"sizf"')
    verdict = judge(world)
    assert not verdict.good
    assert verdict.log.good
    assert faults(verdict) == [(DEVICE, place, FaultKind.CHANGED)]


def test_a_deleted_entry_of_a_copy_is_named(world, judge):
    del world.copy[7]
    assert faults(judge(world)) == [(DEVICE, 7, FaultKind.SEQUENCE)]


@pytest.mark.parametrize("kept", [0, 1, 8, 18])
def test_a_copy_that_was_cut_is_named(world, judge, kept):
    del world.copy[kept:]
    assert faults(judge(world)) == [(DEVICE, kept, FaultKind.SHORTENED)]


def test_a_copy_that_was_left_out_is_one_that_ends_at_the_beginning(world, judge):
    files = files_of(world.export_console())
    del files[COPY]
    assert faults(judge.files(files)) == [(DEVICE, 0, FaultKind.SHORTENED)]


@pytest.mark.parametrize(("forged", "named"), [(0, 3), (6, 8), (12, 13), (18, 18)])
def test_a_forged_chain_is_named_at_the_first_head_it_misses(world, judge, forged, named):
    world.copy[forged] = world.copy[forged].replace(b'"index":', b'"indez":')
    world.copy[forged] = world.copy[forged].replace(b'"success"', b'"failure"')
    world.copy, _ = rechained(world.copy)
    assert faults(judge(world)) == [(DEVICE, named, FaultKind.CHANGED)]


def test_a_copy_may_be_ahead_of_the_log(world, judge):
    world.copy = world.device_lines
    assert judge(world).good


def test_a_head_beyond_what_was_sent_counts_once_the_rest_has_come(world, judge):
    """The device had 21 entries when it sent one: its head says nothing about a shorter copy."""
    batch = Received(DEVICE, 19, 1, world.device_head, NOON, "c2ln", "k")
    world.on_console(received_deed(batch, actor=DEVICE_ACTOR))
    world.copy = world.device_lines[:20]
    assert judge(world).good
    last = replace(batch, first=20, head=ChainHead(21, "0" * 64))
    world.on_console(received_deed(last, actor=DEVICE_ACTOR))
    world.copy = world.device_lines
    assert faults(judge(world)) == [(DEVICE, 20, FaultKind.CHANGED)]


def test_each_device_has_a_verdict_of_its_own(world, judge):
    other = DeviceId("CI-3")
    batch = Received(other, 0, 2, ChainHead(2, "0" * 64), NOON, "c2ln", "k")
    world.on_console(received_deed(batch, actor=DEVICE_ACTOR))
    verdict = judge(world, **{"devices/CI-3.jsonl": world.device_lines[0] + b"\n"})
    assert [each.device for each in verdict.copies] == [DEVICE, other]
    assert faults(verdict) == [(other, 1, FaultKind.SHORTENED)]


def test_a_copy_that_the_log_does_not_know_is_still_a_chain(world, judge):
    verdict = judge(world, **{"devices/CI-3.jsonl": b"nothing\n"})
    assert faults(verdict) == [(DeviceId("CI-3"), 0, FaultKind.MALFORMED)]
    assert judge(world, **{"devices/../etc.jsonl": b"nothing\n"}).good


def test_a_log_that_is_not_good_vouches_for_no_copy(world, judge):
    files = files_of(world.export_console())
    files["entries.jsonl"] = files["entries.jsonl"].replace(b'"sent_ms"', b'"sent_xx"')
    verdict = judge.files(files)
    assert (verdict.log.fault.sequence, faults(verdict)) == (1, [])


def test_a_malformed_statement_in_a_good_log_is_an_entry_error(world, judge):
    world.console_lines[1] = world.console_lines[1].replace(b'"sent_ms"', b'"sent_xx"')
    with pytest.raises(EntryError, match="sent_ms"):
        judge(world)


def test_a_bare_log_carries_no_copies(world, judge, tmp_path):
    files = files_of(world.export_console())
    bare = {name: data for name, data in files.items() if name in {"checkpoint", "entries.jsonl"}}
    with open_archive(as_zip(bare, tmp_path / "bare.zip")) as archive:
        assert verify_export(archive, [world.log_key]).good

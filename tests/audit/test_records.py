"""Two exports become the two records that are compared."""

import pytest

from bedside.audit.archive import open_archive
from bedside.audit.entry import EntryError
from bedside.audit.records import device_keys, read_records
from tests.audit.test_verify import as_zip, files_of
from tests.audit.world import DEVICE, lived


@pytest.fixture
def read(tmp_path):
    def read(console, device):
        left, right = as_zip(console, tmp_path / "c.zip"), as_zip(device, tmp_path / "d.zip")
        with open_archive(left) as console_archive, open_archive(right) as device_archive:
            keys = device_keys(console_archive, DEVICE)
            return read_records(console_archive, device_archive), keys

    return read


def test_records_hold_both_sides(read):
    world = lived()
    records, keys = read(files_of(world.export_console()), files_of(world.export_device()))
    assert records.log.good
    assert list(records.device.lines) == world.device_lines
    assert list(records.console.copy) == world.copy
    assert [each.size for each in records.device.checkpoints] == [2, 4, 6, 8]
    assert set(records.console.roots) == {2, 4, 6, 8}
    assert [each.sequence for each in records.console.batches] == [1, 3, 5, 7]
    assert list(keys) == [world.identity.key_id]


def test_a_console_without_a_copy_has_none(read):
    world = lived()
    console = files_of(world.export_console())
    del console["devices/CI-20417.jsonl"]
    assert read(console, files_of(world.export_device()))[0].console.copy == []


def test_a_malformed_batch_in_the_log_is_an_entry_error(read):
    world = lived()
    world.console_lines[1] = world.console_lines[1].replace(b'"sent_ms"', b'"sent_xx"')
    with pytest.raises(EntryError, match="sent_ms"):
        read(files_of(world.export_console()), files_of(world.export_device()))

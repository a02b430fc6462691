"""The spool's folder: real files, cut, damaged and deleted."""

import pytest

from bedside.protocol.batch import Report
from bedside.relay.spool import Entry
from bedside.relay.spool_files import SpoolFiles, SpoolTakenError, read_folder
from tests.relay.test_spool import DEVICE, NOW, opened

KIB = 1024


def entries(first, last):
    return [Entry(number, NOW, opened(number % 64)) for number in range(first, last + 1)]


def numbers(folder):
    return [entry.number for _, found in read_folder(folder) for entry in found.entries]


def opened_at(folder, file_bytes=64 * KIB):
    files = SpoolFiles(folder, file_bytes)
    files.open()
    return files


def test_what_is_written_is_there_for_the_next_process(tmp_path):
    files = opened_at(tmp_path / "s")
    files.write(entries(1, 3), 0, sync=True)
    files.write(entries(4, 4), 2, sync=False)
    files.close()
    ((path, found),) = SpoolFiles(tmp_path / "s", KIB).open()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert ([entry.number for entry in found.entries], found.had) == ([1, 2, 3, 4], 2)


def test_one_process_has_a_folder(tmp_path):
    files = opened_at(tmp_path)
    with pytest.raises(SpoolTakenError):
        SpoolFiles(tmp_path, KIB).open()
    files.close()
    opened_at(tmp_path).close()


def test_files_are_bounded_and_go_when_the_console_has_what_is_in_them(tmp_path):
    files = opened_at(tmp_path, 4 * KIB)
    for number in range(1, 101):
        files.write(entries(number, number), 0, sync=False)
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 5 * KIB
    assert files.total == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) > 3
    files.drop_below(60)
    left = numbers(tmp_path)
    assert 40 < left[0] <= 60
    assert left[-1] == 100
    files.close()


def test_a_large_file_that_is_written_makes_place_for_a_new_one(tmp_path):
    files = opened_at(tmp_path, 1024 * KIB)
    large = Entry(1, NOW, Report(device=DEVICE, sealed=bytes(190 * KIB), at_ms=1))
    files.write([large, *entries(2, 2)], 0, sync=True)
    files.drop_below(3)
    assert numbers(tmp_path) == [1, 2], "small: it may be written on"
    files.write([Entry(3, NOW, large.event)], 0, sync=True)
    files.drop_below(4)
    assert numbers(tmp_path) == []
    files.write(entries(4, 4), 3, sync=True)
    assert numbers(tmp_path) == [4]
    files.close()


def test_a_torn_end_is_cut_off(tmp_path):
    files = opened_at(tmp_path)
    files.write(entries(1, 3), 0, sync=True)
    files.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    again = SpoolFiles(tmp_path, KIB)
    ((_, found),) = again.open()
    assert ([entry.number for entry in found.entries], found.torn) == ([1, 2], True)
    again.close()
    ((_, found),) = read_folder(tmp_path)
    assert not found.torn


def test_a_damaged_file_is_read_as_far_as_it_can_be_and_set_aside_in_the_end(tmp_path):
    files = opened_at(tmp_path)
    files.write(entries(1, 3), 0, sync=True)
    files.close()
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    again = SpoolFiles(tmp_path, KIB)
    ((_, found),) = again.open()
    assert ([entry.number for entry in found.entries], found.damaged) == ([2, 3], True)
    again.write(entries(4, 4), 0, sync=True)
    assert path.exists(), "until nothing in it waits"
    again.drop_below(4)
    assert path.with_suffix(".damaged").read_bytes() == content
    assert numbers(tmp_path) == [4]
    again.close()


def test_of_damaged_files_the_newest_two_are_kept(tmp_path):
    for number in range(1, 5):
        (tmp_path / f"{number:016d}.spool").write_bytes(b"somebody else's")
    files = opened_at(tmp_path)
    files.drop_below(1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{number:016d}.damaged" for number in (3, 4)
    ]
    files.close()


def test_after_a_failure_the_file_is_left_as_the_disk_surely_had_it(tmp_path):
    files = opened_at(tmp_path)
    files.write(entries(1, 2), 0, sync=True)
    files.write(entries(3, 3), 0, sync=False)
    files.abandon()
    assert numbers(tmp_path) == [1, 2]
    files.write(entries(3, 4), 0, sync=True)
    assert numbers(tmp_path) == [1, 2, 3, 4]
    assert len(list(tmp_path.iterdir())) == 2
    files.close()


def test_nothing_of_a_first_write_that_failed_is_left(tmp_path):
    files = opened_at(tmp_path)
    files.write(entries(1, 2), 0, sync=False)
    files.abandon()
    assert list(tmp_path.iterdir()) == []
    files.close()

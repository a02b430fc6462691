"""A file of lines is found by place, whatever the lengths of its lines."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.line_file import Disk, LineFile
from bedside.audit.chain import GENESIS, extend
from bedside.audit.entry import EntryError
from tests.audit.test_chain import act


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """Some 400 entries of 350 to 2,300 bytes, several pieces long."""
    head, lines = GENESIS, []
    for number in range(400):
        detail = {"reason": "x" * (number * 997 % 1990)}
        line, head = extend(head, replace(act(number), detail=detail))
        lines.append(line + b"\n")
    path = tmp_path_factory.mktemp("lines") / "journal.jsonl"
    path.write_bytes(b"".join(lines))
    file = os.open(path, os.O_RDONLY)
    yield lines, LineFile(file), path.stat().st_size
    os.close(file)


def test_lines_come_whole_and_in_order(journal):
    lines, file, size = journal
    assert list(file.between(0, size)) == lines
    assert list(file.between(0, size - 1))[-1] == lines[-1][:-1]


def test_every_entry_is_found(journal):
    lines, file, size = journal
    place = 0
    for number, line in enumerate(lines):
        assert file.place_of(number, size) == place
        place += len(line)
    assert file.place_of(400, size) is None


@given(st.data())
def test_the_last_newline_is_found_from_any_end(journal, data):
    lines, file, size = journal
    begin = data.draw(st.integers(0, size))
    end = data.draw(st.integers(begin, size))
    found = file.last_newline(begin, end)
    whole = b"".join(lines)
    assert found == max(whole.rfind(b"\n", begin, end) + 1, begin)


def test_a_line_that_is_no_entry_is_told(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"nothing\n" * 20_000)
    file = os.open(path, os.O_RDONLY)
    with pytest.raises(EntryError):
        LineFile(file).place_of(3, path.stat().st_size)
    os.close(file)


def test_an_endless_line_is_not_taken_into_memory(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"x" * 1_000_000)
    file = os.open(path, os.O_RDONLY)
    assert sum(map(len, LineFile(file).between(0, 1_000_000))) <= 2 * 64 * 1024
    os.close(file)


def test_the_disk_writes_all_and_reserves(tmp_path):
    disk = Disk()
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)
    disk.write(file, b"x" * 100_000)
    disk.sync(file)
    assert os.fstat(file).st_size == 100_000
    disk.reserve(file, 200_000)
    assert os.fstat(file).st_blocks * 512 >= 200_000
    assert disk.free(tmp_path) > 0
    os.close(file)

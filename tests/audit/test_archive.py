"""Exports are read in place: damaged and hostile archives give one error, and nothing is written."""

import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.audit.archive import ArchiveError, open_archive
from bedside.audit.checkpoint import CheckpointError
from bedside.audit.verify import verify_log
from tests.audit.test_verify import as_folder, as_tar, as_zip, files_of
from tests.audit.world import lived

FILES = {"manifest.json": b"{}", "lines": b"one\ntwo\nthree"}


@pytest.mark.parametrize("pack", [as_zip, as_tar, as_folder])
def test_every_packing_reads_the_same(tmp_path, pack):
    with open_archive(pack(FILES, tmp_path / "export")) as archive:
        assert archive.names == set(FILES)
        assert archive.read("manifest.json") == b"{}"
        assert list(archive.lines("lines")) == [b"one\n", b"two\n", b"three"]
        with pytest.raises(ArchiveError, match="missing"):
            archive.read("../etc/passwd")
        with pytest.raises(ArchiveError, match="over 2 bytes"):
            archive.read("lines", 2)


def test_an_overlong_line_comes_in_pieces(tmp_path):
    with open_archive(as_zip({"lines": b"x" * 40_000}, tmp_path / "export")) as archive:
        assert max(map(len, archive.lines("lines"))) == 16 * 1024


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "export"
    path.write_bytes(b"not an archive")
    for each in (path, tmp_path / "absent"):
        with pytest.raises(ArchiveError):
            open_archive(each)


def test_links_in_a_tar_and_files_outside_a_folder_are_not_there(tmp_path):
    (tmp_path / "outside").write_bytes(b"secret")
    folder = as_folder(FILES, tmp_path / "export")
    with open_archive(folder) as archive:
        assert "../outside" not in archive.names


WHOLE = lived(rounds=1).export_console()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 100_000), noise=st.binary(min_size=1, max_size=4))
def test_a_damaged_zip_gives_a_verdict_or_one_of_two_errors(tmp_path, place, noise):
    place %= len(WHOLE)
    path = tmp_path / "damaged.zip"
    path.write_bytes(WHOLE[:place] + noise + WHOLE[place + 1 :])
    with suppress(ArchiveError, CheckpointError), open_archive(path) as archive:
        verify_log(archive)


def test_an_encrypted_zip_gives_an_archive_error(tmp_path):
    path = as_zip(files_of(lived(rounds=1).export_console()), tmp_path / "export.zip")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 1)
    path.write_bytes(data)
    assert zipfile.is_zipfile(path)
    with open_archive(path) as archive, pytest.raises(ArchiveError, match="password"):
        verify_log(archive)


def test_a_zip_of_a_later_version_gives_an_archive_error(tmp_path):
    path = as_zip(FILES, tmp_path / "export.zip")
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\1\2") + 6] = 185
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"version 18\.5"):
        open_archive(path)

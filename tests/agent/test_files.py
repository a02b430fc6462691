"""Small files."""

import pytest

from bedside.agent.files import make_private_folder, read_json, remove, write_bytes, write_json


def test_a_file_is_private_and_replaced_whole(tmp_path):
    path = tmp_path / "x.json"
    assert read_json(path) is None
    write_json(path, {"a": "é"})
    assert read_json(path) == {"a": "é"}
    assert path.stat().st_mode & 0o777 == 0o600
    write_json(path, {"b": 1})
    assert read_json(path) == {"b": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    remove(path)
    remove(path)
    assert read_json(path) is None


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b""])
def test_a_damaged_file_is_told(tmp_path, content):
    write_bytes(tmp_path / "x", content)
    with pytest.raises(ValueError):
        read_json(tmp_path / "x")


def test_a_folder_is_tightened(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir(mode=0o755)
    make_private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_write_that_fails_leaves_the_old_content(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError):
        write_bytes(path, b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]

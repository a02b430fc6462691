"""A path that the profile names is walked as the device laid it out, not as somebody bent it."""

import os

import pytest

from bedside.agent.ssh.walk import open_parent

STRANGER = 2_000_000_000


def read(path) -> bytes:
    """What the file at `path` holds, opened as a data item is."""
    parent, name = open_parent(str(path))
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "product-4.2" / "state").mkdir(parents=True)
    (tmp_path / "product-4.2" / "state" / "log").write_bytes(b"events")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "log").write_bytes(b"secret")
    return tmp_path


@pytest.mark.parametrize("target", ["product-4.2", "{folder}/product-4.2", "./keys/../product-4.2"])
def test_the_device_s_own_links_are_followed(tree, target):
    (tree / "product").symlink_to(target.format(folder=tree))
    assert read(tree / "product" / "state" / "log") == b"events"
    assert read(tree / "product-4.2" / "state" / "log") == b"events"


def test_a_link_in_the_place_of_the_file_is_not_followed(tree):
    path = tree / "product-4.2" / "state" / "log"
    path.unlink()
    path.symlink_to(tree / "keys" / "log")
    with pytest.raises(OSError, match="symbolic"):
        read(path)


def test_links_without_an_end_are_refused(tree):
    (tree / "a").symlink_to("b")
    (tree / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic"):
        read(tree / "a" / "log")


def test_what_is_not_there_or_no_folder_is_said(tree):
    with pytest.raises(FileNotFoundError):
        read(tree / "none" / "log")
    with pytest.raises(NotADirectoryError):
        read(tree / "keys" / "log" / "log")


def test_a_link_of_somebody_else_leads_nowhere(tree):
    """Made by root for a stranger; who is not root meets root's own link and is led on."""
    state = tree / "product-4.2" / "state"
    state.rename(tree / "old")
    state.symlink_to(tree / "keys")
    if os.geteuid() != 0:
        assert read(state / "log") == b"secret"
        return
    os.chown(state, STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(OSError, match="symbolic"):
        read(state / "log")

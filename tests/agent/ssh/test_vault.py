"""Paths cannot leave the two folders; files arrive whole or not at all."""

import hashlib
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.ssh.vault import FileRefusal, FileRefusedError, Place, Vault, parse_place
from bedside.vocabulary import Mode
from tests.agent.ssh.kit import make_folder, make_grant, make_profile


@pytest.fixture
def folder(tmp_path):
    make_folder(tmp_path)
    return tmp_path


def vault(folder, **changes) -> Vault:
    return Vault(make_grant(make_profile(folder), **changes))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", Place("")), (".", Place("")), ("/", Place("")), ("../..", Place("")),
        ("items/a", Place("items", "a")), ("/inbox/./b", Place("inbox", "b")),
        ("items/../inbox/c", Place("inbox", "c")), ("items/a/b", Place("items", "a/b")),
        ("etc/passwd", Place("etc", "passwd")),
    ],
)  # fmt: skip
def test_a_path_leads_to_one_place(path, place):
    assert parse_place(path) == place


@given(st.text(alphabet="./ainboxtems", max_size=30))
def test_no_path_has_a_parent_in_it(path):
    place = parse_place(path)
    assert ".." not in place.path.split("/")
    assert parse_place(place.path) == place


@given(st.text(max_size=60))
def test_only_named_items_open(path):
    grant = make_grant(make_profile("/nowhere"))
    with pytest.raises((FileRefusedError, FileNotFoundError)):
        Vault(grant).open_to_read(parse_place(path))


def test_an_item_is_read_to_its_end_with_its_digest(folder):
    file = vault(folder).open_to_read(parse_place("items/events.log"))
    data = file.read(0, 10_000) + file.read(10_000, 10_000)
    assert file.read(19_000, 10) == b""
    assert data == (folder / "events.log").read_bytes()
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    file.close()


def test_an_item_read_in_part_has_no_digest(folder):
    file = vault(folder).open_to_read(parse_place("items/events.log"))
    file.read(0, 10)
    assert file.sha256 is None
    assert file.sent == 10
    file.close()


def test_an_item_that_grows_is_cut_at_what_it_was(folder):
    file = vault(folder).open_to_read(parse_place("items/events.log"))
    with (folder / "events.log").open("a") as more:
        more.write("more")
    assert len(file.read(0, 100_000)) == 19_000
    file.close()


@pytest.mark.parametrize("name", ["link", "pipe", "folder", "second name"])
def test_what_is_not_a_plain_file_does_not_open(folder, name):
    (folder / "link").unlink()
    if name == "pipe":
        os.mkfifo(folder / "link")
    elif name == "folder":
        (folder / "link").mkdir()
    elif name == "second name":
        # A session's command may give a file of the worker's a second name; it opens for nobody.
        (folder / "secret").write_text("x")
        os.link(folder / "secret", folder / "link")
    else:
        (folder / "link").symlink_to("events.log")
    place = parse_place("items/link")
    with pytest.raises((FileRefusedError, OSError)):
        vault(folder).open_to_read(place)
    with pytest.raises(FileNotFoundError):
        vault(folder).stat(place)


def test_a_file_is_kept_under_its_name_when_whole(folder):
    file = vault(folder).open_to_write(parse_place("inbox/fix"))
    file.write(0, memoryview(b"one "))
    assert [path.name for path in (folder / "inbox").iterdir()] != ["fix"]
    file.write(4, memoryview(b"two"))
    file.keep()
    assert (folder / "inbox/fix").read_bytes() == b"one two"
    assert file.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert [path.name for path in (folder / "inbox").iterdir()] == ["fix"]


def test_a_file_written_out_of_order_has_the_right_digest(folder):
    file = vault(folder).open_to_write(parse_place("inbox/fix"))
    file.write(4, memoryview(b"two"))
    file.write(0, memoryview(b"one "))
    file.keep()
    assert file.sha256 == hashlib.sha256(b"one two").hexdigest()


def test_a_discarded_file_leaves_nothing(folder):
    file = vault(folder).open_to_write(parse_place("inbox/fix"))
    file.write(0, memoryview(b"half"))
    file.discard()
    assert list((folder / "inbox").iterdir()) == []


def test_a_file_over_the_limit_is_refused_and_no_longer_whole(folder):
    profile = make_profile(folder, inbox_bytes=10)
    file = Vault(make_grant(profile)).open_to_write(parse_place("inbox/fix"))
    file.write(0, memoryview(b"0123456789"))
    assert file.whole
    with pytest.raises(FileRefusedError) as caught:
        file.write(10, memoryview(b"x"))
    assert caught.value.refusal is FileRefusal.INBOX_SIZE
    assert not file.whole
    file.discard()


REFUSED = [
    ("items/events.log", FileRefusal.READ_ONLY),
    ("new", FileRefusal.READ_ONLY),
    ("inbox", FileRefusal.INBOX_NAME),
    ("inbox/.hidden", FileRefusal.INBOX_NAME),
    ("inbox/a/b", FileRefusal.INBOX_NAME),
    ("inbox/a\nb", FileRefusal.INBOX_NAME),
    ("inbox/" + "x" * 129, FileRefusal.INBOX_NAME),
]


@pytest.mark.parametrize(("path", "refusal"), REFUSED)
def test_what_is_not_a_plain_name_in_the_inbox_is_refused(folder, path, refusal):
    with pytest.raises(FileRefusedError) as caught:
        vault(folder).open_to_write(parse_place(path))
    assert caught.value.refusal is refusal


def test_the_inbox_is_closed_in_view_and_where_there_is_none(folder):
    place = parse_place("inbox/fix")
    with pytest.raises(FileRefusedError) as caught:
        vault(folder, mode=Mode.VIEW).open_to_write(place)
    assert caught.value.refusal is FileRefusal.INBOX_IN_VIEW
    bare = replace(make_profile(folder), inbox=None)
    with pytest.raises(FileRefusedError) as caught:
        Vault(make_grant(bare)).open_to_write(place)
    assert caught.value.refusal is FileRefusal.NO_INBOX
    assert Vault(make_grant(bare)).names(Place("")) == ["items"]


def test_an_inbox_that_is_a_link_is_not_opened(folder):
    (folder / "inbox").rename(folder / "elsewhere")
    (folder / "inbox").symlink_to("elsewhere")
    with pytest.raises(OSError, match="inbox"):
        vault(folder).open_to_write(parse_place("inbox/fix"))


def test_folders_list_their_names(folder):
    (folder / "inbox/a").write_text("x")
    (folder / "inbox/.b.part").write_text("x")
    here = vault(folder)
    assert here.names(Place("")) == ["items", "inbox"]
    assert here.names(Place("items")) == ["events.log", "link"]
    assert here.names(Place("inbox")) == ["a"]
    assert here.stat(Place("inbox", "a")).st_size == 1
    for place in (Place("items", "none"), Place("inbox", "none")):
        with pytest.raises(FileNotFoundError):
            here.stat(place)
        with pytest.raises(FileNotFoundError):
            here.names(place)
    for look in (here.stat, here.names):
        with pytest.raises(FileRefusedError) as refused:
            look(Place("etc"))
        assert refused.value.refusal is FileRefusal.NOWHERE

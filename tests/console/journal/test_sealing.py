import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.audit.checkpoint import open_checkpoint
from bedside.audit.entry import SYSTEM, Thing, parse_entry
from bedside.audit.merkle import Frontier, leaf_hash
from bedside.audit.tiles import decode_bundle
from bedside.console.journal.actions import record
from bedside.console.journal.models import Checkpoint, JournalRow, LogHead
from bedside.console.journal.queries import MOST_UNSEALED, leaf, log_status
from bedside.console.journal.sealing import JournalDamagedError, Sequencer, SequencerBusyError
from bedside.console.journal.signer import LogSigner
from bedside.vocabulary import JournalAction

pytestmark = pytest.mark.django_db
SIGNER = LogSigner.from_private("console.example/journal", Ed25519PrivateKey.generate())
NOW = 1_763_900_000_000


def write(count: int) -> None:
    for number in range(count):
        record(
            JournalAction.DEVICE_LOCK_SET,
            actor=SYSTEM,
            thing=Thing("device", f"CI-{number}"),
            detail={"reason": 'a quoted ","prev":null,"seq":0, inside'},
        )


def seal(folder) -> int:
    sequencer = Sequencer(folder, SIGNER)
    try:
        return sequencer.seal(now=NOW)
    finally:
        sequencer.close()


def signed_root() -> tuple[int, bytes]:
    checkpoint = open_checkpoint(log_status().note, [SIGNER.key])
    return checkpoint.size, checkpoint.root


def expected_root() -> tuple[int, bytes]:
    frontier = Frontier()
    for row in JournalRow.objects.exclude(sequence=None).order_by("sequence"):
        frontier.append(leaf_hash(leaf(row)))
    return frontier.size, frontier.root()


def test_a_new_log_has_a_checkpoint_at_once(tmp_path):
    assert seal(tmp_path) == 0
    assert signed_root() == expected_root()
    assert seal(tmp_path) == 0
    assert Checkpoint.objects.count() == 1


def test_each_row_gets_its_place_and_the_checkpoint_covers_it(tmp_path):
    write(3)
    assert log_status().unsealed == 3
    assert seal(tmp_path) == 3
    assert [row.sequence for row in JournalRow.objects.order_by("id")] == [0, 1, 2]
    assert signed_root() == expected_root()
    assert (log_status().size, log_status().unsealed) == (3, 0)
    assert (tmp_path / "checkpoint").read_text() == log_status().note


def test_of_what_waits_only_so_much_is_counted():
    write(1)
    row = JournalRow.objects.get()
    assert log_status().unsealed == 1
    JournalRow.objects.bulk_create(
        JournalRow(at_ms=row.at_ms, action=row.action, entry=row.entry)
        for _ in range(MOST_UNSEALED + 5)
    )
    assert log_status().unsealed == MOST_UNSEALED + 1


def test_the_leaf_is_an_entry_at_its_place(tmp_path):
    write(2)
    seal(tmp_path)
    entries = decode_bundle((tmp_path / "tile/entries/000.p/2").read_bytes(), 2)
    assert [parse_entry(entry).seq for entry in entries] == [0, 1]
    assert entries == [leaf(row) for row in JournalRow.objects.order_by("sequence")]


@pytest.mark.parametrize("sizes", [(255, 1, 1), (256, 256), (600, 0, 3)])
def test_a_log_that_grows_in_steps_is_the_log_that_grew_at_once(tmp_path, sizes):
    for size in sizes:
        write(size)
        seal(tmp_path)
        assert signed_root() == expected_root()
    assert not list(tmp_path.glob("tile/0/000.p/*"))


def test_only_one_process_seals(tmp_path):
    first = Sequencer(tmp_path, SIGNER)
    with pytest.raises(SequencerBusyError):
        Sequencer(tmp_path, SIGNER)
    first.close()
    Sequencer(tmp_path, SIGNER).close()


def test_places_without_tiles_are_repaired(tmp_path):
    write(2)
    seal(tmp_path)
    write(300)
    sequencer = Sequencer(tmp_path, SIGNER)
    sequencer._give_places()
    sequencer.close()
    assert log_status().size == 2
    assert seal(tmp_path) == 300
    assert signed_root() == expected_root()


def test_tiles_without_a_checkpoint_are_repaired(tmp_path):
    write(250)
    seal(tmp_path)
    write(10)
    sequencer = Sequencer(tmp_path, SIGNER)
    sequencer._give_places()
    for line in sequencer._unwritten():
        sequencer._tree.append(line)
    sequencer._write_tiles()
    sequencer.close()
    (tmp_path / "tile/0/001.p/4").write_bytes(b"torn")
    assert seal(tmp_path) == 10
    assert signed_root() == expected_root()


def test_a_lost_checkpoint_file_comes_back(tmp_path):
    write(1)
    seal(tmp_path)
    (tmp_path / "checkpoint").unlink()
    assert seal(tmp_path) == 0
    assert (tmp_path / "checkpoint").read_text() == log_status().note


def test_a_changed_tile_stops_the_sealing(tmp_path):
    write(3)
    seal(tmp_path)
    tile = tmp_path / "tile/0/000.p/3"
    tile.write_bytes(bytes(96))
    with pytest.raises(JournalDamagedError, match="root"):
        seal(tmp_path)


def test_a_missing_tile_stops_the_sealing(tmp_path):
    write(3)
    seal(tmp_path)
    (tmp_path / "tile/0/000.p/3").unlink()
    with pytest.raises(JournalDamagedError, match="read"):
        seal(tmp_path)


def test_a_row_deleted_before_its_tile_was_written_stops_the_sealing(tmp_path):
    write(3)
    sequencer = Sequencer(tmp_path, SIGNER)
    sequencer._give_places()
    JournalRow.objects.filter(sequence=1).delete()
    with pytest.raises(JournalDamagedError, match="place 1"):
        sequencer.seal(now=NOW)
    sequencer.close()
    assert LogHead.objects.get().size == 3


def test_the_note_is_the_standard_form(tmp_path):
    write(1)
    seal(tmp_path)
    origin, size, root, *_ = log_status().note.split("\n")
    assert (origin, size) == ("console.example/journal", "1")
    assert base64.b64decode(root) == expected_root()[1]


@pytest.mark.parametrize("count", [0, 3, 256, 700])
def test_tiles_that_are_lost_are_made_anew_from_the_rows(tmp_path, count):
    write(count)
    seal(tmp_path / "old")
    told = []
    Sequencer(tmp_path / "new", SIGNER, tell=lambda *done: told.append(done)).close()
    assert told[-1:] == ([(count, count)] if count else [])
    for file in (tmp_path / "old").rglob("*"):
        if file.is_file() and file.name != "lock":
            again = tmp_path / "new" / file.relative_to(tmp_path / "old")
            assert again.read_bytes() == file.read_bytes()
    write(1)
    assert seal(tmp_path / "new") == 1
    assert signed_root() == expected_root()


def test_rows_that_are_not_what_was_signed_make_no_tiles_to_go_on_from(tmp_path):
    write(3)
    seal(tmp_path / "old")
    row = JournalRow.objects.get(sequence=1)
    row.entry = bytes(row.entry).replace(b"CI-1", b"CI-9")
    row.save()
    with pytest.raises(JournalDamagedError):
        Sequencer(tmp_path / "new", SIGNER)


def test_a_host_follows_what_another_one_seals_and_takes_over_from_there(tmp_path):
    write(3)
    seal(tmp_path / "a")
    follower = Sequencer(tmp_path / "b", SIGNER)
    for count in (1, 300, 0):
        write(count)
        seal(tmp_path / "a")
        follower.follow()
        size, _ = signed_root()
        assert (tmp_path / "b" / "checkpoint").read_text() == log_status().note
        assert follower._tree.size == size
    write(2)
    assert follower.seal(now=NOW) == 2
    follower.close()
    # The first one was away meanwhile: it is behind, and not damaged.
    assert seal(tmp_path / "a") == 0
    assert signed_root() == expected_root()
    for file in (tmp_path / "b").rglob("tile/**/*"):
        if file.is_file():
            again = tmp_path / "a" / file.relative_to(tmp_path / "b")
            assert again.read_bytes() == file.read_bytes()


def test_a_follower_signs_nothing_that_the_rows_do_not_lead_to(tmp_path):
    write(3)
    seal(tmp_path / "a")
    follower = Sequencer(tmp_path / "b", SIGNER)
    write(3)
    seal(tmp_path / "a")
    JournalRow.objects.filter(sequence=4).delete()
    with pytest.raises(JournalDamagedError, match="place 4"):
        follower.follow()
    follower.close()

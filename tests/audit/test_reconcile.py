"""Either journal proves a deletion by the other, offline (N4)."""

from base64 import b64decode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.audit.archive import ArchiveError, open_archive
from bedside.audit.checkpoint import VerifierKey
from bedside.audit.entry import SYSTEM, Deed, Thing, parse_entry
from bedside.audit.reconcile import Journal, Side, Wrong, reconcile
from bedside.audit.records import device_keys, read_records
from bedside.audit.witness import Witnessed, witnessed_deed
from bedside.pki.signing import REPORT, load_public_key, pre_authentication, verify
from bedside.vocabulary import JournalAction
from tests.audit.test_verify import as_zip, files_of
from tests.audit.world import DEVICE, SESSION, lived


@pytest.fixture
def compare(tmp_path):
    """Export both sides as they are now, and reconcile the exports."""

    def compare(world, *, note=None, console=None, keys=None, session=None):
        files = files_of(console or world.export_console(note=note))
        left = as_zip(files, tmp_path / "console.zip")
        right = as_zip(files_of(world.export_device()), tmp_path / "device.zip")
        with open_archive(left) as console_archive, open_archive(right) as device_archive:
            records = read_records(console_archive, device_archive, keys or [world.log_key])
            known = device_keys(console_archive, DEVICE)
        return reconcile(
            records.console,
            records.device,
            check_signature=lambda batch, payload: signed_by(known, batch, payload),
            session=session,
        )

    return compare


def signed_by(known, batch, payload):
    if batch.key_id not in known:
        return False
    key = load_public_key(known[batch.key_id])
    return verify(key, b64decode(batch.signature), pre_authentication(payload, REPORT))


def told(result):
    return [
        (each.side, each.journal, each.wrong, each.first, each.proven) for each in result.findings
    ]


@pytest.fixture
def world():
    return lived()


# 4 rounds: the device's entries are 5 a round, the console's 2 a round; then one more on each side.
DEVICE_SIZE, CONSOLE_SIZE, ACKNOWLEDGED = 21, 9, 19


def test_two_journals_that_were_left_alone_vouch_for_each_other(world, compare):
    result = compare(world, session=SESSION)
    assert result.good
    assert (len(world.device_lines), len(world.console_lines)) == (DEVICE_SIZE, CONSOLE_SIZE)
    assert (result.agreed, result.pending, result.witnesses) == (ACKNOWLEDGED, 2, 8)
    assert result.session_entries == 16


def test_a_device_that_never_reported_has_all_pending(compare):
    world = lived(rounds=0)
    result = compare(world)
    assert (result.good, result.agreed, result.pending) == (True, 0, 1)


# ---- The device cheats ----


@pytest.mark.parametrize("place", [0, 7, 18])
def test_an_entry_deleted_on_the_device_is_proved_by_the_console(world, compare, place):
    del world.device_lines[place]
    world.rechain_device()
    result = compare(world)
    assert (
        Side.DEVICE,
        Journal.DEVICE_JOURNAL,
        Wrong.CHANGED,
        place,
        True,
    ) in told(result)
    assert {each.side for each in result.findings} == {Side.DEVICE}


@pytest.mark.parametrize("place", [0, 7, 18])
def test_an_entry_deleted_carelessly_on_the_device_is_named_missing(world, compare, place):
    del world.device_lines[place]
    assert told(compare(world))[0] == (
        Side.DEVICE,
        Journal.DEVICE_JOURNAL,
        Wrong.MISSING,
        place,
        True,
    )


def test_an_entry_changed_on_the_device_is_proved_by_the_console(world, compare):
    world.device_lines[7] = world.device_lines[7].replace(b"Marie", b"Maria")
    world.rechain_device()
    first = compare(world).findings[0]
    assert (first.side, first.wrong, first.first, first.proven) == (
        Side.DEVICE,
        Wrong.CHANGED,
        7,
        True,
    )
    assert first.evidence == 3


@pytest.mark.parametrize("kept", [0, 5, 18])
def test_a_device_that_lost_its_last_entries_is_proved_to_have_had_them(world, compare, kept):
    del world.device_lines[kept:]
    world.rechain_device()
    finding = compare(world).findings[-1]
    assert (finding.side, finding.wrong, finding.first) == (Side.DEVICE, Wrong.MISSING, kept)
    assert (finding.last, finding.proven) == (18, True)


def test_entries_the_console_never_got_can_go_unseen(world, compare):
    del world.device_lines[20:]
    assert compare(world).good


def test_without_a_valid_signature_nothing_is_proven_against_the_device(world, compare):
    world.identity = type(world.identity)(world.identity_private)
    forged = replace_signatures(world)
    del forged.device_lines[15:]
    forged.rechain_device()
    findings = compare(forged).findings
    assert findings
    assert not any(each.proven for each in findings if each.side is Side.DEVICE)


def replace_signatures(world):
    from bedside.audit.entry import parse_entry

    for place, line in enumerate(world.console_lines):
        entry = parse_entry(line)
        if "signature" in entry.detail:
            detail = dict(entry.detail) | {"signature": "MAYCAQECAQE="}
            world.console_lines[place] = replace(entry, detail=detail).to_line()
    return world


# ---- The console cheats ----


def test_an_entry_deleted_in_the_console_is_proved_by_the_device(world, compare):
    del world.console_lines[2]
    world.renumber_console()
    result = compare(world)
    finding = result.findings[0]
    assert (finding.side, finding.journal, finding.proven) == (
        Side.CONSOLE,
        Journal.CONSOLE_LOG,
        True,
    )
    # The first checkpoint (2 entries) still holds, the second (4 entries) does not.
    assert (finding.wrong, finding.first, finding.last) == (Wrong.CHANGED, 2, 3)
    assert finding.evidence == 9
    assert {each.side for each in result.findings} == {Side.CONSOLE}


def test_a_console_that_lost_its_last_entries_is_proved_to_have_had_them(world, compare):
    del world.console_lines[5:]
    findings = [f for f in compare(world).findings if f.journal is Journal.CONSOLE_LOG]
    assert [(f.wrong, f.first, f.proven) for f in findings] == [(Wrong.MISSING, 5, True)]


def test_a_console_that_lost_what_it_acknowledged_is_found(world, compare):
    del world.copy[12:]
    findings = compare(world).findings
    assert {(f.side, f.journal, f.wrong, f.first) for f in findings} == {
        (Side.CONSOLE, Journal.CONSOLE_COPY, Wrong.MISSING, 12)
    }
    assert findings[0].proven


@pytest.mark.parametrize("place", [0, 7, 18])
def test_a_console_that_changed_its_copy_is_found(world, compare, place):
    world.copy[place] = world.copy[place].replace(b"success", b"failure")
    findings = compare(world).findings
    assert {(f.side, f.journal, f.wrong, f.first) for f in findings} == {
        (Side.CONSOLE, Journal.CONSOLE_COPY, Wrong.CHANGED, place)
    }


def test_an_entry_missing_in_the_console_against_its_own_checkpoint_is_its_own_fault(
    world, compare
):
    whole = files_of(world.export_console())
    lines = whole["entries.jsonl"].splitlines(keepends=True)
    del lines[3]
    whole["entries.jsonl"] = b"".join(lines)
    result = compare(world, console=zipped(whole))
    assert told(result)[0] == (
        Side.CONSOLE,
        Journal.CONSOLE_LOG,
        Wrong.MISSING,
        3,
        True,
    )


def zipped(files):
    from io import BytesIO

    out = BytesIO()
    as_zip(files, out)
    return out.getvalue()


def test_a_checkpoint_that_the_console_did_not_sign_proves_nothing(world, compare):
    private = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    key = VerifierKey("bayard.example/journal", private.public_key().public_bytes_raw())
    lines = list(world.console_lines)
    world.console_event(1000)
    note = world.note(key=key, private=private)
    world.console_lines = lines
    world.on_device(witnessed_deed(Witnessed(note, world.device_head), actor=SYSTEM))
    findings = [f for f in compare(world).findings if f.journal is Journal.CONSOLE_LOG]
    assert [(f.side, f.proven) for f in findings] == [(Side.CONSOLE, False)]


# ---- Exports that do not fit ----


def test_the_devices_export_must_name_a_device(world, tmp_path):
    left = as_zip(files_of(world.export_console()), tmp_path / "console.zip")
    files = files_of(world.export_device())
    files["manifest.json"] = files["manifest.json"].replace(b"CI-20417", b"nothing")
    right = as_zip(files, tmp_path / "device.zip")
    with (
        open_archive(left) as console_archive,
        open_archive(right) as device_archive,
        pytest.raises(ArchiveError, match="no device"),
    ):
        read_records(console_archive, device_archive)


def test_a_console_that_names_no_keys_has_none(world, tmp_path):
    files = files_of(world.export_console()) | {f"devices/{DEVICE}.keys.json": b'{"k":3}'}
    with open_archive(as_zip(files, tmp_path / "console.zip")) as archive:
        assert device_keys(archive, DEVICE) == {}
    del files[f"devices/{DEVICE}.keys.json"]
    with open_archive(as_zip(files, tmp_path / "without.zip")) as archive:
        assert device_keys(archive, DEVICE) == {}


# ---- The console was restored from a backup ----


def restored(world, to, *, said=True):
    """The console goes back to its first `to` entries, tells of it, and lives on with the device."""
    del world.console_lines[to:]
    if said:
        deed = Deed(
            actor=SYSTEM,
            action=JournalAction.JOURNAL_BACKUP_RESTORED,
            object=Thing("journal", "console"),
            detail={"size": to},
        )
        world.on_console(deed)
    # The device sends again what the backup does not hold.
    world.reported = parse_entry(world.console_lines[to - 1]).detail.get("first", 0)
    world.copy = world.copy[: world.reported]
    for _ in range(3):
        world.console_event()
        world.session_event()
        world.report()


def test_what_an_open_restore_cost_is_told_and_contradicts_nothing(world, compare):
    restored(world, 4)
    result = compare(world)
    assert result.good
    (lost,) = result.findings
    assert (lost.side, lost.wrong, lost.first) == (Side.CONSOLE, Wrong.RESTORED, 4)
    assert lost.proven


def test_a_silent_restore_is_a_change(world, compare):
    restored(world, 4, said=False)
    result = compare(world)
    assert not result.good
    assert {each.wrong for each in result.findings} & {Wrong.CHANGED, Wrong.MISSING}


def test_a_restore_excuses_nothing_that_the_device_took_in_after_it(world, compare):
    restored(world, 4)
    assert compare(world).good
    del world.console_lines[7]
    world.renumber_console()
    assert not compare(world).good

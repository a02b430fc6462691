import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from bedside.audit.archive import open_archive
from bedside.audit.entry import SYSTEM, Thing
from bedside.audit.verify import verify_device, verify_log
from bedside.console.journal.actions import record
from bedside.console.journal.export import (
    NothingSealedError,
    export_device,
    export_log,
    log_folder,
    verify_own_log,
)
from bedside.console.journal.models import DeviceEntry, JournalRow
from bedside.console.journal.sealing import Sequencer
from bedside.console.journal.signer import log_signer, verifier_key
from bedside.console.keys import key_store
from bedside.pki.keystore import KeyName
from bedside.vocabulary import JournalAction
from tests.console.journal.test_device_journals import DEVICE, Journal, store

pytestmark = pytest.mark.django_db
NOW = 1_763_900_000_000


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.BEDSIDE_DATA_DIR = tmp_path
    key_store().create(KeyName.CHECKPOINT)


def write(count: int) -> None:
    for _ in range(count):
        record(JournalAction.DEVICE_LOCK_SET, actor=SYSTEM, thing=Thing("device", DEVICE))


def seal() -> None:
    sequencer = Sequencer(log_folder(), log_signer())
    sequencer.seal(now=NOW)
    sequencer.close()


def export(path: Path) -> Path:
    with path.open("wb") as out:
        export_log(out, keys={DEVICE: {"k": "PEM"}}, now=NOW)
    return path


def test_an_export_proves_itself_to_a_stranger_with_the_key(tmp_path):
    store(Journal().write(2).report())
    write(300)
    seal()
    with open_archive(export(tmp_path / "log.zip")) as archive:
        verdict = verify_log(archive, [verifier_key()])
        assert verdict.good
        assert verdict.checkpoint.size == 301
        assert f"devices/{DEVICE}.jsonl" in archive.names
        assert archive.read_object(f"devices/{DEVICE}.keys.json") == {"k": "PEM"}


def test_what_is_not_sealed_is_not_exported(tmp_path):
    write(2)
    seal()
    write(5)
    out = io.BytesIO()
    assert export_log(out, keys={}, now=NOW) == 2


def test_without_a_checkpoint_there_is_nothing_to_export():
    with pytest.raises(NothingSealedError):
        export_log(io.BytesIO(), keys={}, now=NOW)


def test_our_own_look_finds_nothing_wrong():
    write(257)
    seal()
    verdict = verify_own_log(now=NOW)
    assert verdict.good
    assert verdict.log.pinned


def test_our_own_look_names_the_first_bad_entry():
    write(20)
    seal()
    row = JournalRow.objects.get(sequence=7)
    row.entry = bytes(row.entry).replace(b"success", b"failure")
    row.save()
    verdict = verify_own_log(now=NOW)
    assert not verdict.good
    assert verdict.log.fault.sequence == 7


def test_our_own_look_finds_a_deleted_entry():
    write(20)
    seal()
    JournalRow.objects.get(sequence=7).delete()
    assert verify_own_log(now=NOW).log.fault.sequence == 7


def test_our_own_look_finds_a_changed_copy_of_a_device():
    store(Journal().write(4).report())
    seal()
    row = DeviceEntry.objects.get(device=DEVICE, seq=2)
    row.line = row.line.replace("success", "failure")
    row.save()
    verdict = verify_own_log(now=NOW)
    assert verdict.log.good
    assert [copy.verdict.fault.sequence for copy in verdict.bad_copies] == [2]
    with pytest.raises(CommandError, match=f"{DEVICE}: entry 2"):
        call_command("journal", "verify")


def test_our_own_look_tells_of_missing_tiles():
    write(20)
    seal()
    (log_folder() / "tile/0/000.p/20").unlink()
    assert not verify_own_log(now=NOW).good


def test_the_copy_of_a_device_proves_itself(tmp_path):
    journal = Journal().write(4)
    store(journal.report())
    path = tmp_path / "device.zip"
    with path.open("wb") as out:
        assert export_device(out, DEVICE, now=NOW) == 4
    with open_archive(path) as archive:
        verdict, head = verify_device(archive)
    assert verdict.good
    assert head == journal.heads[4]

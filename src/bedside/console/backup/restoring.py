"""A console is brought back from a backup.

The order, so that a backup that is not whole changes nothing: all of it is read, opened and proven
beside the target first; only then do keys and database take their places. What is older than what
relays and devices have heard since is then moved past it, and the journal says what happened.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import Q
from django.utils.translation import gettext as _

from bedside.audit.entry import Actor, Thing
from bedside.console.accounts.actions import do_end_all_sign_ins
from bedside.console.backup.container import BackupError, Progress, check_members, open_backup
from bedside.console.backup.databases import (
    database_is_empty,
    database_kind,
    place_database,
    prove_copy,
    sqlite_file,
)
from bedside.console.backup.files import CONFIGURATION, KEYS, OPEN, parse_files, place
from bedside.console.backup.manifest import Manifest
from bedside.console.backup.seal import PIECE, Lock, manifest_code, unsealed_pieces
from bedside.console.devices.actions import do_note_outdated
from bedside.console.enrolment.actions import do_pass_configurations
from bedside.console.journal.actions import record
from bedside.console.journal.export import log_folder, verify_own_log
from bedside.console.journal.sealing import Sequencer
from bedside.console.journal.signer import log_signer
from bedside.console.relays.actions import do_begin_feed_anew
from bedside.console.wake import awake
from bedside.vocabulary import JournalAction

__all__ = ["RESTORED_CONFIGURATION", "Opener", "Restored", "do_restore"]

RESTORED_CONFIGURATION = "console.toml.restored"
"""Where the configuration of the backup is put: the one that is used is never replaced."""
_FILES_LIMIT = 2**20

Opener = Callable[[Lock], bytes]
"""Gives the file's key for its lock, or raises WrongKeyError."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back: the manifest, how many entries stand, and where older files went."""

    manifest: Manifest
    entries: int
    sign_ins_ended: int
    moved_to: Path | None


def do_restore(
    file: Path, opener: Opener, *, replace: bool, actor: Actor, now: int, tell: Progress
) -> Restored:
    """Bring this console back from a backup.

    Args:
        file: the backup.
        opener: gives its key.
        replace: move what is in the data folder aside instead of refusing.
        actor: who restores.
        now: Unix milliseconds.
        tell: is told the progress.

    Raises:
        BackupError: the backup, or the place that it should go to, is refused; nothing was changed.
        WrongKeyError: what was given does not open it; nothing was changed.
        JournalDamagedError: the journal in it is not what was signed.
    """
    folder = Path(settings.BEDSIDE_DATA_DIR)
    with open_backup(file) as (manifest, files):
        has_keys = "keys" in files
        _check_kind(manifest)
        _check_target(folder, replace=replace, has_keys=has_keys)
        key = _key(manifest, opener)
        check_members(manifest, files, tell=tell)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as beside:
            copy = Path(beside) / "database"
            _check_room(manifest, folder)
            _unpack(files["database"], copy, key, "database")
            prove_copy(copy)
            small = _small_files(files, key)
            stay = {Path(beside).name, *(() if has_keys else ("keys", "secret.key"))}
            moved = _move_aside(folder, now, stay=stay) if replace else None
            place(folder, small)
            place_database(copy)
    return _bring_up(manifest, moved, actor, now, tell)


def _check_kind(manifest: Manifest) -> None:
    if manifest.database != database_kind():
        text = _("It is of %(theirs)s, and `database` in the configuration names %(ours)s.")
        raise BackupError(text % {"theirs": manifest.database, "ours": database_kind()})
    if manifest.public_url.rstrip("/") != settings.CONFIG.public_url.rstrip("/"):
        text = _("It is of the console at %(theirs)s: `public_url` must be the same.")
        raise BackupError(text % {"theirs": manifest.public_url})
    known = MigrationLoader(None).disk_migrations
    newer = [
        f"{app}.{name}" for app, name in manifest.migrations.items() if (app, name) not in known
    ]
    if newer:
        text = _("It was made by Bedside %(version)s, which is newer than this program.")
        raise BackupError(text % {"version": manifest.version})


def _check_target(folder: Path, *, replace: bool, has_keys: bool) -> None:
    if running := awake():
        text = _("The console runs here (%(names)s): stop web, live and worker first.")
        raise BackupError(text % {"names": ", ".join(running)})
    if database_kind() != "sqlite" and not database_is_empty():
        text = _("The database is not empty: create another one, and name it in the configuration.")
        raise BackupError(text)
    if not has_keys and not all((folder / name).exists() for name in ("keys", "secret.key")):
        text = _("It holds no keys: put `keys` and `secret.key` into %(folder)s first.")
        raise BackupError(text % {"folder": folder})
    if not replace and _is_used(folder, has_keys=has_keys):
        text = _("%(folder)s is not empty: name an empty folder, or say --replace.")
        raise BackupError(text % {"folder": folder})


def _is_used(folder: Path, *, has_keys: bool) -> bool:
    names = ("ca.pem", "journal", *(("keys",) if has_keys else ()))
    database = database_kind() == "sqlite" and not database_is_empty()
    return database or any((folder / name).exists() for name in names)


def _key(manifest: Manifest, opener: Opener) -> bytes | None:
    if manifest.lock is None:
        return None
    key = opener(manifest.lock)
    if manifest_code(key, manifest.sealed_bytes()) != manifest.seal:
        raise BackupError(_("Its manifest was changed after it was sealed."))
    return key


def _check_room(manifest: Manifest, folder: Path) -> None:
    needed = 2 * manifest.members[0].size
    if shutil.disk_usage(folder).free < needed:
        text = _("%(folder)s has no room: %(size)s MiB are needed.")
        raise BackupError(text % {"folder": folder, "size": needed >> 20})


def _unpack(source: IO[bytes], to: Path, key: bytes | None, name: str) -> None:
    with to.open("xb") as out:
        to.chmod(0o600)
        for piece in _opened(source, key, name):
            out.write(piece)


def _opened(source: IO[bytes], key: bytes | None, name: str) -> Iterator[bytes]:
    if key is None:
        return iter(lambda: source.read(PIECE), b"")
    return unsealed_pieces(source, key, name)


def _small_files(files: dict[str, IO[bytes]], key: bytes | None) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, allowed in (("keys", KEYS), ("open", OPEN)):
        if name not in files:
            continue
        data = b"".join(_opened(files[name], key, name))
        if len(data) > _FILES_LIMIT:
            raise BackupError(_("The part %(name)s is too large.") % {"name": name})
        found |= parse_files(data, allowed)
    if CONFIGURATION in found:
        found[RESTORED_CONFIGURATION] = found.pop(CONFIGURATION)
    return found


def _move_aside(folder: Path, now: int, *, stay: set[str]) -> Path:
    """Move all that is in the folder into one of its own: nothing is destroyed."""
    aside = folder / f"before-restore-{now}"
    aside.mkdir(mode=0o700)
    connection.close()
    inside = [path for path in folder.iterdir() if path.name not in stay]
    for path in inside:
        if not path.name.startswith("before-restore-"):
            path.rename(aside / path.name)
    database = sqlite_file() if database_kind() == "sqlite" else None
    if database is not None:
        # With what it had not yet taken in (https://www.sqlite.org/wal.html): without it, it is older.
        for name in ("", "-wal", "-shm"):
            path = database.with_name(database.name + name)
            if path.exists():
                path.rename(aside / path.name)
    return aside


def _bring_up(
    manifest: Manifest, moved: Path | None, actor: Actor, now: int, tell: Progress
) -> Restored:
    call_command("migrate", interactive=False, verbosity=0)
    # Before anything is entered: the rows must lead to the root that was signed.
    proven = Sequencer(log_folder(), log_signer(), tell=lambda *done: tell("journal", *done))
    with closing(proven) as sequencer:
        with transaction.atomic():
            do_begin_feed_anew()
            do_pass_configurations()
            do_note_outdated(Q())
            ended = do_end_all_sign_ins()
            record(
                JournalAction.JOURNAL_BACKUP_RESTORED,
                actor=actor,
                thing=Thing("journal", "console"),
                detail={
                    "size": manifest.journal_size,
                    "issued_ms": manifest.taken_ms,
                    "version": manifest.version,
                    "digest": manifest.members[0].sha256,
                },
                at_ms=now,
            )
        while sequencer.seal(now=now):
            pass
    verdict = verify_own_log(now=now)
    if fault := verdict.log.fault:
        raise BackupError(_("Entry %(n)s is not as it was sealed.") % {"n": fault.sequence})
    return Restored(manifest, verdict.log.checkpoint.size, ended, moved)

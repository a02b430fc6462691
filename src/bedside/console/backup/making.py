"""A backup is made, while the console runs: the database first, then what its rows rely on."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from bedside.audit.entry import Actor, Thing
from bedside.console.backup.container import BackupError, Progress, Source, write_backup
from bedside.console.backup.databases import copy_database, database_kind
from bedside.console.backup.files import CONFIGURATION, KEYS, OPEN, gather, without_password
from bedside.console.backup.manifest import Manifest
from bedside.console.backup.seal import Lock
from bedside.console.journal.actions import now_ms, record
from bedside.console.journal.queries import log_status
from bedside.vocabulary import JournalAction

__all__ = ["Closing", "applied_migrations", "do_make_backup"]


@dataclass(frozen=True, slots=True)
class Closing:
    """How a backup is closed: the file's key with its lock, both None for one that lies open."""

    key: bytes | None = None
    lock: Lock | None = None
    with_keys: bool = True


def do_make_backup(
    to: Path, closing: Closing, *, configuration: bytes, actor: Actor, tell: Progress
) -> Manifest:
    """Write a backup into a new file, and enter that into the journal; return its manifest.

    Args:
        to: the file.
        closing: how it is closed, and whether the keys are in it.
        configuration: the console's own file as it is; passwords of databases are left out.
        actor: who makes it.
        tell: is told the progress.

    Raises:
        BackupError: the file exists, or PostgreSQL's program failed.
        OSError: the file cannot be written.
        ValueError: keys would lie open.
    """
    if closing.with_keys and closing.key is None:
        raise ValueError("keys never lie in an open backup")
    if to.exists():
        raise BackupError(_("%(file)s exists and is not replaced.") % {"file": to})
    if not to.parent.is_dir():
        raise BackupError(_("There is no folder %(folder)s.") % {"folder": to.parent})
    folder, taken = Path(settings.BEDSIDE_DATA_DIR), now_ms()
    # Before the copy: what it holds is at least this, and never more than the keys know.
    status = log_status()
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=folder) as beside:
        copy, keys, open_ = (Path(beside) / name for name in ("database", "keys", "open"))
        copy_database(copy, tell=tell)
        sources = [Source("database", copy)]
        if closing.with_keys:
            keys.write_bytes(gather(folder, KEYS))
            sources.append(Source("keys", keys))
        open_.write_bytes(gather(folder, OPEN, **{CONFIGURATION: without_password(configuration)}))
        sources.append(Source("open", open_))
        manifest = _manifest(closing, taken, status.size, status.root)
        manifest = write_backup(to, manifest, sources, key=closing.key, tell=tell)
    with transaction.atomic():
        record(
            JournalAction.JOURNAL_BACKUP_MADE,
            actor=actor,
            thing=Thing("journal", "console"),
            detail={"size": manifest.journal_size, "digest": manifest.members[0].sha256},
        )
    return manifest


def applied_migrations() -> dict[str, str]:
    """Return the newest migration of each app that the database has had."""
    applied = MigrationRecorder(connection).applied_migrations()
    return dict(sorted(applied))


def _manifest(closing: Closing, taken: int, size: int, root: str) -> Manifest:
    from bedside import __version__

    return Manifest(
        version=__version__,
        taken_ms=taken,
        public_url=settings.CONFIG.public_url,
        database=database_kind(),
        journal_size=size,
        journal_root=root or "0" * 64,
        migrations=applied_migrations(),
        lock=closing.lock,
    )

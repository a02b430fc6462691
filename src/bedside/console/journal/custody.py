"""Whether the keys here are those of the database: no other may sign a journal that is in use."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from bedside.audit.checkpoint import CheckpointError, VerifierKey, open_checkpoint, parse_checkpoint
from bedside.console.journal.models import Checkpoint
from bedside.console.keys import key_store
from bedside.pki.keystore import KeyName

__all__ = ["check_custody"]


def check_custody() -> None:
    """Refuse missing or foreign keys over a database whose journal is signed; writes nothing.

    A database without a checkpoint, or without tables, takes any keys.

    Raises:
        CommandError: in words, with what to do.
        KeyStoreError: a key that cannot be read.
    """
    note = _newest_note()
    if note is None:
        return
    missing = _missing()
    if missing:
        words = _(
            "This database is in use, and its keys are not in %(folder)s: missing are %(names)s. "
            "Bring keys/, secret.key and ca.pem of its console there, or restore a backup into an "
            "empty database. The database is as it was."
        )
    elif not _is_signed(note):
        words = _(
            "This database is in use, and the keys in %(folder)s are not those that signed its "
            "journal. Bring keys/, secret.key and ca.pem of its console there, or name another "
            "database. The database is as it was."
        )
    else:
        return
    values = {"folder": settings.BEDSIDE_DATA_DIR, "names": ", ".join(missing)}
    raise CommandError(words % values)


def _newest_note() -> str | None:
    # Asked before `migrate` too: a database of an older version has this table and these columns.
    if Checkpoint._meta.db_table not in connection.introspection.table_names():
        return None
    return Checkpoint.objects.order_by("-size").values_list("note", flat=True).first()


def _missing() -> list[KeyName]:
    # A store makes its folder: it is opened only where there is one.
    if not (Path(settings.BEDSIDE_DATA_DIR) / "keys").is_dir():
        return list(KeyName)
    store = key_store()
    return [name for name in KeyName if not store.has(name)]


def _is_signed(note: str) -> bool:
    public = key_store().public_key(KeyName.CHECKPOINT).public_bytes_raw()
    try:
        # By the log's name of that time: `public_url` may have changed since.
        open_checkpoint(note, [VerifierKey(parse_checkpoint(note).origin, public)])
    except CheckpointError:
        return False
    return True

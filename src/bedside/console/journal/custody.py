"""Whether the keys here are those of the database: no other may sign a journal that is in use."""

from pathlib import Path

from django.conf import settings
from django.db import connection

from bedside.audit.checkpoint import CheckpointError, VerifierKey, open_checkpoint, parse_checkpoint
from bedside.console.journal.models import Checkpoint
from bedside.console.keys import key_store
from bedside.language import N_
from bedside.pki.keystore import KeyName, KeyStoreError

__all__ = [
    "CustodyError",
    "check_custody",
    "do_take_custody",
    "is_foreign",
    "is_secret_key_missing",
    "newest_note",
]


class CustodyError(KeyStoreError):
    """Keys that are not those of the database."""

    domain = "django"
    catalogues = Path(__file__).parent / "locale"


def check_custody() -> None:
    """Refuse missing or foreign keys over a database whose journal is signed; writes nothing.

    A database without a checkpoint, or without tables, takes any keys.

    Raises:
        CustodyError: in words, with what to do.
        KeyStoreError: a key that cannot be read.
    """
    note = newest_note()
    if note is None:
        return
    missing = _missing()
    if missing:
        words = N_(
            "This database is in use, and its keys are not in {folder}: missing are {names}. "
            "Bring keys/, secret.key and ca.pem of its console there, or restore a backup into an "
            "empty database. The database is as it was."
        )
    elif is_foreign(note):
        words = N_(
            "This database is in use, and the keys in {folder} are not those that signed its "
            "journal. Bring keys/, secret.key and ca.pem of its console there, or name another "
            "database. The database is as it was."
        )
    else:
        return
    raise CustodyError(words, folder=settings.BEDSIDE_DATA_DIR, names=", ".join(missing))


def do_take_custody() -> None:
    """Begin to serve: `check_custody`, then make `secret.key` before there are threads or workers.

    Raises:
        CustodyError: as `check_custody`.
        ConfigError: the folder cannot be used, or the file is empty.
    """
    check_custody()
    str(settings.SECRET_KEY)


def newest_note() -> str | None:
    """Return the newest checkpoint, None in a database that has none, or no tables."""
    # Asked before `migrate` too: a database of an older version has this table and these columns.
    if Checkpoint._meta.db_table not in connection.introspection.table_names():
        return None
    return Checkpoint.objects.order_by("-size").values_list("note", flat=True).first()


def _missing() -> list[str]:
    store = key_store()
    found = [name.value for name in KeyName if not store.has(name)]
    return [*found, "secret.key"] if is_secret_key_missing() else found


def is_secret_key_missing() -> bool:
    """Return whether `secret.key` is not here: one made anew opens none of another host's sign-ins."""
    path = settings.BEDSIDE_SECRET_KEY_FILE
    return path is not None and not path.exists()


def is_foreign(note: str) -> bool:
    """Return whether another key than the one here signed a checkpoint.

    Raises KeyStoreError for a key that cannot be read.
    """
    public = key_store().public_key(KeyName.CHECKPOINT).public_bytes_raw()
    try:
        # By the log's name of that time: `public_url` may have changed since.
        open_checkpoint(note, [VerifierKey(parse_checkpoint(note).origin, public)])
    except CheckpointError:
        return True
    return False

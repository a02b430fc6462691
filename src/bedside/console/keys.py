"""Where every part of the console finds the key store."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from bedside.pki.keystore import FileKeyStore, KeyStore

__all__ = ["data_dir", "key_store"]


def data_dir() -> Path:
    """Return the folder that holds the console's keys, tiles and database."""
    return Path(settings.BEDSIDE_DATA_DIR)


def key_store() -> KeyStore:
    """Return the key store of this console; the same object for the same folder."""
    return _open(data_dir() / "keys")


@lru_cache(maxsize=4)
def _open(folder: Path) -> KeyStore:
    return FileKeyStore(folder)

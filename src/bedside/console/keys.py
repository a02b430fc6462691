"""Where every part of the console finds the key store."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from bedside.pki.keystore import FileKeyStore, KeyStore

__all__ = ["key_store"]


def key_store() -> KeyStore:
    """Return the key store of this console; the same object for the same folder."""
    return _open(Path(settings.BEDSIDE_DATA_DIR) / "keys")


@lru_cache(maxsize=4)
def _open(folder: Path) -> KeyStore:
    return FileKeyStore(folder)

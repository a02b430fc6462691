"""The console's certificate authority: its root certificate stands beside the keys."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from bedside.console.keys import key_store
from bedside.language import N_
from bedside.pki.authority import Authority
from bedside.pki.keystore import KeyName, KeyStoreError

__all__ = ["authority", "create_authority", "root_certificate_path"]

_NAMES = tuple(KeyName)


class RootKeyError(KeyStoreError):
    """The root certificate cannot be used; its sentences are in this app's catalogue."""

    domain = "django"
    catalogues = Path(__file__).parent / "locale"


def authority() -> Authority:
    """Return the authority of this console; raises KeyStoreError before `bedside console init`."""
    return _open(root_certificate_path())


def root_certificate_path() -> Path:
    """Return where the root certificate is, for whoever pins it."""
    return Path(settings.BEDSIDE_DATA_DIR) / "ca.pem"


def create_authority(*, name: str, now: int) -> list[KeyName]:
    """Make whatever keys are missing, and the root certificate; return the keys that were made.

    Args:
        name: the manufacturer's, for the root certificate.
        now: Unix milliseconds.

    Raises:
        KeyStoreError: a root certificate exists without its key, or the other way round: restoring
            is a person's decision.
    """
    store, path = key_store(), root_certificate_path()
    if path.exists() != store.has(KeyName.ROOT_CA):
        text = N_("{path} and the root key belong together: restore the missing one")
        raise RootKeyError(text, path=path)
    made = [each for each in _NAMES if not store.has(each)]
    for each in made:
        store.create(each)
    if not path.exists():
        root = Authority.create(store, name=name, now_ms=now)
        beside = path.with_suffix(".new")
        beside.write_text(root.pem, encoding="ascii")
        beside.replace(path)
    return made


@lru_cache(maxsize=4)
def _open(path: Path) -> Authority:
    try:
        pem = path.read_text(encoding="ascii")
    except FileNotFoundError:
        text = N_("{path} does not exist: run `bedside console init`")
        raise RootKeyError(text, path=path) from None
    return Authority(key_store(), pem)

"""The key that signs cookies and seals second factors: `secret.key`, 0600 in data_dir.

A start that is refused leaves nothing behind: the key is made when something first needs it.
"""

import contextlib
import secrets
import stat
import threading
from functools import partial
from pathlib import Path
from typing import cast

from django.utils.functional import SimpleLazyObject

from bedside.console.project.config import IN_MEMORY, ConsoleConfig
from bedside.console.project.config_error import ConsoleConfigError
from bedside.language import N_
from bedside.language.config_error import file_error
from bedside.pki.keystore import write_secret

__all__ = ["secret_key", "secret_key_file"]

_making = threading.Lock()


def secret_key(config: ConsoleConfig) -> str:
    """Return the console's key; where there is none yet, what makes it at its first use.

    Raises:
        ConfigError: others may read the file, or the folder cannot be used.
    """
    if config.database == IN_MEMORY:
        return secrets.token_urlsafe(64)
    folder = config.data_dir
    try:
        if not config.database:  # it is a file in this folder
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _kept(folder) or cast("str", SimpleLazyObject(partial(_made, folder)))
    except OSError as error:
        raise file_error(error, error.filename or str(folder)) from error


def secret_key_file(config: ConsoleConfig) -> Path | None:
    """Return where the key is once it was made; None for a console in memory, which has no file."""
    return None if config.database == IN_MEMORY else config.data_dir / "secret.key"


def _kept(folder: Path) -> str:
    path = folder / "secret.key"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return ""
    if mode & 0o077:
        text = N_("others may read it: chmod 600 it")
        raise ConsoleConfigError(text, where=str(path))
    return path.read_text(encoding="ascii").strip()


def _made(folder: Path) -> str:
    path = folder / "secret.key"
    try:
        with _making:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileExistsError):  # another process was first
                write_secret(path, secrets.token_urlsafe(64).encode("ascii"))
            kept = _kept(folder)
    except OSError as error:
        raise file_error(error, error.filename or str(folder)) from error
    if not kept:
        text = N_("it is empty: restore it from the backup")
        raise ConsoleConfigError(text, where=str(path))
    return kept

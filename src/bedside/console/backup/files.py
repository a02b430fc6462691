"""The small files of a console, by the name of the part that holds them.

`keys` are the private keys and the key of cookies and stored secrets; `open` is what anybody may
see: the root certificate, what devices pin, and the configuration without any password. What is
made anew by itself (the certificate of `live`, the tiles of the journal) is in neither.
"""

import os
import re
from base64 import b64encode
from json import dumps, loads
from pathlib import Path

from django.utils.translation import gettext as _

from bedside.console.backup.container import BackupError
from bedside.pki.keystore import KeyName, write_secret
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import Fields

__all__ = ["CONFIGURATION", "KEYS", "OPEN", "gather", "parse_files", "place", "without_password"]

CONFIGURATION = "console.toml"
KEYS = ("secret.key", *(f"keys/{name}.pem" for name in KeyName))
OPEN = ("ca.pem", "manufacturer.pem", CONFIGURATION)
_MAX_FILE = 64 * 1024
_PASSWORD = re.compile(r"(postgresql://[^:@/\"'\s]*):[^@\"'\s]*@")


def gather(folder: Path, names: tuple[str, ...], **more: bytes) -> bytes:
    """Return the files of these names that are there, and `more` by name, as one JSON text."""
    found = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    found |= more
    return dumps({name: b64encode(data).decode() for name, data in sorted(found.items())}).encode()


def parse_files(data: bytes, allowed: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files by name, or raise BackupError: no name counts but those `allowed`."""
    try:
        fields = Fields(loads(data), "files")
        found = {name: fields.bytes_(name, max=_MAX_FILE) for name in allowed if fields.has(name)}
        fields.end()
    except (ProtocolError, ValueError, RecursionError) as error:
        raise BackupError(_("Its files are refused: %(why)s.") % {"why": error}) from error
    return found


def place(folder: Path, files: dict[str, bytes]) -> None:
    """Write each file anew, whole, readable for this user alone."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        write_secret(path, data)


def without_password(configuration: bytes) -> bytes:
    """Return a configuration whose database address has no password."""
    return os.fsencode(_PASSWORD.sub(r"\1@", os.fsdecode(configuration)))

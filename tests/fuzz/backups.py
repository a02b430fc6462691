"""Backups: whatever the tar says, only a whole one with its own manifest and files is taken."""

import atexit
import io
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

from django.conf import settings

from bedside.console.backup.container import (
    BackupError,
    Source,
    check_members,
    open_backup,
    write_backup,
)
from bedside.console.backup.files import KEYS, OPEN, parse_files
from bedside.console.backup.manifest import Manifest, parse_manifest
from bedside.console.backup.seal import (
    WrongKeyError,
    unsealed_pieces,
)
from bedside.protocol.errors import ProtocolError

if not settings.configured:
    settings.configure(USE_I18N=False)  # alone, there is no console whose language counts
_FOLDER = Path(tempfile.mkdtemp(prefix="bedside-fuzz-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_MANIFEST = Manifest(
    version="0.1.0",
    taken_ms=1,
    public_url="https://console.example.com",
    database="sqlite",
    journal_size=7,
    journal_root="0" * 64,
    migrations={"journal": "0001_initial"},
    lock=None,
)


def _backup() -> bytes:
    (_FOLDER / "database").write_bytes(b"SQLite format 3\0")
    (_FOLDER / "open").write_bytes(b'{"ca.pem": "AAAA"}')
    sources = [Source(name, _FOLDER / name) for name in ("database", "open")]
    write_backup(_FOLDER / "seed", _MANIFEST, sources, key=None, tell=lambda *_: None)
    return (_FOLDER / "seed").read_bytes()


def _pax() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("manifest.json")
        info.pax_headers = {"size": "2", "path": "manifest.json", "GNU.sparse.map": "0,1"}
        info.size = 2
        tar.addfile(info, io.BytesIO(b"{}"))
    return out.getvalue()


SEEDS = (_backup(), _pax(), _MANIFEST.to_bytes(), b'{"keys/root-ca.pem": "AAAA"}')


def parse(data: bytes) -> None:
    """Read one input as a backup, as a manifest, as files, and as something sealed."""
    path = _FOLDER / "input"
    path.write_bytes(data)
    try:
        with open_backup(path) as (manifest, files):
            check_members(manifest, files, tell=lambda *_: None)
    except BackupError:
        pass
    try:
        manifest = parse_manifest(data)
        assert parse_manifest(manifest.to_bytes()) == manifest
    except ProtocolError:
        pass
    try:
        found = parse_files(data, (*KEYS, *OPEN))
        assert set(found) <= set(json.loads(data))
    except BackupError:
        pass
    try:
        for _ in unsealed_pieces(io.BytesIO(data), bytes(32), "database"):
            pass
        raise AssertionError("what nobody sealed was opened")
    except WrongKeyError:
        pass

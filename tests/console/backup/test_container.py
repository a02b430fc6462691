import io
import json
import stat
import tarfile
from dataclasses import replace

import pytest

from bedside.console.backup.container import (
    BackupError,
    Source,
    check_members,
    open_backup,
    write_backup,
)
from bedside.console.backup.files import KEYS, parse_files, without_password
from bedside.console.backup.manifest import MAX_MANIFEST, Manifest, parse_manifest
from bedside.console.backup.seal import lock_with_passphrase
from bedside.protocol.errors import ProtocolError

MANIFEST = Manifest(
    version="0.1.0",
    taken_ms=1,
    public_url="https://console.example.com",
    database="sqlite",
    journal_size=7,
    journal_root="0" * 64,
    migrations={"journal": "0001_initial"},
    lock=None,
)
KEY = bytes(32)


def quiet(*_):
    return None


@pytest.fixture
def backup(tmp_path):
    for name in ("database", "open"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    sources = [Source(name, tmp_path / name) for name in ("database", "open")]
    write_backup(tmp_path / "b.tar", MANIFEST, sources, key=None, tell=quiet)
    return tmp_path / "b.tar"


def check(path):
    with open_backup(path) as (manifest, files):
        check_members(manifest, files, tell=quiet)
        return manifest, {name: file.read() for name, file in files.items()}


def rewritten(path, change):
    """Write the same tar with its members as `change` has them."""
    with tarfile.open(path) as tar:
        members = [(each.name, tar.extractfile(each).read()) for each in tar.getmembers()]
    members = change(members)
    with tarfile.open(path, "w") as tar:
        for name, data, *kind in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if kind:
                info.type, info.size, info.linkname = kind[0], 0, "/etc/passwd"
            tar.addfile(info, io.BytesIO(data))
    return path


def test_what_was_written_is_read_and_only_its_owner_may(backup):
    manifest, files = check(backup)
    assert manifest.public_url == MANIFEST.public_url
    assert files == {"database": b"database" * 1000, "open": b"open" * 1000}
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_a_file_that_exists_is_never_replaced(backup, tmp_path):
    before = backup.read_bytes()
    with pytest.raises(FileExistsError):
        write_backup(
            backup, MANIFEST, [Source("database", tmp_path / "database")], key=None, tell=quiet
        )
    assert backup.read_bytes() == before
    assert not list(tmp_path.glob(".*.new"))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m[1:],
        lambda m: m[:-1],
        lambda m: [m[0], m[2], m[1]],
        lambda m: [*m, ("more", b"x")],
        lambda m: [m[0], ("../../etc/cron.d/x", m[1][1]), m[2]],
        lambda m: [m[0], ("database", b"x" * len(m[1][1])), m[2]],
        lambda m: [m[0], ("database", m[1][1][:-1]), m[2]],
        lambda m: [m[0], ("database", b"", tarfile.SYMTYPE), m[2]],
        lambda m: [m[0], ("database", b"", tarfile.LNKTYPE), m[2]],
        lambda m: [("manifest.json", b"{}"), *m[1:]],
        lambda m: [("manifest.json", b" " * (MAX_MANIFEST + 1)), *m[1:]],
        lambda m: [("manifest.json", b"[" * 60_000), *m[1:]],
    ],
)
def test_what_is_not_whole_is_refused(backup, change):
    check(backup)
    with pytest.raises(BackupError):
        check(rewritten(backup, change))


@pytest.mark.parametrize("cut", [0, 100, 600, 5000])
def test_a_file_that_was_cut_is_refused(backup, cut):
    backup.write_bytes(backup.read_bytes()[:cut])
    with pytest.raises(BackupError):
        check(backup)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2),
        ("taken_ms", -1),
        ("journal_root", "x"),
        ("members", []),
        ("members", [{"name": "keys", "size": 1, "sha256": "0" * 64}]),
        ("unknown", 1),
        ("migrations", {"journal": 7}),
        (
            "lock",
            {
                "kind": "passphrase",
                "wrapped": "00",
                "salt": "",
                "memory_kib": 2**30,
                "passes": 1,
                "lanes": 1,
            },
        ),
    ],
)
def test_a_manifest_of_another_kind_is_refused(backup, name, value):
    manifest, _ = check(backup)
    known = json.loads(manifest.to_bytes())
    assert parse_manifest(json.dumps(known).encode()) == manifest
    with pytest.raises(ProtocolError):
        parse_manifest(json.dumps({**known, name: value}).encode())


def test_a_sealed_backup_holds_nothing_in_clear(tmp_path):
    (tmp_path / "database").write_bytes(b"secret of somebody")
    (tmp_path / "open").write_bytes(b"{}")
    sources = [Source(name, tmp_path / name) for name in ("database", "open")]
    locked = replace(MANIFEST, lock=lock_with_passphrase(KEY, "a long enough phrase"))
    write_backup(tmp_path / "b.tar", locked, sources, key=KEY, tell=quiet)
    check(tmp_path / "b.tar")
    assert b"secret" not in (tmp_path / "b.tar").read_bytes()


def test_only_files_that_are_expected_are_taken():
    assert parse_files(b'{"keys/root-ca.pem": "AAAA"}', KEYS) == {"keys/root-ca.pem": b"\0\0\0"}
    for data in (b'{"keys/../../x": "AAAA"}', b"[]", b"{", b'{"secret.key": 7}'):
        with pytest.raises(BackupError):
            parse_files(data, KEYS)


def test_a_configuration_is_kept_without_the_password_of_the_database():
    given = b'database = "postgresql://bedside:s3cret@db.example/console?sslmode=require"\nlisten = "x:1"'
    assert without_password(given) == (
        b'database = "postgresql://bedside@db.example/console?sslmode=require"\nlisten = "x:1"'
    )

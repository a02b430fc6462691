"""The key files that somebody names, and what is said of every other one."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.management import CommandError, call_command
from django.utils import translation

from bedside.console.backup.container import BackupError
from bedside.console.backup.key_files import private_key_in, public_key_in
from bedside.pki.signing import public_key_pem

KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key=KEY, lock=None):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock or NoEncryption())


FILES = {
    "private": pem(),
    "public": public_key_pem(KEY.public_key()).encode(),
    "locked": pem(lock=BestAvailableEncryption(b"drawer")),
    "other": pem(ec.generate_private_key(ec.SECP384R1())),
    "noise": b"\xff\x00",
}


@pytest.fixture
def folder(tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_each_half_is_read(folder):
    assert private_key_in(folder / "private").private_numbers() == KEY.private_numbers()
    assert public_key_in(folder / "public") == KEY.public_key()


@pytest.mark.parametrize(
    ("read", "name", "words", "french"),
    [
        (private_key_in, "public", "is a public key: name the private", "est une clé publique"),
        (private_key_in, "locked", "is a key under a password", "protégée par un mot de passe"),
        (private_key_in, "other", "is no P-256 private key", "n’est pas une clé privée P-256"),
        (private_key_in, "noise", "is no P-256 private key", "n’est pas une clé privée P-256"),
        (public_key_in, "private", "is a private key: name the public", "est une clé privée"),
        (public_key_in, "other", "is a private key: name the public", "est une clé privée"),
        (public_key_in, "noise", "is no P-256 public key", "n’est pas une clé publique P-256"),
    ],
)
def test_what_is_another_thing_is_named(folder, read, name, words, french):
    for language, said in (("en", words), ("fr", french)):
        with translation.override(language), pytest.raises(BackupError, match=said):
            read(folder / name)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "options", "said", "french"),
    [
        (("backup", "new/b"), {"open": True, "without_keys": True}, "no folder", "pas de dossier"),
        (
            ("backup", "b"),
            {"to_key": "nowhere"},
            "there is no such file",
            "aucun fichier de ce nom",
        ),
        (
            ("backup", "b"),
            {"passphrase_file": "nowhere"},
            "there is no such file",
            "aucun fichier de ce nom",
        ),
        (("restore", "nowhere"), {}, "there is no such file", "aucun fichier de ce nom"),
        (("restore", "noise"), {}, "not a backup, or not a whole one", "pas une sauvegarde"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_words(
    folder, settings, words, options, said, french
):
    settings.BEDSIDE_DATA_DIR = folder
    paths = {
        name: folder / each if isinstance(each, str) else each for name, each in options.items()
    }
    for language, expected in (("en", said), ("fr", french)):
        with translation.override(language), pytest.raises(CommandError) as refused:
            call_command(words[0], folder / words[1], **paths)
        assert expected in str(refused.value)
        assert "Errno" not in str(refused.value)

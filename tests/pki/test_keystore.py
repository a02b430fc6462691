import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bedside.language import Language
from bedside.pki.keystore import FileKeyStore, KeyName, KeyStore, KeyStoreError, write_secret
from bedside.pki.sealing import SealError, seal
from bedside.pki.signing import key_id, verify


@pytest.fixture
def store(tmp_path):
    store = FileKeyStore(tmp_path / "keys")
    for name in KeyName:
        store.create(name)
    return store


def test_keys_sign_and_open_without_being_seen(store: KeyStore):
    for name in KeyName:
        signer = store.signer(name)
        public_key = store.public_key(name)
        assert signer.key_id == key_id(public_key)
        if isinstance(public_key, ec.EllipticCurvePublicKey):
            assert verify(public_key, signer.sign(b"x"), b"x")
            sealed = seal(public_key, b"x", info=b"i")
            assert store.unseal(name, sealed, info=b"i") == b"x"
            with pytest.raises(SealError):
                store.unseal(name, sealed, info=b"j")
    store.public_key("checkpoint").verify(store.signer("checkpoint").sign(b"x"), b"x")
    with pytest.raises(KeyStoreError):
        store.unseal("checkpoint", b"x", info=b"i")


def test_keys_outlive_the_process(store, tmp_path):
    again = FileKeyStore(tmp_path / "keys")
    assert again.has("order")
    assert again.public_key("order") == store.public_key("order")


def test_folder_and_files_are_ours_alone(store, tmp_path):
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == sorted(f"{name}.pem" for name in KeyName)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_key_is_never_replaced(store, tmp_path):
    before = (tmp_path / "keys/order.pem").read_bytes()
    with pytest.raises(KeyStoreError, match="exists and is not replaced"):
        store.create("order")
    assert (tmp_path / "keys/order.pem").read_bytes() == before
    assert len(list((tmp_path / "keys").iterdir())) == len(KeyName)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o601])
def test_a_file_that_others_could_use_is_refused_with_its_cure(store, tmp_path, mode):
    path = tmp_path / "keys/order.pem"
    path.chmod(mode)
    with pytest.raises(KeyStoreError, match=f"chmod 0600 {path}"):
        FileKeyStore(tmp_path / "keys").signer("order")
    path.chmod(0o600)
    FileKeyStore(tmp_path / "keys").signer("order")


def test_a_folder_that_others_could_use_is_refused_with_its_cure(store, tmp_path):
    (tmp_path / "keys").chmod(0o750)
    with pytest.raises(KeyStoreError, match=f"chmod 0700 {tmp_path / 'keys'}"):
        FileKeyStore(tmp_path / "keys")


def test_somebody_elses_file_is_refused(store, tmp_path, monkeypatch):
    owner = os.geteuid()
    again = FileKeyStore(tmp_path / "keys")
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeyStoreError, match=f"belongs to user {owner}"):
        again.signer("order")
    with pytest.raises(KeyStoreError, match="chown"):
        FileKeyStore(tmp_path / "keys")


def test_root_is_told_to_be_whom_the_keys_belong_to(store, monkeypatch, tmp_path):
    mine = os.stat_result((0o100600, 0, 0, 1, 54_321, 0, 1, 0, 0, 0))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fstat", lambda _: mine)
    with pytest.raises(KeyStoreError, match="belongs to user 54321: run this as that user"):
        store.signer("order")


def test_links_and_missing_keys_are_refused(store, tmp_path):
    path = tmp_path / "keys/order.pem"
    path.rename(tmp_path / "elsewhere.pem")
    with pytest.raises(KeyStoreError, match="does not exist"):
        FileKeyStore(tmp_path / "keys").signer("order")
    path.symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(KeyStoreError, match="cannot be read"):
        FileKeyStore(tmp_path / "keys").signer("order")
    with pytest.raises(KeyStoreError):
        FileKeyStore(tmp_path / "keys").create("order")
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(KeyStoreError, match="not a plain file"):
        FileKeyStore(tmp_path / "keys").signer("order")


def test_a_file_without_the_right_key_is_refused(store, tmp_path):
    path = tmp_path / "keys/order.pem"
    rsa_key = rsa.generate_private_key(65537, 2048)
    other_kind = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    checkpoint = (tmp_path / "keys/checkpoint.pem").read_bytes()
    for data in (b"", b"-----BEGIN PRIVATE KEY-----\n", other_kind, checkpoint):
        path.unlink()
        write_secret(path, data)
        with pytest.raises(KeyStoreError, match=str(path)):
            FileKeyStore(tmp_path / "keys").signer("order")


def test_each_refusal_is_said_in_the_readers_language(store, tmp_path):
    path, said = tmp_path / "keys/order.pem", []
    for spoil in (
        lambda: path.chmod(0o640),
        lambda: path.write_bytes(b""),
        path.unlink,
        lambda: path.symlink_to("elsewhere"),
        lambda: (path.unlink(), path.mkdir(mode=0o700)),
    ):
        spoil()
        with pytest.raises(KeyStoreError) as refused:
            FileKeyStore(tmp_path / "keys").signer("order")
        said.append(refused.value.say(Language.FRENCH))
        path.is_file() and not path.is_symlink() and path.chmod(0o600)
    with pytest.raises(KeyStoreError) as refused:
        store.create("report")
    said.append(refused.value.say(Language.FRENCH))
    assert said == [
        f"{path} est ouvert à d’autres (mode 0640)\N{NO-BREAK SPACE}: chmod 0600 {path}",
        f"{path} ne contient aucune clé\N{NO-BREAK SPACE}: restaurez-le de sa sauvegarde",
        f"{path} n’existe pas\N{NO-BREAK SPACE}: créez-le, ou restaurez-le",
        f"{path} ne peut pas être lu\N{NO-BREAK SPACE}: c’est un lien",
        f"{path} n’est pas un fichier ordinaire",
        f"{tmp_path / 'keys/report.pem'} existe et n’est pas remplacé",
    ]


def test_a_store_makes_its_folder_with_the_first_key(tmp_path):
    store = FileKeyStore(tmp_path / "keys")
    assert not store.has("order")
    assert not (tmp_path / "keys").exists()
    store.create("order")
    assert store.has("order")


def test_a_name_that_is_no_key(store):
    with pytest.raises(KeyStoreError):
        store.signer("../order")

"""`add-relay` and `renew-relay` as somebody types them: no key is made unasked, nothing is overwritten."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from django.core.management import CommandError, call_command
from django.utils import translation

from bedside.console.journal.models import JournalRow
from bedside.console.relays.queries import assertion_key
from bedside.pki.device_keys import create_key_file, load_key_file
from bedside.pki.requests import MAX_REQUEST

pytestmark = pytest.mark.django_db
PLACE = {"host": "192.0.2.9", "server_name": "c.example", "port": [443]}


@pytest.fixture
def known(world, tmp_path):
    """Relay c, just made known: its folder."""
    folder = tmp_path / "c"
    add(folder)
    return folder


def add(folder, name="c", **more):
    call_command("add_relay", name, folder=folder, **{**PLACE, **more})


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


def request(folder, tmp_path, key="key.pem"):
    from bedside.pki.relay_requests import build_relay_request

    file = tmp_path / "c.csr"
    file.write_text(build_relay_request(load_key_file(folder / key), "c"))
    return file


def test_a_known_relay_gets_no_new_key_unasked(known, tmp_path):
    before, elsewhere = assertion_key("c"), tmp_path / "elsewhere"
    with pytest.raises(CommandError, match=r"bedside relay request.*renew-relay c.*--new-key"):
        add(elsewhere)
    assert assertion_key("c") == before
    assert not elsewhere.exists()


def test_a_foreign_key_in_the_folder_is_refused_and_left(known):
    (known / "key.pem").rename(known / "own.pem")
    create_key_file(known / "key.pem")
    before = files(known), assertion_key("c")
    with pytest.raises(CommandError, match="not the one by which relay c is known"):
        add(known)
    assert (files(known), assertion_key("c")) == before


def test_with_its_folder_the_certificate_is_new_and_the_rest_is_as_it_was(known, capsys):
    config = known / "relay.toml"
    config.write_text(config.read_text() + "\n[limits]\nconnections = 77\n")
    before = files(known)
    add(known)
    after = files(known)
    assert after.pop("certificate.pem") != before.pop("certificate.pem")
    assert after == before
    assert "relay.toml is as it was" in capsys.readouterr().out


def test_a_new_key_is_made_when_that_is_said(known, tmp_path, capsys):
    before = assertion_key("c")
    add(tmp_path / "elsewhere", new_key=True)
    assert assertion_key("c") != before
    assert "is refused from now on" in capsys.readouterr().out
    assert JournalRow.objects.filter(action="relay:key:replaced").count() == 1
    add(tmp_path / "elsewhere")


def test_a_certificate_is_renewed_from_a_request_and_the_key_stays_there(known, tmp_path):
    key, made = assertion_key("c"), tmp_path / "certificate.pem"
    call_command("renew_relay", "c", request=request(known, tmp_path), certificate=made)
    old, new = (
        x509.load_pem_x509_certificate(file.read_bytes())
        for file in (known / "certificate.pem", made)
    )
    assert new.serial_number != old.serial_number
    assert new.subject == old.subject
    assert new.public_key() == old.public_key() == load_key_file(known / "key.pem").public_key()
    assert assertion_key("c") == key
    (row,) = JournalRow.objects.filter(action="relay:certificate:renewed")
    assert f"{new.serial_number:x}" in bytes(row.entry).decode()


def test_a_request_is_taken_from_standard_input_and_no_more_of_it_than_a_file(
    known, tmp_path, monkeypatch, capsys
):
    given = io.BytesIO(request(known, tmp_path).read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(given))
    call_command("renew_relay", "c", request=Path("-"))
    made = x509.load_pem_x509_certificate(capsys.readouterr().out.encode())
    assert made.public_key() == load_key_file(known / "key.pem").public_key()
    much = io.BytesIO(bytes(3 * MAX_REQUEST))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(much))
    with pytest.raises(CommandError, match="no request that a relay's key signed"):
        call_command("renew_relay", "c", request=Path("-"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c", "another", "signed by another key"),
        ("d", "own", "There is no relay d."),
        ("C_1", "own", "There is no relay C_1."),
        ("c", "noise", "no request that a relay's key signed"),
        ("c", "nothing", "there is no such file"),
    ],
)
def test_a_renewal_is_refused_in_words(known, tmp_path, name, content, words):
    create_key_file(known / "other.pem")
    file = request(known, tmp_path, "other.pem" if content == "another" else "key.pem")
    if content == "noise":
        file.write_bytes(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA")
    if content == "nothing":
        file.unlink()
    with pytest.raises(CommandError, match=words):
        call_command("renew_relay", name, request=file)
    assert not JournalRow.objects.filter(action="relay:certificate:renewed").exists()


@pytest.mark.parametrize(
    ("given", "words", "french"),
    [
        ({"name": "A_B"}, "A_B is no name of a relay", "A_B n’est pas un nom de relais"),
        ({"host": "a b"}, "--host a b: devices dial", "--host a b : les appareils composent"),
        ({"server_name": "x y"}, "--server-name x y must be", "--server-name x y doit être"),
        ({"port": [99999]}, "--port 99999: one to eight", "--port 99999 : un à huit"),
        ({"port": [443, 443]}, "--port 443, 443: one", "--port 443, 443 : un"),
        ({"server_name": "c.example"}, "Another relay has", "Un autre relais porte"),
    ],
)
def test_an_address_is_refused_in_words(known, tmp_path, given, words, french):
    folder = tmp_path / "new"
    for language, said in (("en", words), ("fr", french)):
        with translation.override(language), pytest.raises(CommandError) as refused:
            add(folder, **{"name": "new", "server_name": "new.example", **given})
        assert said in str(refused.value).replace("\N{NO-BREAK SPACE}", " ")
    assert not folder.exists()


def test_an_address_that_relays_cannot_dial_is_refused(world, tmp_path, settings):
    for listen in ("0.0.0.0:8002", "[::]:8002", ":8002"):
        settings.CONFIG = SimpleNamespace(relay_address="", relay_listen=listen, public_host="c")
        with pytest.raises(CommandError, match='say relay_address = "HOST:PORT"'):
            add(tmp_path / "c")
    assert not (tmp_path / "c").exists()

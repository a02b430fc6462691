"""Keys that are missing or another's, over a database that is in use: refused before anything is made."""

import shutil

import pytest
from django.core.management import call_command
from django.utils import translation

from bedside.console.enrolment.authority import create_authority
from bedside.console.journal.actions import now_ms
from bedside.console.journal.custody import CustodyError, check_custody
from bedside.console.journal.models import Checkpoint, JournalRow
from bedside.language import Language
from bedside.pki.keystore import KeyStoreError

pytestmark = pytest.mark.django_db
STARTS = ["init", "web", "live", "worker"]


@pytest.fixture
def used(settings, tmp_path):
    """A console whose journal is signed; its data folder."""
    settings.BEDSIDE_DATA_DIR = tmp_path / "own"
    call_command("init")
    assert Checkpoint.objects.exists()
    return tmp_path / "own"


def count():
    return JournalRow.objects.count(), Checkpoint.objects.count()


@pytest.mark.parametrize("word", STARTS)
def test_without_its_keys_nothing_starts_and_nothing_is_made(used, settings, tmp_path, word):
    settings.BEDSIDE_DATA_DIR = tmp_path / "empty"
    before = count()
    with pytest.raises(CustodyError, match=r"missing are checkpoint.*Bring keys/.*restore"):
        call_command(word)
    assert count() == before
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("word", STARTS)
def test_with_the_keys_of_another_console_neither(used, settings, tmp_path, word):
    settings.BEDSIDE_DATA_DIR = tmp_path / "other"
    create_authority(name="Other", now=now_ms())
    before, files = count(), sorted((tmp_path / "other").rglob("*"))
    with pytest.raises(CustodyError, match="not those that signed its journal"):
        call_command(word)
    assert count() == before
    assert sorted((tmp_path / "other").rglob("*")) == files


def test_one_key_that_is_lost_is_named_in_both_languages(used):
    (used / "keys" / "order.pem").unlink()
    with pytest.raises(CustodyError, match=r"missing are order\.") as refused:
        call_command("init")
    assert "il manque order" in refused.value.say(Language.FRENCH)


@pytest.mark.parametrize("word", STARTS)
def test_without_the_key_of_cookies_it_makes_none_of_its_own(used, settings, tmp_path, word):
    """Who signed in at the other host would be nobody here."""
    settings.BEDSIDE_SECRET_KEY_FILE = tmp_path / "secret.key"
    before = count()
    with pytest.raises(CustodyError, match=r"missing are secret\.key\. Bring keys/, secret\.key"):
        call_command(word)
    assert count() == before
    assert not (tmp_path / "secret.key").exists()


def test_with_its_own_keys_it_starts_elsewhere_and_under_another_name(used, settings, tmp_path):
    shutil.copytree(used / "keys", tmp_path / "second" / "keys")
    shutil.copy(used / "ca.pem", tmp_path / "second")
    settings.BEDSIDE_DATA_DIR = tmp_path / "second"
    settings.BEDSIDE_LOG_ORIGIN = "renamed.example/journal"
    check_custody()
    call_command("init")


def test_a_root_certificate_without_its_key_is_refused_in_both_languages(settings, tmp_path):
    settings.BEDSIDE_DATA_DIR = tmp_path
    (tmp_path / "ca.pem").write_text("x")
    with pytest.raises(KeyStoreError, match="belong together") as refused:
        call_command("init")
    assert f"{tmp_path / 'ca.pem'} et la clé racine" in refused.value.say(Language.FRENCH)


def status(capsys):
    """Return what `bedside console status` says of the keys."""
    with pytest.raises(SystemExit):
        call_command("status")
    lines = capsys.readouterr().out.splitlines()
    return next(line for line in lines if line[2:].startswith(("keys", "clés")))


def test_on_a_host_without_the_keys_status_says_so_and_makes_nothing(
    used, settings, tmp_path, capsys
):
    settings.BEDSIDE_DATA_DIR = tmp_path / "empty"
    said = status(capsys)
    assert said.startswith("✖ keys")
    assert f"missing in {tmp_path / 'empty'} are checkpoint, manufacturer" in said
    with translation.override("fr"):
        assert "Cette machine n’en a aucune" in status(capsys)
    assert not (tmp_path / "empty").exists()


def test_with_the_keys_of_another_console_status_says_whose_they_are_not(
    used, settings, tmp_path, capsys
):
    assert status(capsys).startswith("✓ keys")
    settings.BEDSIDE_DATA_DIR = tmp_path / "other"
    create_authority(name="Other", now=now_ms())
    said = status(capsys)
    assert said.startswith("✖ keys")
    assert "another console's: they did not sign this journal" in said


def test_without_the_key_of_cookies_status_says_that_it_is_missing(
    used, settings, tmp_path, capsys
):
    settings.BEDSIDE_SECRET_KEY_FILE = tmp_path / "secret.key"
    assert "Cannot be read: secret.key. Restore" in status(capsys)
    assert not (tmp_path / "secret.key").exists()

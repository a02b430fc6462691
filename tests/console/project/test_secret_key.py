"""The console's own key: made when it is first needed, once, and for nobody else's eyes."""

import os
import stat
import threading

import pytest

from bedside.console.project.config import parse_config
from bedside.console.project.secret_key import secret_key
from bedside.language import Language
from bedside.language.config_error import ConfigError


def config(tmp_path, database=""):
    text = f'public_url = "https://c.example"\ndata_dir = "{tmp_path}/data"\n{database}'
    return parse_config(text.encode())


def test_the_key_is_made_once_and_nobody_else_may_read_it(tmp_path):
    key = secret_key(config(tmp_path))
    assert len(key) >= 64
    assert secret_key(config(tmp_path)) == key
    path = tmp_path / "data" / "secret.key"
    assert path.read_text() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        secret_key(config(tmp_path))


def test_it_is_not_made_before_something_needs_it(tmp_path):
    elsewhere = config(tmp_path, f'database = "sqlite:///{tmp_path}/console.sqlite3"')
    one, two = secret_key(elsewhere), secret_key(elsewhere)
    assert not (tmp_path / "data").exists()
    assert one.encode() == two.encode() == (tmp_path / "data" / "secret.key").read_bytes()


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigError, match="data"):
        secret_key(config(tmp_path))


def test_a_folder_that_cannot_be_made_is_refused_where_the_key_is_made(tmp_path):
    (tmp_path / "data").symlink_to(tmp_path / "not mounted")
    key = secret_key(config(tmp_path, f'database = "sqlite:///{tmp_path}/console.sqlite3"'))
    with pytest.raises(ConfigError) as refused:
        str(key)
    said = {language: refused.value.say(language) for language in Language}
    assert said == {
        Language.ENGLISH: f"{tmp_path}/data: there is such a file already, and it is not replaced",
        Language.FRENCH: f"{tmp_path}/data: il y a déjà un tel fichier, et il n’est pas remplacé",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_an_empty_file_is_no_key(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").touch(mode=0o600)
    with pytest.raises(ConfigError, match=r"secret\.key: it is empty: restore it"):
        str(secret_key(config(tmp_path)))


def test_what_a_power_loss_left_is_in_nobodys_way(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f".secret.key.{os.getpid()}.new").touch(mode=0o600)
    assert len(str(secret_key(config(tmp_path)))) >= 64


def test_threads_that_need_it_first_at_once_have_the_same(tmp_path):
    first, found = secret_key(config(tmp_path)), []
    together = threading.Barrier(8)

    def need() -> None:
        together.wait()
        found.append(str(first))

    threads = [threading.Thread(target=need) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(tmp_path / "data" / "secret.key").read_text()] * 8

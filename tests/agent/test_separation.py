"""The agent runs as the users that its configuration promises, or it does not run."""

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bedside.agent.config import AgentConfig
from bedside.agent.separation import separation_sentence, settle_users
from bedside.agent.users import find_user
from bedside.language import Language
from bedside.language.config_error import ConfigError
from tests.agent.world import PROFILE

ROOT = os.geteuid() == 0
SESSION = find_user(2_000_000_000)
WORKER = find_user("daemon")


@pytest.fixture
def tmp_path():
    """A folder that the worker's user may walk through."""
    with TemporaryDirectory(prefix="bedside-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def config(tmp_path):
    (tmp_path / "profile.toml").write_text(PROFILE.format(folder=tmp_path))
    (tmp_path / "state").mkdir(mode=0o700)
    if ROOT:
        os.chown(tmp_path / "state", WORKER.uid, WORKER.gid)
    return AgentConfig(
        state_dir=tmp_path / "state",
        run_dir=tmp_path / "run",
        profile=tmp_path / "profile.toml",
        manufacturer_key=tmp_path / "maker.pem",
        worker_user=WORKER,
        site_trust=tmp_path / "site.json",
    )


def set_service_user(config: AgentConfig, name: str) -> None:
    text = config.profile.read_text()
    table = "[access.service]\n"
    config.profile.write_text(text.replace(table, f'{table}user = "{name}"\n'))


def test_one_user_for_all_needs_nothing(config):
    settled = settle_users(config)
    assert settled == (config if ROOT else replace(config, worker_user=None))


def test_a_session_user_needs_root(config):
    config = replace(config, session_user=SESSION)
    if ROOT:
        assert settle_users(config) == config
    else:
        with pytest.raises(ConfigError, match="session_user needs an agent that runs as root"):
            settle_users(config)


def test_the_product_s_user_is_the_one_that_the_profile_names(config):
    set_service_user(config, "nobody")
    if ROOT:
        assert settle_users(config).service_user == find_user("nobody")
    else:
        with pytest.raises(ConfigError, match="nobody needs an agent that runs as root"):
            settle_users(config)


@pytest.mark.parametrize(
    ("name", "words"), [("root", "own"), ("daemon", "own"), ("nobody-here", "not here")]
)
def test_the_product_s_user_is_one_of_its_own(config, name, words):
    set_service_user(config, name)
    with pytest.raises(ConfigError, match=words):
        settle_users(config)


def test_a_profile_that_is_none_is_named(config):
    config.profile.write_text("id = 1")
    with pytest.raises(ConfigError, match=r"profile\.toml"):
        settle_users(config)


@pytest.mark.parametrize("mode", [0o710, 0o701, 0o750])
def test_a_folder_of_keys_that_others_may_enter_is_refused(config, mode):
    config.state_dir.chmod(mode)
    assert settle_users(config).state_dir == config.state_dir
    with pytest.raises(ConfigError, match="open to others" if ROOT else "needs an agent"):
        settle_users(replace(config, session_user=SESSION))


@pytest.mark.parametrize("owner", [0, SESSION.uid])
def test_a_folder_of_keys_that_is_not_the_worker_s_is_refused(config, owner):
    if ROOT:
        os.chown(config.state_dir, owner, owner)
    with pytest.raises(ConfigError, match="belong to daemon" if ROOT else "needs an agent"):
        settle_users(replace(config, session_user=SESSION))


def test_without_a_worker_s_user_the_folder_is_root_s(config):
    config = replace(config, worker_user=None)
    if not ROOT:
        assert settle_users(config) == config
        return
    with pytest.raises(ConfigError, match="belong to root"):
        settle_users(config)
    os.chown(config.state_dir, 0, 0)
    assert settle_users(config) == config


@pytest.mark.parametrize("name", ["profile.toml", "site.json"])
def test_a_file_that_the_worker_cannot_read_is_named(config, name):
    file = config.profile.with_name(name)
    config.site_trust.write_text("{}")
    settle_users(config)
    file.chmod(0o600)
    before = os.geteuid(), os.getegid(), os.getgroups()
    if ROOT:
        with pytest.raises(ConfigError, match=rf"daemon \(worker_user\) cannot read {file}: chmod"):
            settle_users(config)
    else:
        settle_users(config)
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before
    file.chmod(0o644)
    settle_users(config)
    if ROOT:
        file.parent.chmod(0o700)
        with pytest.raises(ConfigError, match="cannot read"):
            settle_users(config)


def test_before_enrolment_there_is_no_folder(config):
    config.state_dir.rmdir()
    if ROOT:
        config = replace(config, session_user=SESSION)
    settle_users(config)


def test_what_holds_is_said_in_both_languages(config):
    assert "(same user)" in separation_sentence(config, Language.ENGLISH)
    assert "(même utilisateur)" in separation_sentence(config, Language.FRENCH)
    config = replace(config, session_user=SESSION)
    assert "2000000000" in separation_sentence(config, Language.ENGLISH)
    assert "2000000000" in separation_sentence(config, Language.FRENCH)

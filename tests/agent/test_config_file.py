"""The configuration file: what is missing or unknown is named."""

import grp
import pwd

import pytest

from bedside.agent.config import AgentConfig
from bedside.agent.config_file import load_config
from bedside.agent.users import SessionUsers, find_user
from bedside.language.config_error import ConfigError

GOOD = """
state_dir = "state"
run_dir = "run"
profile = "profile.toml"
manufacturer_key = "maker.pem"
hardware_files = ["id"]
panel_users = ["root"]
panel_groups = ["root"]
worker_user = "daemon"
session_user = 2000000000
[proxy]
host = "proxy.hospital"
port = 3128
user = "bedside"
password_file = "password"
"""


def write(folder, text):
    (folder / "password").write_text("secret\n")
    (folder / "password").chmod(0o600)
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def test_a_whole_file(tmp_path):
    config = load_config(write(tmp_path, GOOD))
    assert config.state_dir == tmp_path / "state"
    assert config.journal_dir == tmp_path / "state/journal"
    assert config.panel_users == (0,)
    assert config.proxy.password == "secret"
    assert config.worker_user == find_user("daemon")
    assert config.session_users == SessionUsers(find_user(2_000_000_000), separate=True)
    assert AgentConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_proxy_s_password_that_others_may_read_is_refused(tmp_path, mode):
    path = write(tmp_path, GOOD)
    (tmp_path / "password").chmod(mode)
    with pytest.raises(
        ConfigError, match=r"proxy\.password_file: others may read .*: chmod 600 it"
    ):
        load_config(path)


def test_the_least(tmp_path):
    text = "".join(GOOD.splitlines(keepends=True)[:5])
    config = load_config(write(tmp_path, text))
    assert config.proxy is None
    assert config.session_users == SessionUsers()
    assert AgentConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("state_dir", "stat_dir"), "state_dir is missing"),
        (('profile = "profile.toml"', "profile = 1"), "profile must be text"),
        (("[proxy]", "unknown = 1\n[proxy]"), "unknown is not known"),
        (("port = 3128", ""), "proxy.port is missing"),
        (("port = 3128", "port = 3128\nextra = 1"), "proxy.extra is not known"),
        (('panel_users = ["root"]', 'panel_users = ["nobody-here"]'), "no user nobody-here"),
        (('panel_groups = ["root"]', 'panel_groups = ["nobody-here"]'), "no group nobody-here"),
        (("[proxy]", "[proxy"), "not TOML"),
        (('"daemon"', '"nobody-here"'), "no user nobody-here"),
        (('"daemon"', "1"), "worker_user must be text"),
        (("2000000000", '"nobody-here"'), "no user nobody-here"),
        (("2000000000", "-1"), "no user -1"),
        (("2000000000", "1.5"), "session_user must be text or a whole number"),
        (("2000000000", "0"), "session_user is root"),
        (("2000000000", '"daemon"'), "session_user is worker_user"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, words):
    with pytest.raises(ConfigError, match=words):
        load_config(write(tmp_path, GOOD.replace(*change)))


@pytest.mark.parametrize("name", ["panel_users", "panel_groups"])
def test_who_serves_a_session_does_not_use_the_panel(tmp_path, name):
    group = grp.getgrgid(pwd.getpwnam("daemon").pw_gid).gr_name
    text = GOOD.replace('worker_user = "daemon"', "").replace("2000000000", '"daemon"')
    load_config(write(tmp_path, text))
    given = group if name == "panel_groups" else "daemon"
    with pytest.raises(ConfigError, match="session_user may use the panel"):
        load_config(write(tmp_path, text.replace(f'{name} = ["root"]', f'{name} = ["{given}"]')))

"""The configuration file: what is missing or unknown is named."""

import pytest

from bedside.agent.config import AgentConfig, ConfigError, load_config

GOOD = """
state_dir = "state"
run_dir = "run"
profile = "profile.toml"
manufacturer_key = "maker.pem"
hardware_files = ["id"]
panel_users = ["root"]
panel_groups = ["root"]
worker_user = "root"
[proxy]
host = "proxy.hospital"
port = 3128
user = "bedside"
password_file = "password"
"""


def write(folder, text):
    (folder / "password").write_text("secret\n")
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def test_a_whole_file(tmp_path):
    config = load_config(write(tmp_path, GOOD))
    assert config.state_dir == tmp_path / "state"
    assert config.journal_dir == tmp_path / "state/journal"
    assert config.panel_users == (0,)
    assert config.proxy.password == "secret"
    assert AgentConfig.from_json(config.to_json()) == config


def test_the_least(tmp_path):
    text = "".join(GOOD.splitlines(keepends=True)[:5])
    config = load_config(write(tmp_path, text))
    assert config.proxy is None
    assert AgentConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("state_dir", "stat_dir"), "state_dir is missing"),
        (('profile = "profile.toml"', "profile = 1"), "profile is not a str"),
        (("[proxy]", "unknown = 1\n[proxy]"), "unknown is unknown"),
        (("port = 3128", ""), "proxy.port is missing"),
        (("port = 3128", "port = 3128\nextra = 1"), "proxy.extra is unknown"),
        (('panel_users = ["root"]', 'panel_users = ["nobody-here"]'), "no user nobody-here"),
        (('panel_groups = ["root"]', 'panel_groups = ["nobody-here"]'), "no group nobody-here"),
        (("[proxy]", "[proxy"), "not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, words):
    with pytest.raises(ConfigError, match=words):
        load_config(write(tmp_path, GOOD.replace(*change)))

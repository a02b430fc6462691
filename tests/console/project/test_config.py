import pytest

from bedside.console.project.config import (
    database_settings,
    parse_config,
)
from bedside.language.config_error import ConfigError
from bedside.observe.admin import AdminAddress

GOOD = 'public_url = "https://console.example.com"\ndata_dir = "/var/lib/bedside"\n'


def parse(more: str = "", base: str = GOOD):
    return parse_config((base + more).encode())


def test_what_is_not_said_is_the_careful_choice():
    config = parse()
    assert config.secure
    assert (config.listen, config.trusted_proxies) == ("127.0.0.1:8000", 0)
    assert config.sign_in.absolute_hours == 10
    database = database_settings(config)
    assert database["NAME"] == "/var/lib/bedside/console.sqlite3"
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in database["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('data_dir = "/x"', "public_url"),
        ('public_url = "https://c.example"', "data_dir"),
        (GOOD + "unknown = 1", "unknown"),
        (GOOD + "trusted_proxies = -1", "trusted_proxies"),
        (GOOD + 'trusted_proxies = "1"', "trusted_proxies"),
        (GOOD + "language = 5", "language"),
        (GOOD + 'language = "de"', "language"),
        (GOOD + 'allowed_hosts = "x"', "allowed_hosts"),
        (GOOD + 'allowed_hosts = [""]', "allowed_hosts"),
        (GOOD + 'database = "mysql://x/y"', "database"),
        (GOOD + "sign_in = 5", "sign_in"),
        (GOOD + "[sign_in]\nidle = 5", "idle"),
        (GOOD + "[sessions]\nmax_bytes = true", "max_bytes"),
        ('public_url = "http://console.example.com"\ndata_dir = "/x"', "https"),
        ('public_url = "console.example.com"\ndata_dir = "/x"', "public_url"),
        ("not toml", "configuration"),
        (GOOD + '[log]\nformat = "xml"', "text or json"),
        (GOOD + '[admin]\nweb = "9101"', "HOST:PORT"),
        (GOOD + '[admin]\nlive = "127.0.0.1:8001"', "an address of its own"),
        (GOOD + '[admin]\nlive = "0.0.0.0:8000"', "an address of its own"),
        (GOOD + '[admin]\nlive = "127.0.0.1:9"\nweb = "127.0.0.1:9"', "an address of its own"),
        (GOOD + '[tracing]\nendpoint = "collector:4318"', "endpoint must be like"),
        (GOOD + '[admin]\nother = "127.0.0.1:9"', "other"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(text, named):
    with pytest.raises(ConfigError, match=named):
        parse_config(text.encode())


def test_admin_addresses_are_off_unless_they_are_named():
    assert parse().admin.address("web") is None
    named = parse('[admin]\nweb = "[::1]:9101"\nlive = "127.0.0.1:0"\nworker = "127.0.0.1:0"\n')
    assert named.admin.address("web") == AdminAddress("::1", 9101)
    assert named.admin.address("worker") == AdminAddress("127.0.0.1", 0)


def test_postgresql_is_named_by_its_address():
    config = parse('database = "postgresql://bed%40side:pass%2Fword@db.example:5433/console"')
    database = database_settings(config)
    assert database["ENGINE"] == "bedside.console.project.postgresql"
    assert (database["USER"], database["PASSWORD"]) == ("bed@side", "pass/word")
    assert (database["HOST"], database["PORT"], database["NAME"]) == (
        "db.example",
        "5433",
        "console",
    )

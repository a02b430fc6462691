import re
from dataclasses import fields
from pathlib import Path

import pytest

from bedside.language.config_error import ConfigError
from bedside.observe.admin import AdminAddress
from bedside.relay.config import Address, Limits, read_config

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "relay-config.md"
SMALLEST = """
name = "a"
server_name = "relay-a.example"
listen = ["0.0.0.0:443", "[::1]:17001"]
certificate = "relay.crt"
key = "/etc/bedside/relay.key"
ca = "ca.pem"
[console]
host = "192.0.2.1"
port = 8443
server_name = "live.example"
"""


def read(tmp_path, text):
    file = tmp_path / "relay.toml"
    file.write_text(text, "utf-8")
    return read_config(file)


def test_the_smallest_file_is_enough(tmp_path):
    config = read(tmp_path, SMALLEST)
    assert config.listen == (Address("0.0.0.0", 443), Address("::1", 17001))
    assert config.certificate == tmp_path / "relay.crt"
    assert config.key == Path("/etc/bedside/relay.key")
    assert config.console.server_name == "live.example"
    assert config.limits == Limits()


SIBLINGS = '[siblings]\nfolder = "{}"\nnames = ["relay-a1.example", "relay-a2.example"]\n'


def test_relays_that_share_a_port_are_named(tmp_path):
    one = SMALLEST.replace('server_name = "relay-a.example"', 'server_name = "relay-a1.example"')
    siblings = read(tmp_path, one + SIBLINGS.format("/run/bedside-relay")).siblings
    assert siblings.folder == Path("/run/bedside-relay")
    assert siblings.names == ("relay-a1.example", "relay-a2.example")
    assert read(tmp_path, SMALLEST).siblings is None
    with pytest.raises(ConfigError, match=r"siblings\.folder: .* is too long for a socket"):
        read(tmp_path, one + SIBLINGS.format("/run/" + "x" * 100))
    with pytest.raises(ConfigError, match=r"siblings\.more"):
        read(tmp_path, one + SIBLINGS.format("/run") + "more = 1\n")
    with pytest.raises(ConfigError, match=r"siblings\.names: relay-a.example, this relay's own"):
        read(tmp_path, SMALLEST + SIBLINGS.format("/run"))


def test_the_admin_address_is_off_unless_it_is_named(tmp_path):
    assert read(tmp_path, SMALLEST).admin is None
    named = SMALLEST.replace("[console]", 'admin = "[::1]:17201"\n[console]')
    assert read(tmp_path, named).admin == AdminAddress("::1", 17201)


@pytest.mark.parametrize("admin", ["0.0.0.0:443", "192.0.2.9:443", "[::1]:17001", "[::]:17001"])
def test_the_admin_address_is_none_that_devices_reach(tmp_path, admin):
    text = SMALLEST.replace("[console]", f'admin = "{admin}"\n[console]')
    with pytest.raises(ConfigError, match="admin must not be an address of listen"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["collector:4318", "ftp://x", "http://", "http://x:99999"])
def test_traces_go_to_a_collector_that_is_named_by_its_url(tmp_path, text):
    named = SMALLEST.replace("[console]", 'tracing = "http://127.0.0.1:4318"\n[console]')
    assert read(tmp_path, named).tracing == "http://127.0.0.1:4318"
    with pytest.raises(ConfigError, match=r"tracing: .* is not like http"):
        read(tmp_path, named.replace("http://127.0.0.1:4318", text))


@pytest.mark.parametrize("admin", ["9100", ":9100", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_admin_address_is_a_host_and_a_port(tmp_path, admin):
    text = SMALLEST.replace("[console]", f'admin = "{admin}"\n[console]')
    with pytest.raises(ConfigError, match="is not HOST:PORT"):
        read(tmp_path, text)


def test_a_limit_can_be_set_and_reaches_its_machine(tmp_path):
    limits = read(tmp_path, f"{SMALLEST}\n[limits]\nunpaired_ms = 1_500\nhold_ms = 2_000\n").limits
    assert limits.pairing().unpaired_ms == 1_500
    assert limits.polls().hold_ms == 2_000


def test_each_machine_is_given_every_limit_of_its_own():
    values = {each.name: 1_000 + number for number, each in enumerate(fields(Limits))}
    limits = Limits(**values)
    shares = [limits.door(), limits.polls(), limits.pairing(), limits.http(), limits.link()]
    shares += [limits.spool(), limits.spans()]
    given = {
        getattr(share, each.name)
        for share in shares
        for each in fields(share)
        if each.name not in {"unknown_retry_ms", "spans"}
        and not (share == limits.link() and each.name == "retry_ms")
    }
    elsewhere = {"connections_per_device_count", "stop_ms", "drain_ms", "rehearse_ms"}
    assert given == {value for name, value in values.items() if name not in elsewhere}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "a"', "", "name"),
        ('name = "a"', 'name = "A!"', "name"),
        ('name = "a"', "name = 1", "name"),
        ('"0.0.0.0:443"', '"443"', "listen"),
        ('"0.0.0.0:443"', '"0.0.0.0:65536"', "listen"),
        ("port = 8443", "port = 0", "console.port"),
        ("port = 8443", "", "console.port"),
        ("[console]", "colour = 1\n[console]", "colour"),
        ("[console]", "[consoles]", "console"),
        ("[console]", "[limits]\nhold_ms = 1\n[console]", "limits.hold_ms"),
        ("[console]", "[limits]\nhold_ms = 30_001\n[console]", "limits.hold_ms"),
        ("[console]", "[limits]\nhold_s = 30\n[console]", "limits.hold_s"),
        ("[console]", "[limits]\nhold_ms = 1.5\n[console]", "limits.hold_ms"),
        ('name = "a"', "name = ", "relay.toml"),
    ],
)
def test_what_is_missing_or_wrong_is_named(tmp_path, old, new, named):
    with pytest.raises(ConfigError, match=re.escape(named)):
        read(tmp_path, SMALLEST.replace(old, new, 1))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_config(tmp_path / "nowhere.toml")


def test_a_giant_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="too large"):
        read(tmp_path, SMALLEST + "#" * 70_000)


def test_the_page_lists_every_limit_with_its_default_and_meaning():
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) to ([\d,]+) \| (.+) \|$",
        PAGE.read_text("utf-8"),
        re.MULTILINE,
    )
    assert rows == [
        (
            each.name,
            f"{each.default:,}",
            f"{each.metadata['low']:,}",
            f"{each.metadata['high']:,}",
            each.metadata["meaning"],
        )
        for each in fields(Limits)
    ]

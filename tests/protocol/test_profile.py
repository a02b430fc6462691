import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.language import Language
from bedside.protocol.errors import LimitError, ProtocolError
from bedside.protocol.profile import MAX_PROFILE, parse_profile
from bedside.vocabulary import AccessKind, Mode

PROFILE = """
id = "contrast-injector"
version = "4.2"
software_only = false
names = { en = "Contrast injector", fr = "Injecteur de produit de contraste" }

[access.service]
command = ["/opt/injector/menu"]
view_command = ["/opt/injector/menu", "--view"]
user = "injector"

[access.system]
shell = ["/bin/bash", "--login"]
read_only_commands = [["uptime"], ["df", "-h"]]

[safe_state]
command = ["/opt/injector/exam"]
timeout_s = 5

[inbox]
path = "/var/lib/injector/inbox"
max_bytes = 1000000

[[endpoints]]
name = "vnc"
port = 5900
purpose = { en = "Screen", fr = "Écran" }

[[data_items]]
name = "events.log"
path = "/var/lib/injector/events.log"
purpose = { en = "Event log", fr = "Journal des événements" }
scrub = "none"
max_bytes = 1000000

[[phi_exceptions]]
en = "Screens may show names."
fr = "Les écrans peuvent montrer des noms."
"""


def test_a_whole_profile():
    profile = parse_profile(PROFILE.encode())
    assert profile.access_kinds == set(AccessKind)
    assert profile.names.say(Language.FRENCH) == "Injecteur de produit de contraste"
    assert profile.service is not None
    assert profile.service.command_in(Mode.VIEW) == ("/opt/injector/menu", "--view")
    assert profile.service.user == "injector"
    assert profile.system is not None
    assert profile.system.read_only_commands == (("uptime",), ("df", "-h"))
    assert [(endpoint.name, endpoint.port) for endpoint in profile.endpoints] == [("vnc", 5900)]
    assert profile.data_items[0].path == "/var/lib/injector/events.log"
    assert profile.inbox is not None
    assert len(profile.phi_exceptions) == 1


def test_what_is_not_named_does_not_exist():
    bare = PROFILE.split("[access.system]", maxsplit=1)[0]
    bare = bare.replace("view_command", "#").replace("user", "#")
    profile = parse_profile((bare + '[safe_state]\ncommand = ["x"]\ntimeout_s = 1\n').encode())
    assert profile.access_kinds == {AccessKind.SERVICE}
    assert profile.service is not None
    assert profile.service.command_in(Mode.VIEW) is None
    assert profile.service.user is None
    assert (profile.endpoints, profile.data_items, profile.inbox) == ((), (), None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port = 5900", 'port = 5900\nhost = "10.0.0.7"'),
        ("port = 5900", "port = 0"),
        ("port = 5900", "port = 5900.0"),
        ('name = "vnc"', 'name = "VNC"'),
        ('"/var/lib/injector/events.log"', '"events.log"'),
        ('"/var/lib/injector/events.log"', '"/var/lib/../../etc/shadow"'),
        ('name = "events.log"', 'name = "../events.log"'),
        ('scrub = "none"', 'scrub = "perhaps"'),
        ('scrub = "none"', ""),
        ("timeout_s = 5", "timeout_s = 31"),
        ('command = ["/opt/injector/exam"]', "command = []"),
        ('command = ["/opt/injector/exam"]', 'command = "/opt/injector/exam"'),
        (', fr = "Écran"', ""),
        ('version = "4.2"', "version = 2026-01-01"),
        ("software_only = false", "software_only = 0"),
        ('id = "contrast-injector"', 'id = "Contrast"'),
        ('id = "contrast-injector"', 'id = "contrast-injector"\nextra = 1'),
        ('[["uptime"], ["df", "-h"]]', '["uptime"]'),
        ("[access.service]", "[access.root]"),
        ('user = "injector"', "user = 0"),
        ('user = "injector"', 'user = "../root"'),
    ],
)
def test_refused(old, new):
    assert PROFILE.count(old) >= 1
    with pytest.raises(ProtocolError):
        parse_profile(PROFILE.replace(old, new, 1).encode())


def test_names_and_ports_are_unique():
    for table in ("endpoints", "data_items"):
        start = PROFILE.index(f"[[{table}]]")
        block = PROFILE[start : PROFILE.index("[[", start + 3)]
        with pytest.raises(ProtocolError) as refused:
            parse_profile((PROFILE + block).encode())
        assert refused.value.code == "repeated"


def test_a_product_has_some_access():
    start, end = PROFILE.index("[access.service]"), PROFILE.index("[safe_state]")
    with pytest.raises(ProtocolError) as refused:
        parse_profile((PROFILE[:start] + "[access]\n" + PROFILE[end:]).encode())
    assert (refused.value.code, refused.value.where) == ("empty", "access")


def test_limits():
    with pytest.raises(LimitError):
        parse_profile(PROFILE.encode() + b"#" * MAX_PROFILE)
    with pytest.raises(ProtocolError):
        parse_profile(b"a = " + b"[" * 50_000)


@given(st.data(), st.binary(max_size=10))
def test_bytes_anywhere_raise_nothing_but_a_protocol_error(data, piece):
    profile = PROFILE.encode()
    at = data.draw(st.integers(0, len(profile)))
    to = data.draw(st.integers(at, min(len(profile), at + 10)))
    try:
        parse_profile(profile[:at] + piece + profile[to:])
    except ProtocolError:
        return

"""Every request against every grant: what has no rule is refused."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.ssh.plan import (
    ChannelKind,
    ChannelRequest,
    ControlVerb,
    ControlWish,
    Refusal,
    check_channel,
    may_change,
    parse_wish,
)
from bedside.vocabulary import AccessKind, Gate, Mode, SiteAction
from tests.agent.ssh.kit import make_grant, make_profile

PROFILE = make_profile(Path("/srv"), port=5900, view_port=8080)
GRANTS = {
    (access, mode): make_grant(PROFILE, access=access, mode=mode)
    for access, mode in itertools.product(AccessKind, Mode)
}
SERVICE, SYSTEM, VIEW, CONTROL = AccessKind.SERVICE, AccessKind.SYSTEM, Mode.VIEW, Mode.CONTROL
SHELL = ChannelRequest(ChannelKind.SHELL)
UNAME = ChannelRequest(ChannelKind.EXEC, "uname -s")
REBOOT = ChannelRequest(ChannelKind.EXEC, "reboot")
SFTP = ChannelRequest(ChannelKind.SUBSYSTEM, "sftp")
DESKTOP = ChannelRequest(ChannelKind.DIRECT_TCPIP, "desktop", 5900)
STATUS = ChannelRequest(ChannelKind.DIRECT_TCPIP, "127.0.0.1", 8080)

TABLE = [
    # request, refused in service view, service control, system view, system control
    (SHELL, None, None, Refusal.SHELL_IN_VIEW, None),
    (UNAME, Refusal.EXEC_IN_SERVICE, Refusal.EXEC_IN_SERVICE, None, None),
    (REBOOT, Refusal.EXEC_IN_SERVICE, Refusal.EXEC_IN_SERVICE, Refusal.EXEC_IN_VIEW, None),
    (SFTP, None, None, None, None),
    (DESKTOP, Refusal.FORWARD_IN_VIEW, None, Refusal.FORWARD_IN_VIEW, None),
    (STATUS, None, None, None, None),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0].kind} {row[0].name}")
def test_the_table(row):
    request, *answers = row
    for (access, mode), refusal in zip(
        itertools.product((SERVICE, SYSTEM), (VIEW, CONTROL)), answers, strict=True
    ):
        decision = check_channel(request, GRANTS[access, mode])
        assert decision.refusal is refusal, (access, mode)
        assert decision.allowed is (refusal is None)
        assert decision.allowed or not (decision.command or decision.endpoint)


def test_without_files_in_the_order_there_is_no_sftp():
    for grant in GRANTS.values():
        for action in (SiteAction.FILES_IN, SiteAction.FILES_OUT):
            assert check_channel(SFTP, replace(grant, actions=frozenset({action}))).allowed
        refused = check_channel(SFTP, replace(grant, actions=frozenset())).refusal
        assert refused is Refusal.FILES_NOT_ORDERED
        assert refused.gate is Gate.SITE_POLICY


def test_what_may_change_the_device_runs_in_control():
    for (access, mode), grant in GRANTS.items():
        for request in (SHELL, UNAME, REBOOT):
            assert may_change(request, grant) is (mode is CONTROL), (access, mode)
        assert not may_change(SFTP, grant)
        assert not may_change(SHELL, replace(grant, watcher="Jean Roy, Canada"))


def test_what_runs():
    command = {key: check_channel(SHELL, grant).command for key, grant in GRANTS.items()}
    assert command[SERVICE, CONTROL] == ("/bin/sh", "/srv/service")
    assert command[SERVICE, VIEW] == ("/bin/sh", "/srv/service", "--view")
    assert command[SYSTEM, CONTROL] == ("/bin/sh",)
    assert check_channel(REBOOT, GRANTS[SYSTEM, CONTROL]).command == ("/bin/sh", "-c", "reboot")
    assert check_channel(UNAME, GRANTS[SYSTEM, VIEW]).command == ("uname", "-s")


NEVER = (
    ChannelKind.AGENT,
    ChannelKind.DIRECT_STREAMLOCAL,
    ChannelKind.OTHER,
    ChannelKind.REMOTE_FORWARD,
    ChannelKind.REMOTE_STREAMLOCAL,
    ChannelKind.TUNNEL_INTERFACE,
    ChannelKind.X11,
)


@pytest.mark.parametrize("kind", NEVER)
@pytest.mark.parametrize(
    "grant", GRANTS.values(), ids=[f"{access}-{mode}" for access, mode in GRANTS]
)
def test_some_things_are_never_granted(kind, grant):
    assert not check_channel(ChannelRequest(kind, "desktop", 5900), grant).allowed


HOSTS = [
    "10.0.0.1", "192.168.1.20", "0.0.0.0", "127.0.0.2", "127.1", "::ffff:127.0.0.1", "[::1]",
    "localhost.", "LOCALHOST", "desktop.local", "status", "", "pacs.hospital.example",
    "localtest.me", "2130706433", "0x7f000001", "127.0.0.1\x00", " 127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_no_name_but_the_endpoint_s_own_and_loopback_reaches_it(host):
    request = ChannelRequest(ChannelKind.DIRECT_TCPIP, host, 5900)
    assert check_channel(request, GRANTS[SYSTEM, CONTROL]).refusal is Refusal.FORWARD


@given(st.text(), st.integers(0, 65535))
def test_a_forward_that_is_allowed_is_to_an_endpoint(host, port):
    decision = check_channel(
        ChannelRequest(ChannelKind.DIRECT_TCPIP, host, port), GRANTS[SYSTEM, CONTROL]
    )
    if decision.allowed:
        assert decision.endpoint in PROFILE.endpoints
        assert decision.endpoint.port == port


@given(st.text())
def test_view_runs_only_what_the_profile_names(line):
    decision = check_channel(ChannelRequest(ChannelKind.EXEC, line), GRANTS[SYSTEM, VIEW])
    assert decision.command in {(), ("uname", "-s"), ("cat", "/srv/events.log")}


@pytest.mark.parametrize(
    "line", ["uname -s;id", "uname -s && id", "uname", "uname -s x", "uname '"]
)
def test_view_reads_the_whole_line_word_for_word(line):
    decision = check_channel(ChannelRequest(ChannelKind.EXEC, line), GRANTS[SYSTEM, VIEW])
    assert decision.refusal is Refusal.EXEC_IN_VIEW


def test_only_plain_locale_variables_pass():
    def allowed(name, value):
        request = ChannelRequest(ChannelKind.ENVIRONMENT, name, value=value)
        return check_channel(request, GRANTS[SYSTEM, CONTROL]).allowed

    assert allowed("LANG", "fr_CA.UTF-8")
    assert allowed("LC_ALL", "C")
    for name, value in (
        ("PATH", "/tmp"), ("LD_PRELOAD", "x"), ("LANG", "() { :; }"), ("LC_ALL", "a/b"),
        ("LANG\n", "C"), ("LANG", "C\n"),
    ):  # fmt: skip
        assert not allowed(name, value), name


def test_what_the_product_does_not_have_is_refused():
    bare = replace(PROFILE, service=None, system=None, data_items=(), inbox=None)
    grants = {access: make_grant(bare, access=access) for access in AccessKind}
    assert check_channel(SHELL, grants[SERVICE]).refusal is Refusal.NO_SERVICE
    assert check_channel(SHELL, grants[SYSTEM]).refusal is Refusal.NO_SYSTEM
    assert check_channel(UNAME, grants[SYSTEM]).refusal is Refusal.NO_SYSTEM
    assert check_channel(SFTP, grants[SYSTEM]).refusal is Refusal.NO_FILES
    no_view = replace(PROFILE, service=replace(PROFILE.service, view_command=None))
    grant = make_grant(no_view, access=SERVICE, mode=VIEW)
    assert check_channel(SHELL, grant).refusal is Refusal.NO_SERVICE_VIEW


def test_every_refusal_names_a_gate():
    assert {refusal.gate for refusal in Refusal} == {
        Gate.CHANNEL,
        Gate.CONSENT,
        Gate.FORWARD,
        Gate.SITE_POLICY,
        Gate.USER_CERTIFICATE,
        Gate.VIEW_ONLY,
    }


@pytest.mark.parametrize("access", AccessKind)
def test_whoever_joined_gets_the_terminal_to_look_at_and_nothing_else(access):
    grant = replace(GRANTS[access, VIEW], watcher="Jean Roy, Canada")
    assert check_channel(SHELL, grant).allowed
    assert not check_channel(SHELL, grant).command
    assert check_channel(ChannelRequest(ChannelKind.TERMINAL), grant).allowed
    for request in (UNAME, REBOOT, SFTP, DESKTOP, STATUS):
        refusal = check_channel(request, grant).refusal
        assert refusal is Refusal.WATCHER
        assert refusal.gate is Gate.VIEW_ONLY
    for kind_of_channel in (ChannelKind.AGENT, ChannelKind.REMOTE_FORWARD, ChannelKind.X11):
        assert not check_channel(ChannelRequest(kind_of_channel), grant).allowed


@pytest.mark.parametrize("access", AccessKind)
def test_whoever_joined_and_controls_gets_files_and_forwards_and_no_command(access):
    grant = replace(GRANTS[access, CONTROL], watcher="Jean Roy, Canada")
    for request in (SHELL, SFTP, DESKTOP, STATUS):
        assert check_channel(request, grant).allowed
    for request in (UNAME, REBOOT):
        assert check_channel(request, grant).refusal is Refusal.WATCHER
    no_files = replace(grant, actions=frozenset())
    assert check_channel(SFTP, no_files).refusal is Refusal.FILES_NOT_ORDERED


def test_everybody_who_is_in_may_ask_about_control():
    for grant in GRANTS.values():
        for each in (grant, replace(grant, watcher="Jean Roy, Canada")):
            for name in ("control take", "control give", "control hand Jean Roy"):
                assert check_channel(ChannelRequest(ChannelKind.SUBSYSTEM, name), each).allowed


def test_a_wish_is_read_strictly():
    assert parse_wish("control take") == ControlWish(ControlVerb.TAKE)
    assert parse_wish("control give") == ControlWish(ControlVerb.GIVE)
    assert parse_wish("control hand Zoé O'Neil") == ControlWish(ControlVerb.HAND, "Zoé O'Neil")
    for other in (
        "control", "control hand", "control hand ", "control  take", "control take ", "take",
        "control take now", "control hand a\nb", "control hand a\x7f", "control hand " + "x" * 121,
        "control take\n", "Control take", "control keep",
    ):  # fmt: skip
        assert parse_wish(other) is None, other


@given(st.text())
def test_any_other_subsystem_is_no_wish(text):
    wish = parse_wish(text)
    assert wish is None or text.startswith("control ")

"""Simulated devices at a real relay over real TLS: served, broken, back."""

import asyncio
import shutil
import time
from collections import Counter

import pytest

from bedside.agent.rendezvous import in_order
from bedside.fleet.cli import _parser, _places, _summary, main
from bedside.fleet.identities import Identity, open_authority
from bedside.fleet.plan import Storm, Tally
from bedside.fleet.simulator import Simulator
from bedside.fleet.timers import FleetReactor
from bedside.language import Language
from bedside.pki.keystore import KeyStoreError
from bedside.protocol.batch import Presence
from bedside.protocol.feed import DeviceRefused
from bedside.protocol.shapes import Relay
from bedside.vocabulary import DeviceId, Gate, PollMode, RelayName
from tests.relay.world import NAME, PATIENT, running

DEVICES = 3


def a_console_folder(folder, authority):
    """A console's data folder over an authority of tests."""
    made = folder / "console"
    (made / "keys").mkdir(parents=True, mode=0o700)
    made.joinpath("keys").chmod(0o700)
    shutil.copy(authority.write_key(), made / "keys" / "root-ca.pem")
    made.joinpath("keys", "root-ca.pem").chmod(0o600)
    shutil.copy(authority.ca_file, made / "ca.pem")
    return made


def simulator(world, folder, mode):
    authority = open_authority(a_console_folder(folder, world.authority))
    now_ms = time.time_ns() // 1_000_000
    identities = [
        Identity(authority, DeviceId(f"SIM-{number}"), folder=folder, now_ms=now_ms)
        for number in range(DEVICES)
    ]
    relay = Relay(name=RelayName("a"), host="127.0.0.1", server_name=NAME, ports=(world.port,))
    return Simulator(FleetReactor(), identities, [relay], mode=mode, span_s=0.1)


async def run(fleet, done, storms=(), seconds=60):
    def look():
        if done(fleet.tally):
            fleet.reactor.stop()

    return await asyncio.to_thread(fleet.run, seconds, storms, every_s=0.02, tell=look)


@pytest.mark.asyncio
async def test_devices_are_held_and_come_back_after_a_storm(tmp_path):
    async with running(tmp_path, PATIENT) as world:
        fleet = simulator(world, tmp_path, PollMode.HELD)
        tally = await run(fleet, lambda tally: tally.returns_ms, [Storm(6, obeys=False)])
        assert tally.served == DEVICES
        assert (tally.failed, tally.refused) == (0, 0)
        assert world.relay.door.counts["established"] == 2 * DEVICES
        names = {each.device for each in world.live.received if isinstance(each, Presence)}
        assert names == {f"SIM-{number}" for number in range(DEVICES)}


@pytest.mark.asyncio
async def test_devices_that_poll_now_and_then_leave_between(tmp_path):
    async with running(tmp_path, PATIENT) as world:
        fleet = simulator(world, tmp_path, PollMode.INTERVAL)
        tally = await run(fleet, lambda tally: tally.served == DEVICES)
        assert tally.served == DEVICES
        assert tally.failed == 0


@pytest.mark.asyncio
async def test_devices_that_poll_now_and_then_come_back_within_the_span_too(tmp_path):
    async with running(tmp_path, PATIENT) as world:
        fleet = simulator(world, tmp_path, PollMode.INTERVAL)
        storm = [Storm(6, obeys=True)]
        # Their next poll would be half a minute away at least.
        tally = await run(fleet, lambda tally: tally.returns_ms, storm, seconds=20)
        assert len(tally.returns_ms) == 1


@pytest.mark.asyncio
async def test_a_device_that_is_refused_is_counted(tmp_path):
    async with running(tmp_path, PATIENT) as world:
        feeds = world.live.feeds
        await world.live.push(DeviceRefused(device=DeviceId("SIM-1"), gate=Gate.DEVICE_CLONED))
        await world.told(feeds)
        fleet = simulator(world, tmp_path, PollMode.HELD)
        tally = await run(fleet, lambda tally: tally.refused and tally.served == DEVICES - 1)
        assert tally.refused == 1
        assert tally.causes == {f"{NAME}@127.0.0.1:{world.port} (device_cloned)": 1}


@pytest.mark.asyncio
async def test_the_command_says_how_it_goes_and_what_came_of_it(tmp_path, capsys):
    async with running(tmp_path, PATIENT) as world:
        folder = a_console_folder(tmp_path, world.authority)
        words = ["simulate", "--devices", "2", "--authority", str(folder), "--span", "0"]
        words += ["--relay", f"{NAME}@127.0.0.1:{world.port}", "--seconds", "20"]
        assert await asyncio.to_thread(main, words) == 0
    said = capsys.readouterr().out
    assert "Certificates to issue: 2" in said
    assert "2 of 2 devices are served" in said


@pytest.mark.parametrize(
    "places",
    [
        ("relay-a.example.com@192.0.2.7:443", "relay-b.example.com@192.0.2.8:443"),
        ("relay-a.example.com@192.0.2.7:443", "relay-b.example.com@192.0.2.7:443"),
        ("relay.example.com@192.0.2.7:443", "relay.example.com@192.0.2.8:443"),
        ("relay.example.com@192.0.2.7:443", "relay.example.com@192.0.2.7:444"),
    ],
)
def test_devices_share_themselves_out_over_relays_on_one_port(places, tmp_path):
    words = ["simulate", "--devices", "1", "--authority", str(tmp_path)]
    for place in (*places, places[0]):
        words += ["--relay", place]
    relays, _ = _places(_parser(Language.ENGLISH).parse_args(words))
    assert len(relays) == 2
    first = Counter(in_order(f"SIM-{number:06}", relays)[0] for number in range(100))
    assert min(first[relay] for relay in relays) > 20


def test_a_folder_without_an_authority_is_refused_by_name(tmp_path, capsys):
    words = ["simulate", "--devices", "1", "--relay", f"{NAME}@127.0.0.1:1"]
    assert main([*words, "--authority", str(tmp_path)]) == 2
    assert f"{tmp_path}/ca.pem" in capsys.readouterr().err


def test_keys_that_others_may_read_are_refused(tmp_path):
    (tmp_path / "ca.pem").touch()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(KeyStoreError):
        open_authority(tmp_path)


def test_the_end_says_where_and_why_polls_were_lost():
    tally = Tally(2)
    tally.lost(0, "relay-a.example@192.0.2.7:443 (tls)")
    tally.turned_away(1, "relay-b.example@192.0.2.8:443 (limit)")
    said = _summary(tally, Language.FRENCH)
    assert "relay-a.example@192.0.2.7:443 (tls) : 1" in said
    assert "relay-b.example@192.0.2.8:443 (limit) : 1" in said

"""The program as it is run: a process of its own, on uvloop, with a fake console and real TLS."""

import asyncio
import json
import signal
import sys

import pytest

from bedside.pki.device_keys import load_key_file
from bedside.pki.relay_requests import check_relay_request
from bedside.protocol.batch import Presence, TunnelClosed
from bedside.relay.cli import main
from bedside.vocabulary import PollMode
from tests.relay.program import configure
from tests.relay.world import World, offered, poll


@pytest.mark.asyncio
async def test_the_program_serves_and_stops_with_everything_told(tmp_path):
    world = World(tmp_path)
    await world.live.start()
    await world.live.push(offered())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bedside", "relay", "run"),
        *("--config", str(configure(world, tmp_path, stop_ms=60_000))),
        stderr=asyncio.subprocess.PIPE,
    )
    world.port = json.loads(await process.stderr.readline())["port"]
    await world.told(2)
    assert (await (await world.device()).poll(poll(mode=PollMode.INTERVAL))).status == 200
    device, specialist = await world.paired()
    specialist.send(b"through a process")
    assert await device.read(17) == b"through a process"
    process.send_signal(signal.SIGTERM)
    assert (await device.closed(), await specialist.closed()) == (b"", b"")
    assert await process.wait() == 0
    lines = [json.loads(line) for line in (await process.stderr.read()).splitlines()]
    assert lines[-1]["event"] == "stopped"
    assert (lines[-1]["flushed"], lines[-1]["owed"]) == (True, 0)
    kinds = {type(event) for event in world.live.received}
    assert {Presence, TunnelClosed} <= kinds
    assert any(getattr(event, "reason", "") == "stopping" for event in world.live.received)
    await world.live.stop()


@pytest.mark.asyncio
async def test_without_a_console_it_stops_in_bounded_time_and_says_what_is_lost(tmp_path):
    world = World(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bedside", "relay", "run"),
        *("--config", str(configure(world, tmp_path, stop_ms=200))),
        stderr=asyncio.subprocess.PIPE,
    )
    world.port = json.loads(await process.stderr.readline())["port"]
    assert (await (await world.device()).poll(poll(mode=PollMode.INTERVAL))).status == 200
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    last = json.loads((await process.stderr.read()).splitlines()[-1])
    assert (last["event"], last["flushed"], last["owed"]) == ("stopped", False, 1)


def test_check_says_that_a_configuration_is_good(tmp_path, capsys):
    assert main(["check", "--config", str(configure(World(tmp_path), tmp_path))]) == 0
    assert "relay a: relay-a.example" in capsys.readouterr().out


def test_a_request_is_signed_by_the_relays_own_key(tmp_path, capsys):
    world = World(tmp_path)
    world.relay_credentials.key.chmod(0o600)
    assert main(["request", "--config", str(configure(world, tmp_path))]) == 0
    key = check_relay_request(capsys.readouterr().out.encode())
    assert key == load_key_file(world.relay_credentials.key).public_key()


def test_check_names_what_is_wrong(tmp_path, capsys):
    file = configure(World(tmp_path), tmp_path, hold_ms=1)
    assert main(["check", "--config", str(file)]) == 2
    assert "limits.hold_ms" in capsys.readouterr().err


def test_check_names_a_certificate_that_is_not_there(tmp_path, capsys):
    world = World(tmp_path)
    file = configure(world, tmp_path)
    world.relay_credentials.certificate.unlink()
    assert main(["check", "--config", str(file)]) == 2
    assert "bedside relay:" in capsys.readouterr().err

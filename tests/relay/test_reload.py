"""SIGHUP: certificate, key and CA are read anew, and nobody who is connected notices."""

import asyncio
import shutil
import signal
import ssl

import pytest

from bedside.pki.contexts import device_client_context
from bedside.protocol.poll import parse_poll_reply
from bedside.testing.certificates import PocketAuthority
from bedside.vocabulary import PollMode
from tests.relay.program import configure, program
from tests.relay.world import DEVICE, NAME, World, offered, poll

INTERVAL = poll(mode=PollMode.INTERVAL)


def put(credentials, world):
    """Write a certificate and its key over those that the relay was started with."""
    for there, ours in (
        (credentials.certificate, world.relay_credentials.certificate),
        (credentials.key, world.relay_credentials.key),
    ):
        shutil.copyfile(there, ours)


async def shown_to(world, authority):
    """Return the serial number of the certificate that a new connection is shown."""
    mine = authority.device(DEVICE)
    context = device_client_context(mine.certificate, mine.key, authority.ca)
    _, writer = await asyncio.open_connection(
        "127.0.0.1", world.port, ssl=context, server_hostname=NAME
    )
    shown = writer.get_extra_info("peercert")["serialNumber"]
    writer.transport.abort()
    return int(shown, 16)


@pytest.mark.asyncio
async def test_new_handshakes_get_the_new_certificate_and_nothing_open_is_dropped(tmp_path):
    world = World(tmp_path)
    await world.live.start()
    await world.live.push(offered())
    async with program(world, configure(world, tmp_path)) as running:
        await world.told(2)
        device, specialist = await world.paired()
        polling = await world.device()
        await polling.poll(INTERVAL)  # its first hold may be short
        held = asyncio.get_running_loop().create_task(polling.poll(poll()))
        first = await shown_to(world, world.authority)
        assert first == int(world.relay_credentials.serial, 16)

        renewed = world.authority.relay("a", NAME)
        put(renewed, world)
        world.live.know("a", renewed.certificate)
        running.process.send_signal(signal.SIGHUP)
        await running.said("reloaded")
        assert await shown_to(world, world.authority) == int(renewed.serial, 16)

        specialist.send(b"over the old one")
        assert await device.read(16) == b"over the old one"
        assert not held.done()
        held.cancel()
        feeds = world.live.feeds
        await world.live.push(offered())
        await world.told(feeds + 1)  # the console knows it by the new key
    await world.live.stop()


@pytest.mark.asyncio
async def test_a_certificate_that_runs_out_sends_devices_away_until_it_is_renewed(tmp_path):
    world = World(tmp_path)
    await world.live.start()
    await world.live.push(offered())
    quick = {"hold_ms": 2_000, "interval_ms": 1_000, "lost_ms": 1_000}
    async with program(world, configure(world, tmp_path, **quick)) as running:
        await world.told(2)
        device, specialist = await world.paired()
        polling = await world.device()
        assert parse_poll_reply((await polling.poll(poll())).body).leave_in_ms is None
        put(world.authority.relay("a", NAME, ends_in_s=10), world)
        world.live.know("a", world.relay_credentials.certificate)
        running.process.send_signal(signal.SIGHUP)
        said = await running.said("certificate_runs_out")
        assert (said["level"], said["at_ms"] < said["ends_ms"]) == ("error", True)
        assert parse_poll_reply((await polling.poll(poll())).body).leave_in_ms == 0
        await asyncio.sleep((said["ends_ms"] - said["at_ms"]) / 1_000)
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            await shown_to(world, world.authority)

        put(world.authority.relay("a", NAME), world)
        world.live.know("a", world.relay_credentials.certificate)
        running.process.send_signal(signal.SIGHUP)
        await running.said("reloaded")
        await shown_to(world, world.authority)
        assert parse_poll_reply((await polling.poll(poll())).body).leave_in_ms is None
        specialist.send(b"through it all")
        assert await device.read(14) == b"through it all"
    await world.live.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("broken", ["certificate", "key", "ca"])
async def test_what_cannot_serve_is_refused_and_the_old_stays(tmp_path, broken):
    world = World(tmp_path)
    async with program(world, configure(world, tmp_path)) as running:
        before = await shown_to(world, world.authority)
        put(world.authority.relay("a", NAME), world)
        ca, credentials = world.authority.ca_file, world.relay_credentials
        file = ca if broken == "ca" else getattr(credentials, broken)
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        running.process.send_signal(signal.SIGHUP)
        said = await running.said("reload_refused")
        assert (said["level"], broken in said["error"]) == ("error", True)
        assert await shown_to(world, world.authority) == before
        file.write_bytes(whole)
        running.process.send_signal(signal.SIGHUP)
        await running.said("reloaded")
        assert await shown_to(world, world.authority) != before


@pytest.mark.asyncio
async def test_a_new_authority_counts_from_the_next_handshake(tmp_path):
    world = World(tmp_path)
    async with program(world, configure(world, tmp_path)) as running:
        old = await world.device()
        assert (await old.poll(INTERVAL)).status == 200
        other = PocketAuthority(tmp_path / "other")
        put(other.relay("a", NAME), world)
        shutil.copyfile(other.ca_file, world.authority.ca_file)
        running.process.send_signal(signal.SIGHUP)
        await running.said("reloaded")
        await shown_to(world, other)
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown_to(world, world.authority)
        assert (await old.poll(INTERVAL)).status == 200

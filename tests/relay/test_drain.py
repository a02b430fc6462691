"""A relay that is told to stop: its devices leave, what is live goes on, and then it ends."""

import asyncio
import signal
import ssl

import pytest

from bedside.pki.contexts import device_client_context
from bedside.protocol.batch import Draining, TunnelClosed
from bedside.protocol.http import request
from bedside.protocol.poll import parse_poll_reply
from bedside.vocabulary import PollMode
from tests.relay.program import configure, program
from tests.relay.world import DEVICE, ELSEWHERE, NAME, OTHER, World, offered, poll


@pytest.mark.asyncio
async def test_a_live_tunnel_goes_on_to_its_end_while_the_devices_leave(tmp_path):
    world = World(tmp_path)
    await world.live.start()
    await world.live.push(offered())
    file = configure(world, tmp_path, drain_ms=60_000, lost_ms=1_000, handshake_ms=20_000)
    async with program(world, file) as running:
        await world.told(2)
        device, specialist = await world.paired()
        polling = await world.device()
        held = asyncio.get_running_loop().create_task(polling.poll(poll()))
        await running.said("console_connected")
        running.process.send_signal(signal.SIGTERM)
        assert (await running.said("draining"))["tunnels"] == 1
        assert await world.live.wait_for(lambda event: isinstance(event, Draining))

        reply = parse_poll_reply((await held).body)
        if (
            reply.leave_in_ms is None
        ):  # its first hold, of random length, was over before its moment
            reply = parse_poll_reply((await polling.poll(poll())).body)
        assert reply.leave_in_ms == 0
        other = await world.device(OTHER)
        sent_away = parse_poll_reply((await other.poll(poll("1" * 32))).body)
        assert (sent_away.leave_in_ms, sent_away.messages) == (0, ())

        await world.live.push(offered(ELSEWHERE))
        feeds = world.live.feeds
        await world.told(feeds + 1)
        late = await world.device(tunnel=True)
        late.ask_for_tunnel("device", session=ELSEWHERE)
        assert (await late.response()).status == 403

        specialist.send(b"while it drains")
        assert await device.read(15) == b"while it drains"
        again, partner = await world.device(tunnel=True), await world.specialist()
        again.ask_for_tunnel("device", 1)
        partner.ask_for_tunnel("specialist", 1)
        assert (await again.response()).status == 101
        for client in (device, specialist, again, partner):
            client.close()
        assert await running.process.wait() == 0
    reasons = {e.reason for e in world.live.received if isinstance(e, TunnelClosed)}
    assert "stopping" not in reasons
    await world.live.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("interval_ms", "comes_after_s"),
    [
        pytest.param(4_000, 2, id="between two polls, and past the span"),
        pytest.param(1_000, 3, id="late: its way here may take as long as a handshake"),
    ],
)
async def test_a_device_that_polls_at_intervals_is_waited_for_and_sent_away(
    tmp_path, interval_ms, comes_after_s
):
    world = World(tmp_path)
    file = configure(
        world,
        tmp_path,
        drain_ms=60_000,
        lost_ms=1_000,
        handshake_ms=20_000,
        interval_ms=interval_ms,
    )
    interval = poll(mode=PollMode.INTERVAL)
    async with program(world, file) as running:
        polling = await world.device()
        assert parse_poll_reply((await polling.poll(interval)).body).leave_in_ms is None
        running.process.send_signal(signal.SIGTERM)
        await running.said("draining")
        await asyncio.sleep(comes_after_s)
        assert parse_poll_reply((await polling.poll(interval)).body).leave_in_ms == interval_ms
        assert await running.process.wait() == 0


@pytest.mark.asyncio
async def test_whoever_shakes_hands_when_it_stops_is_served_and_sent_away(tmp_path):
    world = World(tmp_path)
    file = configure(world, tmp_path, drain_ms=60_000, lost_ms=1_000, handshake_ms=20_000)
    async with program(world, file) as running:
        device = world.authority.device(DEVICE)
        context = device_client_context(device.certificate, device.key, world.authority.ca)
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(into, out, server_hostname=NAME)
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)

        async def go_on(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    writer.write(out.read())
                    more = await reader.read(65536)
                    assert more, "the relay has gone"
                    into.write(more)

        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        writer.write(out.read())
        into.write(await reader.read(65536))  # its turn has come
        running.process.send_signal(signal.SIGTERM)
        await running.said("draining")
        await asyncio.sleep(1)
        await go_on(tls.do_handshake)
        tls.write(request("POST", "/v1/poll", NAME, {}, poll().to_json()))
        answer = await go_on(lambda: tls.read(65536))
        writer.close()
        assert parse_poll_reply(answer.partition(b"\r\n\r\n")[2]).leave_in_ms is not None
        assert await running.process.wait() == 0


@pytest.mark.asyncio
async def test_whoever_has_come_and_said_nothing_yet_is_served_and_sent_away(tmp_path):
    world = World(tmp_path)
    async with program(
        world, configure(world, tmp_path, drain_ms=60_000, handshake_ms=20_000)
    ) as running:
        device = await world.device()
        running.process.send_signal(signal.SIGTERM)
        await running.said("draining")
        await asyncio.sleep(1)
        assert parse_poll_reply((await device.poll(poll())).body).leave_in_ms is not None
        assert await running.process.wait() == 0


@pytest.mark.asyncio
async def test_whoever_comes_and_says_nothing_delays_no_end_for_long(tmp_path):
    world = World(tmp_path)
    file = configure(world, tmp_path, drain_ms=3_600_000, lost_ms=1_000, handshake_ms=5_000)
    async with program(world, file) as running:
        await world.device()
        stuck = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(3)]
        stuck[0][1].write(b"\x16\x03\x01")
        running.process.send_signal(signal.SIGTERM)
        await running.said("draining")
        async with asyncio.timeout(60):
            assert await running.process.wait() == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", world.port)
        for _, writer in stuck:
            writer.close()


@pytest.mark.asyncio
async def test_a_device_that_never_comes_for_its_interval_delays_no_end_for_long(tmp_path):
    world = World(tmp_path)
    limits = {"drain_ms": 3_600_000, "lost_ms": 1_000, "handshake_ms": 5_000, "interval_ms": 1_000}
    async with program(world, configure(world, tmp_path, **limits)) as running:
        polling = await world.device()
        await polling.poll(poll(mode=PollMode.INTERVAL))
        polling.close()
        running.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await running.process.wait() == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_who_is_in_a_hurry_says_so_again(tmp_path, second):
    world = World(tmp_path)
    await world.live.start()
    await world.live.push(offered())
    async with program(world, configure(world, tmp_path, drain_ms=3_600_000)) as running:
        await world.told(2)
        device, _ = await world.paired()
        running.process.send_signal(signal.SIGTERM)
        await running.said("draining")
        running.process.send_signal(second)
        assert await device.closed() == b""
        assert await running.process.wait() == 0
    await world.live.stop()


@pytest.mark.asyncio
async def test_a_drain_has_an_end(tmp_path):
    world = World(tmp_path)
    await world.live.start()
    await world.live.push(offered())
    async with program(world, configure(world, tmp_path, drain_ms=300)) as running:
        await world.told(2)
        device, _ = await world.paired()
        running.process.send_signal(signal.SIGTERM)
        assert (await running.said("drained"))["tunnels"] == 1
        assert await device.closed() == b""
        assert await running.process.wait() == 0
    await world.live.stop()

"""The relay's admin address, on a relay that serves."""

import asyncio
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bedside.observe.admin import AdminAddress
from bedside.relay.admin import open_admin
from bedside.relay.clock import wall_ms
from bedside.relay.health import readiness
from bedside.relay.metrics import RelayMetrics
from bedside.vocabulary import PollMode
from tests.observe.page import rows, written
from tests.relay.world import DEVICE, OTHER, PATIENT, offered, poll, running, until

HERE = AdminAddress("127.0.0.1", 0)
DAY_MS = 24 * 3600 * 1000


async def get(relay, path):
    server = await open_admin(relay, HERE)
    port = server._server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    server.close()
    return int(head.split()[1]), body.decode()


async def measured(relay):
    _, text = await get(relay, "/metrics")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.asyncio
async def test_what_the_relay_does_is_measured(tmp_path):
    async with running(
        tmp_path, PATIENT, offered(), offered("01JD0000000000000000000002", OTHER)
    ) as world:
        _device, asking = await world.held()
        stranger = await world.raw()
        stranger.send(b"GET / HTTP/1.1\r\n\r\n")
        await stranger.closed()
        leg, specialist = await world.paired()
        specialist.send(b"x" * 1000)
        assert len(await leg.read(1000)) == 1000
        seen = await measured(world.relay)
        asking.cancel()
    assert seen["bedside_relay_info", "a", "0.1.0"] == 1
    assert seen["bedside_relay_devices",] == 1
    assert seen["bedside_relay_polls_held",] == 1
    assert seen["bedside_relay_connections",] == 3
    assert seen["bedside_relay_handshakes_under_way",] == 0
    assert seen["bedside_relay_connections_refused_total", "not_tls"] == 1
    assert seen["bedside_relay_sessions",] == 2
    assert seen["bedside_relay_tunnels",] == 1
    assert seen["bedside_relay_tunnel_bytes_total", "specialist"] == 1000
    assert seen["bedside_relay_tunnel_bytes_total", "device"] == 0
    assert seen["bedside_relay_console_up",] == 1
    assert 0 <= seen["bedside_relay_feed_age_seconds",] < 60
    assert seen["bedside_relay_certificate_expires_timestamp_seconds",] * 1000 > wall_ms()
    assert seen["process_resident_memory_bytes",] > 1_000_000


@pytest.mark.asyncio
async def test_what_is_over_stays_counted_and_what_is_owed_is_seen(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        await world.live.stop()
        leg, specialist = await world.paired()
        specialist.send(b"x" * 1000)
        await leg.read(1000)
        specialist.close()
        await leg.closed()
        await until(lambda: world.relay.tunnels.ended)
        answered = await (await world.device()).poll(poll(mode=PollMode.INTERVAL))
        seen = await measured(world.relay)
        assert answered.status == 200
        await world.live.start()
    assert seen["bedside_relay_polls_answered_total",] == 1
    assert seen["bedside_relay_tunnel_bytes_total", "specialist"] == 1000
    assert seen["bedside_relay_tunnels_ended_total", "by_specialist"] == 1
    assert seen["bedside_relay_spool_events",] >= 2
    assert seen["bedside_relay_spool_bytes",] >= 800
    assert 0 <= seen["bedside_relay_spool_oldest_age_seconds",] < 60


@pytest.mark.asyncio
async def test_no_label_names_a_device_or_a_session(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        await (await world.device()).poll(poll(mode=PollMode.INTERVAL))
        _, text = await get(world.relay, "/metrics")
    assert DEVICE not in text
    assert "01JD" not in text


@pytest.mark.asyncio
async def test_it_is_ready_while_it_listens_and_its_certificate_holds_for_a_day(tmp_path):
    async with running(tmp_path) as world:
        relay = world.relay
        assert await get(relay, "/healthz") == (200, "ok  relay: it runs\n")
        status, body = await get(relay, "/readyz")
        assert (status, body.splitlines()[0]) == (200, "ok  listening: yes")
        ends = int((await measured(relay))["bedside_relay_certificate_expires_timestamp_seconds",])
        assert readiness(relay, now_ms=ends * 1000 - DAY_MS).good
        late = readiness(relay, now_ms=ends * 1000 - DAY_MS + 1)
        assert (late.status, "valid for 23 h: renew it" in late.text()) == (503, True)
        assert "it has run out" in readiness(relay, now_ms=ends * 1000).text()
        relay.drain_ends_ms = wall_ms() + 9_500
        status, body = await get(relay, "/readyz")
        assert status == 503
        assert "BAD listening: it sends its devices away and stops within 9 s" in body
        assert (await measured(relay))["bedside_relay_draining",] == 1
        relay.door.close_listeners()
        status, body = await get(relay, "/readyz")
        assert (status, body.splitlines()[0]) == (503, "BAD listening: no: it stops")


@pytest.mark.asyncio
async def test_a_console_that_is_away_is_said_and_leaves_the_relay_ready(tmp_path):
    async with running(tmp_path) as world:
        world.relay.console.connected = False
        world.relay.owed.is_failing = True
        status, body = await get(world.relay, "/readyz")
        assert status == 200
        assert "devices are served without it" in body
        assert "its disk fails: reports stay with their devices" in body


def test_a_relay_without_an_admin_address_carries_none_of_it():
    code = (
        "import sys, bedside.relay.cli, bedside.relay.server\n"
        "print([n for n in ('prometheus_client', 'opentelemetry') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.asyncio
async def test_the_page_of_metrics_lists_what_a_relay_measures(tmp_path):
    async with running(tmp_path) as world:
        assert rows(RelayMetrics(world.relay).collect(), "bedside_relay_") == written(
            "bedside_relay_"
        )

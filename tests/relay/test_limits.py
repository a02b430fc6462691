"""Every limit is hit, and what is within it is served in the same set-up."""

import asyncio
import ssl
from dataclasses import replace

import pytest

from bedside.protocol.batch import Report, TunnelClosed
from bedside.protocol.http import request
from bedside.protocol.poll import ReportRequest, parse_refusal
from bedside.relay.clock import wall_ms
from bedside.vocabulary import Gate, PollMode
from tests.relay.world import DEVICE, NAME, PATIENT, offered, poll, running, until

INTERVAL = poll(mode=PollMode.INTERVAL)


def limited(**limits):
    return replace(PATIENT, **limits)


def closed_because(reason):
    return lambda event: isinstance(event, TunnelClosed) and event.reason == reason


# ---- the door ----


@pytest.mark.asyncio
@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02"], ids=["silence", "half a record"])
async def test_a_slow_handshake_is_closed(tmp_path, first):
    async with running(tmp_path, limited(handshake_ms=200)) as world:
        client = await world.raw()
        client.send(first)
        assert await client.closed() == b""
        assert world.relay.door.counts["handshake_timeout"] == 1


@pytest.mark.asyncio
async def test_a_handshake_that_stops_half_way_is_closed(tmp_path):
    async with running(tmp_path, limited(handshake_ms=3_000)) as world:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        client = await world.raw()
        client.send(outgoing.read())
        assert (await client.closed())[:1] == b"\x16"
        assert world.relay.door.counts["handshake_timeout"] == 1
        assert (await (await world.device()).poll(INTERVAL)).status == 200


def hello() -> bytes:
    """A ClientHello: the handshake of whoever sends it begins, and stops half way."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


async def half_way(world, count):
    slow = [await world.raw() for _ in range(count)]
    for each in slow:
        each.send(hello())
    await until(lambda: world.relay.door.shaking == count)
    return slow


@pytest.mark.asyncio
async def test_handshakes_at_once_are_bounded_and_the_rest_wait_in_line(tmp_path):
    async with running(tmp_path, limited(handshakes_count=2, handshake_ms=20_000)) as world:
        slow = await half_way(world, 2)
        waiting = asyncio.get_running_loop().create_task(world.device())
        await until(lambda: world.relay.door.counts["accepted"] == 3)
        assert world.relay.door.shaking == 2
        slow[0].close()
        assert (await (await waiting).poll(INTERVAL)).status == 200


@pytest.mark.asyncio
async def test_who_says_nothing_takes_nobodys_turn(tmp_path):
    async with running(tmp_path, limited(handshakes_count=1)) as world:
        for _ in range(5):
            await world.raw()
        assert (await (await world.device()).poll(INTERVAL)).status == 200


@pytest.mark.asyncio
async def test_who_finds_the_line_full_is_told_to_come_later_before_tls(tmp_path):
    limits = limited(handshakes_count=1, handshakes_waiting_count=1)
    async with running(tmp_path, limits, offered()) as world:
        (slow,) = await half_way(world, 1)
        waiting = asyncio.get_running_loop().create_task(world.device())
        await until(lambda: world.relay.door.counts["accepted"] == 2)
        with pytest.raises(ssl.SSLError) as refused:
            await world.device("CI-20418")
        assert refused.value.reason == "TLSV1_ALERT_INTERNAL_ERROR"
        assert world.relay.door.counts["told_to_come_later"] == 1
        leg = asyncio.get_running_loop().create_task(world.device(tunnel=True))
        await until(lambda: world.relay.door.counts["accepted"] == 4)
        slow.close()
        await leg
        assert (await (await waiting).poll(INTERVAL)).status == 200
        assert (await (await world.device("CI-20418")).poll(INTERVAL)).status == 200


@pytest.mark.asyncio
async def test_who_stood_in_line_too_long_is_told_to_come_later(tmp_path):
    limits = limited(handshakes_count=1, handshake_ms=4_000)
    async with running(tmp_path, limits) as world:
        mine = world.authority.device(DEVICE)
        await half_way(world, 1)
        with pytest.raises(ssl.SSLError):
            await world.device(credentials=mine)
        assert world.relay.door.counts["told_to_come_later"] == 1


@pytest.mark.asyncio
async def test_the_last_places_are_kept_for_telling_that_there_is_none(tmp_path):
    async with running(tmp_path, limited(connections_count=64)) as world:
        for number in range(63):
            await world.device(f"CI-{number}")
        with pytest.raises(ssl.SSLError):
            await world.device("CI-20418")
        assert world.relay.door.counts["told_to_come_later"] == 1


@pytest.mark.asyncio
async def test_connections_from_one_source_are_bounded(tmp_path):
    async with running(tmp_path, limited(connections_per_source_count=2)) as world:
        first, second = await world.device(), await world.device()
        third = await world.raw()
        assert await third.closed() == b""
        first.close()
        await first.closed()
        assert (await second.poll(INTERVAL)).status == 200
        assert (await (await world.device()).poll(INTERVAL)).status == 200


@pytest.mark.asyncio
async def test_connections_are_bounded_and_a_place_that_is_free_is_taken(tmp_path):
    async with running(tmp_path, limited(connections_count=1)) as world:
        first = await world.device()
        waiting = asyncio.get_running_loop().create_task(world.device("CI-20418"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        first.close()
        assert (await (await waiting).poll(INTERVAL)).status == 200


@pytest.mark.asyncio
async def test_connections_of_one_device_are_bounded(tmp_path):
    async with running(tmp_path, limited(connections_per_device_count=1)) as world:
        first = await world.device()
        assert (await first.poll(INTERVAL)).status == 200
        answer = await (await world.device()).response()
        assert (answer.status, parse_refusal(answer.body).gate) == (429, Gate.LIMIT)
        assert (await (await world.device("CI-20418")).poll(INTERVAL)).status == 200
        assert (await first.poll(INTERVAL)).status == 200


# ---- requests ----


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "part", [b"POST /v1/po", b"POST /v1/poll HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"]
)
async def test_a_slow_request_is_answered_and_closed(tmp_path, part):
    async with running(tmp_path, limited(request_ms=200)) as world:
        client = await world.device()
        client.send(part)
        assert (await client.response()).status == 408
        assert await client.closed() == b""


@pytest.mark.asyncio
async def test_a_request_that_began_behind_another_has_no_more_time(tmp_path):
    body = INTERVAL.to_json()
    whole = request("POST", "/v1/poll", NAME, {}, body)
    async with running(tmp_path, limited(request_ms=200)) as world:
        client = await world.device()
        client.send(whole + whole[:20])
        assert (await client.response()).status == 200
        assert (await client.response()).status == 408
        assert await client.closed() == b""


@pytest.mark.asyncio
async def test_a_connection_that_asks_nothing_is_closed(tmp_path):
    async with running(tmp_path, limited(idle_ms=3_000)) as world:
        client = await world.device()
        assert (await client.poll(INTERVAL)).status == 200
        assert await client.closed() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"a" * 9_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: 1\r\n" * 65 + b"\r\n", 431),
        (b"POST /v1/report HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n", 413),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
        ),
        (b"POST /v1/poll HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET / HTTP/1.1\nhost: x\n\n", 400),
        (b"\x00\xff\r\n\r\n", 400),
    ],
    ids=["head", "headers", "body", "two lengths", "chunked", "bare line feeds", "garbage"],
)
async def test_a_request_beyond_the_limits_or_the_grammar_is_answered_and_closed(
    tmp_path, sent, status
):
    async with running(tmp_path) as world:
        client = await world.device()
        client.send(sent)
        assert (await client.response()).status == status
        assert await client.closed() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"v":2}', b'{"v":1,"v":1}', b"\xff"], ids=repr
)
async def test_a_poll_that_is_none_is_answered_and_closed(tmp_path, body):
    async with running(tmp_path) as world:
        client = await world.device()
        assert (await client.ask("POST", "/v1/poll", body)).status == 400
        assert await client.closed() == b""


@pytest.mark.asyncio
async def test_requests_that_come_together_are_answered_in_order(tmp_path):
    async with running(tmp_path) as world:
        client = await world.device()
        asked = request("POST", "/v1/poll", NAME, {}, INTERVAL.to_json())
        client.send(asked + asked + request("GET", "/nowhere", NAME, {}))
        assert [(await client.response()).status for _ in range(3)] == [200, 200, 404]
        assert await client.closed() == b""


@pytest.mark.asyncio
async def test_requests_behind_a_held_poll_are_bounded(tmp_path):
    async with running(tmp_path) as world:
        client = await world.device()
        client.send(request("POST", "/v1/poll", NAME, {}, poll().to_json()))
        client.send(b"x" * 500_000)
        assert (await client.response()).status == 413
        assert await client.closed() == b""
        assert world.relay.polls.counts["held"] == 0


@pytest.mark.asyncio
async def test_reports_that_find_no_room_are_not_promised(tmp_path):
    async with running(tmp_path, limited(spool_bytes=1_048_576)) as world:
        device = await world.device()
        report = ReportRequest((bytes(150_000),)).to_json()
        assert (await device.ask("POST", "/v1/report", report)).status == 202
        first = await world.live.wait_for(lambda event: isinstance(event, Report))
        assert (first.device, len(first.sealed)) == (DEVICE, 150_000)
        await world.live.stop()
        answers = []
        while not answers or answers[-1].status == 202:
            answers.append(await device.ask("POST", "/v1/report", report))
        refusal = parse_refusal(answers[-1].body)
        assert (answers[-1].status, refusal.gate) == (503, Gate.LIMIT)
        assert refusal.retry_in_ms > 0
        assert len(answers) > 4
        await world.live.start()
        end = poll(mode=PollMode.INTERVAL, version="end")
        assert (await (await world.device()).poll(end)).status == 200
        await world.live.wait_for(lambda event: getattr(event, "version", "") == "end")
        kept = [event for event in world.live.received if isinstance(event, Report)]
        assert len(kept) == len(answers), "what was promised arrived, and nothing twice"


# ---- tunnels ----


@pytest.mark.asyncio
async def test_a_leg_without_partner_lapses_and_may_come_again(tmp_path):
    async with running(tmp_path, limited(unpaired_ms=2_000), offered()) as world:
        leg = await world.device(tunnel=True)
        leg.ask_for_tunnel("device")
        answer = await leg.response()
        assert (answer.status, parse_refusal(answer.body).gate) == (504, Gate.LIMIT)
        assert await leg.closed() == b""
        await world.paired()


@pytest.mark.asyncio
async def test_silence_closes_a_tunnel(tmp_path):
    async with running(tmp_path, PATIENT, offered(idle_s=3)) as world:
        device, specialist = await world.paired()
        specialist.send(b"one")
        assert await device.read(3) == b"one"
        assert (await device.closed(), await specialist.closed()) == (b"", b"")
        event = await world.live.wait_for(closed_because("idle"))
        assert (event.bytes_from_device, event.bytes_from_specialist) == (0, 3)


@pytest.mark.asyncio
async def test_a_tunnel_ends_with_its_session(tmp_path):
    async with running(tmp_path) as world:
        feeds = world.live.feeds
        await world.live.push(offered(not_after_ms=wall_ms() + 5_000))
        await world.told(feeds + 1)
        device, specialist = await world.paired()
        assert (await device.closed(), await specialist.closed()) == (b"", b"")
        await world.live.wait_for(closed_because("expired"))
        late = await world.device(tunnel=True)
        late.ask_for_tunnel("device", 1)
        assert (await late.response()).status == 403


@pytest.mark.asyncio
async def test_a_session_may_move_so_many_bytes_over_all_its_connections(tmp_path):
    async with running(tmp_path, PATIENT, offered(max_bytes=1_000)) as world:
        first = await world.paired()
        second = await world.device(tunnel=True), await world.specialist()
        second[0].ask_for_tunnel("device", 1)
        second[1].ask_for_tunnel("specialist", 1)
        assert [(await leg.response()).status for leg in second] == [101, 101]
        first[0].send(b"a" * 600)
        assert await first[1].read(600) == b"a" * 600
        second[1].send(b"b" * 400)
        assert await second[0].read(400) == b"b" * 400
        first[1].send(b"c")
        assert await first[0].closed() == b""
        await world.live.wait_for(closed_because("bytes"))

"""Legs and splices over real TLS: bytes arrive as they left, and whoever must not get in does not."""

import asyncio
import time
from hashlib import sha256

import pytest

from bedside.protocol.batch import Refused, TunnelClosed, TunnelOpened
from bedside.protocol.feed import DeviceRefused, DeviceRestored, Revoked, TunnelEnded
from bedside.protocol.poll import parse_refusal
from bedside.protocol.tunnel import proof, tunnel_request
from bedside.vocabulary import Ending, Gate, PollMode
from tests.relay.world import (
    DEVICE,
    ELSEWHERE,
    NAME,
    OTHER,
    PATIENT,
    SEED,
    SESSION,
    offered,
    poll,
    running,
    until,
)

INTERVAL = poll(mode=PollMode.INTERVAL)


def pattern(count, seed):
    """Bytes that differ at every offset that a lost or doubled piece would shift."""
    block = b"".join(sha256(f"{seed}{i}".encode()).digest() for i in range(4096))
    return (block * (count // len(block) + 1))[:count]


async def refused(client, gate=Gate.TUNNEL_PROOF, status=403):
    answer = await client.response()
    assert (answer.status, parse_refusal(answer.body).gate) == (status, gate)
    assert await client.closed() == b""


def closed_because(reason):
    return lambda event: isinstance(event, TunnelClosed) and event.reason == reason


@pytest.mark.asyncio
async def test_64_mb_arrive_as_they_left_while_others_come_back(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        device, specialist = await world.paired()
        out, back = pattern(64_000_000, "out"), pattern(9_000_000, "back")
        specialist.send(out)
        device.send(back)
        got, returned = await asyncio.gather(device.read(len(out)), specialist.read(len(back)))
        assert got == out
        assert returned == back
        specialist.close()
        event = await world.live.wait_for(closed_because("by_specialist"))
        assert (event.bytes_from_device, event.bytes_from_specialist) == (len(back), len(out))


@pytest.mark.asyncio
async def test_a_relay_that_takes_long_to_pair_does_not_hold_it_against_the_leg(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:

        def take_long(*_: object) -> None:
            end = time.thread_time() + 0.5
            while time.thread_time() < end:
                pass

        world.relay.tunnels.paired = take_long
        device, specialist = await world.paired()
        specialist.send(b"inside")
        assert await device.read(6) == b"inside"
        assert world.relay.guard.counts[Gate.LIMIT] == 0


@pytest.mark.asyncio
async def test_what_a_leg_sent_before_it_closed_still_arrives(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        device, specialist = await world.paired()
        last = pattern(3_000_000, "last words")
        device.send(last)
        device.close()
        assert await specialist.read(len(last)) == last
        assert await specialist.closed() == b""
        await world.live.wait_for(closed_because("by_device"))


@pytest.mark.asyncio
async def test_a_leg_that_does_not_read_is_not_sent_more_than_the_buffers_hold(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        device, specialist = await world.paired()
        device.stream.transport.pause_reading()
        specialist.send(bytes(48_000_000))
        moved, before = 0, -1
        while moved != before:
            before = moved
            await asyncio.sleep(0.3)
            moved = 48_000_000 - specialist.stream.transport.get_write_buffer_size()
        waiting = sum(link.pending for link in world.relay.door.links)
        assert 0 < waiting < 1_000_000
        device.stream.transport.resume_reading()
        assert await device.read(48_000_000) == bytes(48_000_000)


@pytest.mark.asyncio
async def test_bytes_right_behind_the_request_are_the_streams(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        garbage = b"\x00\xffGET / HTTP/1.1\r\n\r\n" + pattern(40_000, "early")
        device, specialist = await world.device(tunnel=True), await world.specialist()
        specialist.send(tunnel_request(NAME, SESSION, 0, proof(SEED, "specialist", 0)) + garbage)
        device.ask_for_tunnel("device")
        assert (await device.response()).status == 101
        assert await device.read(len(garbage)) == garbage
        device.send(b"still there")
        assert (await specialist.response()).status == 101
        assert await specialist.read(11) == b"still there"


@pytest.mark.asyncio
async def test_pairing_is_told_and_101_means_that_the_partner_is_there(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        device = await world.device(tunnel=True)
        device.ask_for_tunnel("device")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await device.response()
        specialist = await world.specialist()
        specialist.ask_for_tunnel("specialist")
        assert (await device.response()).status == 101
        event = await world.live.wait_for(lambda event: isinstance(event, TunnelOpened))
        assert (event.session, event.index) == (SESSION, 0)


@pytest.mark.asyncio
async def test_a_leg_that_left_before_it_was_paired_is_not_paired(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        gone = await world.device(tunnel=True)
        gone.ask_for_tunnel("device")
        await asyncio.sleep(0.1)
        gone.close()
        await gone.closed()
        await world.paired()


@pytest.mark.asyncio
async def test_who_comes_late_to_a_session_that_is_over_is_no_attack(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        spare, late, thief = [await world.device(tunnel=True) for _ in range(3)]
        spare.ask_for_tunnel("device")
        await until(lambda: world.relay.pairing.counts["waiting"] == 1)
        await world.live.push(TunnelEnded(session=SESSION, ending=Ending.BY_OPERATOR))
        await refused(spare)
        late.ask_for_tunnel("device", 1)
        await refused(late)
        thief.send(tunnel_request(NAME, SESSION, 1, proof(SEED, "device", 2)))
        await refused(thief)
        await world.live.wait_for(lambda event: isinstance(event, Refused))
        assert len([one for one in world.live.received if isinstance(one, Refused)]) == 1


@pytest.mark.asyncio
async def test_a_proof_is_good_for_one_pair(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        await world.paired()
        replayed = await world.device(tunnel=True)
        replayed.ask_for_tunnel("device", 0)
        await refused(replayed)
        event = await world.live.wait_for(lambda event: isinstance(event, Refused))
        assert (event.device, event.gate) == (DEVICE, Gate.TUNNEL_PROOF)
        fresh = await world.device(tunnel=True), await world.specialist()
        fresh[0].ask_for_tunnel("device", 1)
        fresh[1].ask_for_tunnel("specialist", 1)
        assert [(await leg.response()).status for leg in fresh] == [101, 101]


@pytest.mark.asyncio
async def test_another_device_and_another_session_are_refused(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        other = await world.device(OTHER, tunnel=True)
        other.ask_for_tunnel("device")
        await refused(other)
        elsewhere = await world.specialist(ELSEWHERE)
        elsewhere.ask_for_tunnel("specialist")
        await refused(elsewhere)


@pytest.mark.asyncio
async def test_a_certificate_serves_its_own_side_only(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        device = await world.device(tunnel=True)
        device.ask_for_tunnel("specialist")
        await refused(device)
        specialist = await world.specialist()
        specialist.ask_for_tunnel("device")
        await refused(specialist)


@pytest.mark.asyncio
async def test_an_unknown_session_may_be_tried_again(tmp_path):
    async with running(tmp_path) as world:
        early = await world.device(tunnel=True)
        early.ask_for_tunnel("device")
        assert parse_refusal((await early.response()).body).retry_in_ms == 1_000
        await world.live.push(offered())
        await world.told(3)
        await world.paired()


@pytest.mark.asyncio
async def test_a_malformed_request_for_a_tunnel_is_a_fault(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        client = await world.device(tunnel=True)
        assert (await client.ask("GET", f"/v1/tunnel/{SESSION}")).status == 400


@pytest.mark.asyncio
async def test_the_console_ends_a_session_at_once(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        device, specialist = await world.paired()
        waiting = await world.device(tunnel=True)
        waiting.ask_for_tunnel("device", 1)
        await asyncio.sleep(0.1)
        await world.live.push(TunnelEnded(session=SESSION, ending=Ending.BY_OPERATOR))
        assert (await device.closed(), await specialist.closed()) == (b"", b"")
        await refused(waiting)
        await world.live.wait_for(closed_because("ended"))


@pytest.mark.asyncio
async def test_a_snapshot_without_the_session_ends_it(tmp_path):
    async with running(tmp_path, PATIENT, offered(), offered(ELSEWHERE)) as world:
        device, _ = await world.paired()
        await world.live.reset(offered(ELSEWHERE))
        assert await device.closed() == b""
        await world.live.wait_for(closed_because("ended"))
        assert world.relay.pairing.known() == {ELSEWHERE}


@pytest.mark.asyncio
async def test_a_revoked_certificate_loses_its_poll_and_its_tunnel_and_returns_to_nothing(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        mine = world.authority.device(DEVICE)
        held, waiting = await world.held(credentials=mine)
        leg, specialist = await world.device(credentials=mine), await world.specialist()
        leg.ask_for_tunnel("device")
        specialist.ask_for_tunnel("specialist")
        assert (await leg.response()).status == 101
        bystander = await world.device(OTHER)
        await world.live.push(Revoked(serials=(mine.serial,)))
        answer = await waiting
        assert parse_refusal(answer.body).gate is Gate.REVOKED_CERTIFICATE
        assert answer.status == 403
        assert await held.closed() == b""
        assert await leg.closed() == b""
        assert (await specialist.response()).status == 101
        assert await specialist.closed() == b""
        await world.live.wait_for(closed_because("revoked"))
        again = await world.device(credentials=mine)
        assert parse_refusal((await again.response()).body).gate is Gate.REVOKED_CERTIFICATE
        assert (await bystander.poll(INTERVAL)).status == 200


@pytest.mark.asyncio
async def test_a_refused_device_loses_everything_until_it_is_restored(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        _held, waiting = await world.held()
        leg, _ = await world.paired()
        await world.live.push(DeviceRefused(device=DEVICE, gate=Gate.DEVICE_CLONED))
        assert parse_refusal((await waiting).body).gate is Gate.DEVICE_CLONED
        assert await leg.closed() == b""
        again = await world.device()
        assert parse_refusal((await again.response()).body).gate is Gate.DEVICE_CLONED
        await world.live.push(DeviceRestored(device=DEVICE))
        await world.told(4)
        assert (await (await world.device()).poll(INTERVAL)).status == 200


@pytest.mark.asyncio
async def test_a_stopping_relay_closes_its_tunnels_and_says_why(tmp_path):
    async with running(tmp_path, PATIENT, offered()) as world:
        device, specialist = await world.paired()
        world.stopping.set()
        await world.serving
        assert (await device.closed(), await specialist.closed()) == (b"", b"")
        assert any(map(closed_because("stopping"), world.live.received))

"""Attacks of which each is bounded and counted, with an honest device served beside it."""

import asyncio
from dataclasses import replace

import pytest

from bedside.protocol.poll import parse_refusal
from bedside.protocol.tunnel import proof, tunnel_request
from bedside.testing.attacks import (
    SMUGGLED,
    Target,
    drip,
    flood_polls,
    garbage_after_upgrade,
    half_open,
    long_chain,
    offer_certificate,
    old_tls,
    rekey,
    self_made_certificate,
    smuggle,
    stalled_handshake,
)
from bedside.vocabulary import Gate, PollMode
from tests.relay.world import (
    DEVICE,
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

pytestmark = pytest.mark.asyncio
INTERVAL = poll(mode=PollMode.INTERVAL)
ELSE = "127.0.0.2"
BODY = INTERVAL.to_json()
HEAD = b"POST /v1/poll HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY)


def limited(**limits):
    return replace(PATIENT, **limits)


def target(world, device=DEVICE):
    """The attacker comes from another address, with a device's own certificate."""
    mine = world.authority.device(device)
    return Target("127.0.0.1", world.port, NAME, world.authority.ca, mine, ELSE)


async def serves(world):
    assert (await (await world.device(OTHER)).poll(INTERVAL)).status == 200


async def closed(*streams):
    for stream in streams:
        stream.abort()
        await stream.rest()


async def test_connections_that_say_nothing_are_bounded_for_each_source(tmp_path):
    async with running(tmp_path, limited(connections_per_source_count=20)) as world:
        streams = await half_open(target(world), 100)
        await until(lambda: world.relay.door.counts["refused_source"] == 80)
        await serves(world)
        await closed(*streams)


async def test_handshakes_that_never_end_take_the_places_of_their_own_source_only(tmp_path):
    limits = limited(handshakes_count=4, handshakes_per_source_count=3, handshake_ms=60_000)
    async with running(tmp_path, limits) as world:
        streams = [await stalled_handshake(target(world)) for _ in range(12)]
        await until(lambda: world.relay.door.shaking == 3)
        for _ in range(3):
            await serves(world)
        assert world.relay.door.shaking == 3
        await closed(*streams)
        await until(lambda: not world.relay.door.shaking)


@pytest.mark.parametrize("last", [len(BODY) + 4, 4], ids=["head", "body"])
async def test_a_request_that_comes_byte_by_byte_has_its_time_and_no_more(tmp_path, last):
    async with running(tmp_path, limited(request_ms=300)) as world:
        answer = await drip(target(world), HEAD + BODY, pause_s=0.02, last=last)
        assert answer.startswith(b"HTTP/1.1 408")
        assert world.relay.door.counts["fault_408"] == 1
        await serves(world)


async def test_tls_that_can_renegotiate_is_refused(tmp_path):
    async with running(tmp_path) as world:
        assert await old_tls(target(world)) == bytes([2, 70])  # fatal, protocol_version
        assert world.relay.door.counts["handshake_failed"] == 1
        await serves(world)


@pytest.mark.parametrize("tunnel", [False, True], ids=["poll", "tunnel"])
async def test_whoever_asks_for_new_keys_without_end_is_cut_off(tmp_path, tunnel):
    async with running(tmp_path) as world:
        count = rekey(target(world), 3_000, tunnel=tunnel)
        other = await world.device(OTHER)
        attack = asyncio.get_running_loop().create_task(count)
        while not attack.done():
            assert (await other.poll(INTERVAL)).status == 200
            await asyncio.sleep(0.05)
        await attack
        assert world.relay.door.counts["new_keys"] == 1
        answer = await (await world.device(DEVICE)).response()
        assert (answer.status, parse_refusal(answer.body).gate) == (429, Gate.LIMIT)


@pytest.mark.parametrize("size", [60_000, 150_000, 1_000_000])
async def test_a_giant_certificate_is_refused(tmp_path, size):
    async with running(tmp_path) as world:
        files = self_made_certificate(tmp_path, f"bedside:device/{DEVICE}", size=size)
        assert await offer_certificate(target(world), *files) is not None
        await until(lambda: world.relay.door.counts["handshake_failed"] == 1)
        assert world.relay.guard.counts[Gate.CERTIFICATE] == 1
        await serves(world)


async def test_a_chain_of_twenty_is_refused(tmp_path):
    async with running(tmp_path) as world:
        files = long_chain(tmp_path, f"bedside:device/{DEVICE}", length=20)
        assert files[0].read_text().count("BEGIN CERTIFICATE") == 20
        assert await offer_certificate(target(world), *files) is not None
        await until(lambda: world.relay.door.counts["handshake_failed"] == 1)
        await serves(world)


async def test_what_could_be_read_two_ways_is_read_in_none(tmp_path):
    async with running(tmp_path) as world:
        counts = world.relay.door.counts
        for name, data in SMUGGLED.items():
            before = counts.copy()
            answer = await smuggle(target(world), data)
            assert answer[9:12] in (b"400", b"501"), name
            assert answer.count(b"HTTP/1.1") == 1, f"{name}: what stands behind is nobody's request"
            assert b"connection: close" in answer, name
            fault = f"fault_{int(answer[9:12])}"
            assert counts[fault] == before[fault] + 1, name
            await serves(world)


async def test_garbage_behind_an_upgrade_goes_nowhere_without_a_partner(tmp_path):
    async with running(tmp_path, limited(unpaired_ms=300), offered()) as world:
        head = tunnel_request(NAME, SESSION, 0, proof(SEED, "device", 0))
        answer = await garbage_after_upgrade(target(world), head, b"\0garbage" * 100_000)
        assert answer.startswith(b"HTTP/1.1 504")
        assert answer.count(b"HTTP/1.1") == 1
        await serves(world)


async def test_a_device_that_polls_a_hundred_times_a_second_has_its_share(tmp_path):
    async with running(tmp_path, limited(polls_per_minute_count=20)) as world:
        # The last of them had to wait for its turn.
        answered = await flood_polls(target(world), INTERVAL, 1.0, pause_s=0.01, enough=21)
        assert 21 <= answered < 42
        assert world.relay.polls.delayed >= 1
        await serves(world)

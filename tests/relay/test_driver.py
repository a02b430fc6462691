"""Who gets in: certificates, names and versions, each refusal beside the same acceptance (S23)."""

import asyncio
import socket
import ssl
import time
from dataclasses import replace

import pytest

from bedside.pki.contexts import device_client_context, enrolment_client_context
from bedside.protocol.batch import Refused
from bedside.protocol.client_hello import MAX_CLIENT_HELLO
from bedside.protocol.poll import parse_refusal
from bedside.testing.certificates import PocketAuthority
from bedside.vocabulary import Gate, PollMode
from tests.relay.test_limits import hello
from tests.relay.world import DEVICE, NAME, PATIENT, SESSION, poll, running, until

INTERVAL = poll(mode=PollMode.INTERVAL)


async def refused_in_tls(world, context, name=NAME):
    """The alert comes after the client's own handshake: TLS 1.3 clients finish before servers."""
    client = await world.connect(context, name)
    client.send(b"POST /v1/poll HTTP/1.1\r\n\r\n")
    assert await client.closed() == b""
    assert isinstance(client.stream.error, (ssl.SSLError, ConnectionError))
    assert world.relay.door.counts["handshake_failed"] == 1
    assert world.relay.door.counts["established"] == 0


@pytest.mark.asyncio
async def test_a_device_with_a_right_certificate_is_served(tmp_path):
    async with running(tmp_path) as world:
        assert (await (await world.device()).poll(INTERVAL)).status == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("tunnel", [False, True], ids=["poll", "tunnel"])
async def test_a_certificate_of_another_authority_is_refused(tmp_path, tunnel):
    async with running(tmp_path) as world:
        # Its name is the manufacturer's, as a public authority might be made to write it.
        other = PocketAuthority(tmp_path / "other").device(DEVICE)
        context = device_client_context(
            other.certificate, other.key, world.authority.ca, tunnel=tunnel
        )
        await refused_in_tls(world, context)
        event = await world.live.wait_for(lambda event: isinstance(event, Refused))
        assert (event.gate, event.address) == (Gate.CERTIFICATE, "127.0.0.1")


@pytest.mark.asyncio
@pytest.mark.parametrize("tunnel", [False, True], ids=["poll", "tunnel"])
@pytest.mark.parametrize("days", [(-30, -1), (1, 30)], ids=["expired", "not yet valid"])
async def test_a_certificate_outside_its_life_is_refused(tmp_path, tunnel, days):
    async with running(tmp_path) as world:
        stale = world.authority.device(DEVICE, days=days)
        context = device_client_context(
            stale.certificate, stale.key, world.authority.ca, tunnel=tunnel
        )
        await refused_in_tls(world, context)


@pytest.mark.asyncio
async def test_without_a_certificate_only_the_name_for_enrolment_is_there(tmp_path):
    async with running(tmp_path) as world:
        bare = enrolment_client_context(world.authority.ca)
        await refused_in_tls(world, bare)
        client = await world.connect(bare, f"enrol.{NAME}")
        assert (await client.poll()).status == 404


@pytest.mark.asyncio
async def test_a_client_refuses_a_relay_of_another_authority(tmp_path):
    async with running(tmp_path) as world:
        other = PocketAuthority(tmp_path / "other")
        mine = world.authority.device(DEVICE)
        context = device_client_context(mine.certificate, mine.key, other.ca)
        with pytest.raises(ssl.SSLCertVerificationError):
            await world.connect(context)


@pytest.mark.asyncio
@pytest.mark.parametrize("tunnel", [False, True], ids=["poll", "tunnel"])
async def test_another_server_name_is_refused(tmp_path, tunnel):
    async with running(tmp_path) as world:
        mine = world.authority.device(DEVICE)
        context = device_client_context(
            mine.certificate, mine.key, world.authority.ca, tunnel=tunnel
        )
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            await world.connect(context, "relay-b.example")


@pytest.mark.asyncio
async def test_no_server_name_is_refused(tmp_path):
    async with running(tmp_path) as world:
        mine = world.authority.device(DEVICE)
        context = device_client_context(mine.certificate, mine.key, world.authority.ca)
        context.check_hostname = False
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            await world.connect(context, "")


@pytest.mark.asyncio
async def test_tls_1_2_is_refused(tmp_path):
    async with running(tmp_path) as world:
        mine = world.authority.device(DEVICE)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=world.authority.ca)
        context.load_cert_chain(mine.certificate, mine.key)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
            await world.connect(context)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "uris",
    [(), ("bedside:device/CI-1", "bedside:device/CI-2"), ("https://example.com/",)],
    ids=["none", "two", "another scheme"],
)
async def test_a_certificate_that_speaks_for_nobody_is_closed_unanswered(tmp_path, uris):
    async with running(tmp_path) as world:
        client = await world.device(credentials=world.authority.issue(*uris))
        assert await client.closed() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize("uri", ["bedside:relay/a", "bedside:console/live"])
async def test_the_wrong_kind_of_certificate_is_turned_away_unasked(tmp_path, uri):
    async with running(tmp_path) as world:
        client = await world.device(credentials=world.authority.issue(uri))
        answer = await client.response()
        assert (answer.status, parse_refusal(answer.body).gate) == (403, Gate.CERTIFICATE)


@pytest.mark.asyncio
async def test_a_session_cannot_poll(tmp_path):
    async with running(tmp_path) as world:
        client = await world.device(credentials=world.authority.session(SESSION))
        assert (await client.poll(INTERVAL)).status == 404


@pytest.mark.asyncio
async def test_a_hello_in_single_bytes_is_put_together(tmp_path):
    async with running(tmp_path) as world:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        mine = world.authority.device(DEVICE)
        context = device_client_context(mine.certificate, mine.key, world.authority.ca)
        tls = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        client = await world.raw()
        for byte in outgoing.read():
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.stream.some())[:1] == b"\x16"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\xff\xff\x01",
        b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(MAX_CLIENT_HELLO),
        b"SSH-2.0-OpenSSH\r\n",
    ],
    ids=["http", "giant record", "giant hello", "ssh"],
)
async def test_what_is_not_tls_is_closed_before_any_tls_state(tmp_path, first):
    async with running(tmp_path) as world:
        client = await world.raw()
        client.send(first)
        assert await client.closed() == b""
        assert world.relay.door.counts["not_tls"] == 1


@pytest.mark.asyncio
async def test_a_peer_that_left_the_backlog_costs_no_handshake(tmp_path):
    async with running(tmp_path) as world:
        left = socket.socket()
        left.connect(("127.0.0.1", world.port))
        left.shutdown(socket.SHUT_WR)
        assert (await (await world.device()).poll(INTERVAL)).status == 200
        assert world.relay.door.counts["gone_at_accept"] == 1
        left.close()


@pytest.mark.asyncio
async def test_whoever_spoke_while_the_relay_stood_still_is_heard_before_it_is_late(tmp_path):
    async with running(tmp_path, replace(PATIENT, handshake_ms=400)) as world:
        door = world.relay.door
        client = await world.raw()
        await until(lambda: door.arriving)
        client.send(hello())
        time.sleep(1)  # noqa: ASYNC251 - of relay and client both
        await until(lambda: door.shaking or door.counts["handshake_timeout"])
        assert (door.shaking, door.counts["handshake_timeout"]) == (1, 0)
        assert door.counts["stood_still"] == 1
        # Whoever says nothing more is late all the same.
        await until(lambda: door.counts["handshake_timeout"])


@pytest.mark.asyncio
async def test_whoever_stands_in_the_queue_is_let_in_before_the_listeners_close(tmp_path):
    async with running(tmp_path) as world:
        with_ = world.authority.device(DEVICE)
        context = device_client_context(with_.certificate, with_.key, world.authority.ca)
        # More than one turn accepts; nothing is awaited here, so the relay has accepted none.
        queue = [socket.create_connection(("127.0.0.1", world.port)) for _ in range(40)]
        world.relay.door.empty_queues()
        world.relay.door.close_listeners()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", world.port))
        for sock in (queue[0], queue[-1]):
            _, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=NAME)
            assert writer.get_extra_info("peercert")
            writer.close()
            await writer.wait_closed()
        for sock in queue:
            sock.close()

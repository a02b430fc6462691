"""Records as the network brings them, to a poll and to a tunnel, which have a TLS each."""

import asyncio
import os
import ssl

import pytest

from bedside.pki.contexts import device_client_context
from bedside.protocol.http import request
from bedside.vocabulary import PollMode
from tests.relay.world import DEVICE, NAME, poll, running, until

ASKED = request("POST", "/v1/poll", NAME, {}, poll(mode=PollMode.INTERVAL).to_json())
EITHER = pytest.mark.parametrize("tunnel", [False, True], ids=["poll", "tunnel"])


class ByHand:
    """A client that decides itself how its records travel."""

    def __init__(self, world, tunnel):
        mine = world.authority.device(DEVICE)
        context = device_client_context(
            mine.certificate, mine.key, world.authority.ca, tunnel=tunnel
        )
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=NAME)
        self.raw = None

    async def until_finished(self, world):
        """Shake hands up to the last flight, which is returned unsent."""
        self.raw = await world.raw()
        while True:
            try:
                self.tls.do_handshake()
                return self.outgoing.read()
            except ssl.SSLWantReadError:
                self.raw.send(self.outgoing.read())
                self.incoming.write(await self.raw.stream.some())

    async def answer(self):
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                data = await self.raw.stream.some()
                assert data, "closed"
                self.incoming.write(data)


@pytest.mark.asyncio
@EITHER
async def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(tmp_path, tunnel):
    async with running(tmp_path) as world:
        client = ByHand(world, tunnel)
        last = await client.until_finished(world)
        client.tls.write(ASKED)
        client.raw.send(last + client.outgoing.read())
        assert (await client.answer()).startswith(b"HTTP/1.1 200")


@pytest.mark.asyncio
@EITHER
async def test_records_in_single_bytes_are_put_together(tmp_path, tunnel):
    async with running(tmp_path) as world:
        client = ByHand(world, tunnel)
        last = await client.until_finished(world)
        client.tls.write(ASKED)
        for byte in last + client.outgoing.read():
            client.raw.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.answer()).startswith(b"HTTP/1.1 200")


@pytest.mark.asyncio
@EITHER
@pytest.mark.parametrize(
    "record",
    [b"\x17\x03\x03\x41\x01", b"\x17\x03\x03\xff\xff", b"\x17\x03\x03\x00\x30" + bytes(48)],
    ids=["one byte too long", "as long as can be said", "nobody's"],
)
async def test_a_record_that_cannot_be_closes_the_connection_at_once(tmp_path, tunnel, record):
    async with running(tmp_path) as world:
        client = await world.device(tunnel=tunnel)
        await until(lambda: any(link.is_open for link in world.relay.door.links))
        (link,) = world.relay.door.links
        os.write(client.stream.transport.get_extra_info("socket").fileno(), record)
        await client.closed()
        assert link.is_open is False


@pytest.mark.asyncio
@EITHER
async def test_new_keys_are_answered_with_new_keys(tmp_path, tunnel):
    async with running(tmp_path) as world:
        mine = world.authority.device(DEVICE)
        files = ["-cert", mine.certificate, "-key", mine.key]
        protocol = ["-alpn", "bedside-tunnel/1"] if tunnel else []
        where = ["-connect", f"127.0.0.1:{world.port}", "-servername", NAME, "-msg"]
        pipe = asyncio.subprocess.PIPE
        client = await asyncio.create_subprocess_exec(
            "openssl", "s_client", *where, *files, *protocol, stdin=pipe, stdout=pipe
        )
        said = b""
        for line, answer in (
            (b"", b"Verify return code"),
            (b"K\n", b">>> TLS 1.3, Handshake [length 0005], KeyUpdate"),
            (b"GET / HTTP/1.1\r\n\r\n", b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate"),
            (b"", b"HTTP/1.1 400"),
        ):
            client.stdin.write(line)
            while answer not in said:
                data = await client.stdout.read(65536)
                assert data, said.decode(errors="replace")
                said += data
        client.terminate()
        await client.wait()

import asyncio
import contextlib

import pytest

from bedside.console.live.server import HttpServer, Reply, ServerLimits
from bedside.protocol.http import HttpLimits, Request

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def greet(request: Request, address: str) -> Reply:
    if request.target == "/fail":
        raise LookupError("ours")
    if request.target == "/wait":
        await asyncio.sleep(60)
    if request.target == "/stream":
        return Reply(200, stream=count())
    return Reply(200, f"{request.method} from {address}".encode())


async def count():
    for number in range(3):
        yield b"%d\n" % number


@contextlib.asynccontextmanager
async def serving(**limits):
    server = HttpServer(greet, ServerLimits(**limits))
    port = await server.start("127.0.0.1", 0)
    try:
        yield server, port
    finally:
        await server.close()


async def talk(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def close_after(data: bytes) -> bytes:
    return data.replace(b"Host: x", b"Host: x\r\nConnection: close")


@pytest.mark.asyncio
async def test_requests_are_answered_one_after_another():
    async with serving() as (_, port):
        answer = await talk(port, ASK + ASK + close_after(ASK))
    assert answer.count(b"200 OK") == 3
    assert answer.endswith(b"GET from 127.0.0.1")


@pytest.mark.asyncio
async def test_a_handler_that_fails_costs_its_own_request_only(caplog):
    async with serving() as (_, port):
        answer = await talk(port, ASK.replace(b"/ ", b"/fail ") + close_after(ASK))
    assert b"500 Internal Server Error" in answer
    assert b"200 OK" in answer
    assert "LookupError" in caplog.text


@pytest.mark.asyncio
async def test_a_stream_ends_its_connection():
    async with serving() as (_, port):
        answer = await talk(port, ASK.replace(b"/ ", b"/stream "))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length" not in head
    assert body == b"0\n1\n2\n"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\nHost: x\n\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"501"),
        (b"GET /" + b"x" * 9000, b"431"),
    ],
)
async def test_what_breaks_a_rule_is_refused_and_closed(data, status):
    async with serving(http=HttpLimits(body=64)) as (_, port):
        assert (await talk(port, data)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.asyncio
async def test_a_request_that_never_ends_is_given_up():
    async with serving(request_s=0.1) as (_, port):
        assert (await talk(port, b"GET / HT")).startswith(b"HTTP/1.1 408")


@pytest.mark.asyncio
async def test_an_idle_connection_is_closed():
    async with serving(idle_s=0.1) as (_, port):
        assert await talk(port, b"") == b""


@pytest.mark.asyncio
async def test_one_address_has_a_share_of_the_connections():
    async with serving(connections_from_one=2) as (_, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert await talk(port, b"") == b""
        await hang_up(held[0][1])
        await asyncio.sleep(0.1)
        assert b"200 OK" in await talk(port, close_after(ASK))
        await hang_up(held[1][1])


@pytest.mark.asyncio
async def test_who_goes_away_while_waiting_is_forgotten():
    async with serving() as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK.replace(b"/ ", b"/wait "))
        await asyncio.sleep(0.1)
        waiting = asyncio.gather(*server._tasks)
        await hang_up(writer)
        await asyncio.wait_for(waiting, 60)
        assert not server._tasks

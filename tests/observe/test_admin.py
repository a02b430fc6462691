import asyncio
import contextlib
import urllib.error
import urllib.request

import pytest

from bedside.observe.admin import AdminAddress, AdminServer, AdminThread, Answer

HERE = AdminAddress("127.0.0.1", 0)


async def good():
    return Answer(200, b"yes\n")


async def broken():
    raise ZeroDivisionError


PAGES = {"/healthz": good, "/broken": broken}


async def ask(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /healthz HTTP/1.1", b"200"),
        ("GET /elsewhere HTTP/1.1", b"404"),
        ("POST /healthz HTTP/1.1", b"405"),
        ("GET /broken HTTP/1.1", b"500"),
        ("GET /healthz?a=b HTTP/1.1", b"404"),
        ("nonsense", b"400"),
        ("GET /" + "x" * 9_000 + " HTTP/1.1", b"431"),
    ],
)
async def test_each_question_gets_one_answer(line, status):
    server = AdminServer(PAGES)
    _, port = await server.start(HERE)
    answer = await ask(port, f"{line}\r\nHost: x\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] == status
    assert b"connection: close" in answer.lower()
    server.close()


@pytest.mark.asyncio
async def test_more_connections_than_it_takes_are_closed_unread_and_the_others_are_answered():
    server = AdminServer(PAGES)
    _, port = await server.start(HERE)
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(16)]
    with contextlib.suppress(ConnectionError):
        assert await ask(port, b"") == b""
    held[0][1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await held[0][0].read()).startswith(b"HTTP/1.1 200")
    server.close()
    for _, writer in held:
        writer.close()


def test_a_program_without_a_loop_has_it_in_a_thread():
    thread = AdminThread(AdminServer(PAGES), HERE)
    host, port = thread.start()
    with urllib.request.urlopen(f"http://{host}:{port}/healthz") as answer:
        assert answer.read() == b"yes\n"
    thread.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://{host}:{port}/healthz")


def test_an_address_that_is_taken_is_said_at_once():
    first = AdminThread(AdminServer(PAGES), HERE)
    host, port = first.start()
    with pytest.raises(OSError):
        AdminThread(AdminServer(PAGES), AdminAddress(host, port)).start()
    first.stop()

"""A question to the console and its answer, over real TLS; and consoles that answer otherwise."""

import asyncio
import socket
import ssl
import threading
import time
from contextlib import asynccontextmanager, contextmanager

import pytest

from bedside.pki.contexts import console_client_context
from bedside.protocol.http import Response, response
from bedside.relay.console_line import ConsoleError, ConsoleLine, ConsolePlace
from bedside.relay.driver import Door, DoorLimits
from bedside.relay.sockets import READ
from bedside.testing.certificates import PocketAuthority
from tests.relay.socket_owner import Owner
from tests.relay.world import until

ANSWER = response(200, {"content-type": "application/json"}, b"{}")
QUESTION = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LAST = response(200, {"connection": "close"}, b"{}")


def console_of(folder):
    """Return an authority, and the context of the console that it knows."""
    authority = PocketAuthority(folder)
    credentials = authority.console("live.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials.certificate, credentials.key)
    return authority, context


@contextmanager
def a_door():
    """A door that lets nobody in: what drives links."""
    nobody = {"welcome": print, "gone": print, "refusal": print, "abuse": print}
    door = Door((), DoorLimits(), **nobody)
    door.start()
    try:
        yield door
    finally:
        door.close()


@asynccontextmanager
async def console(folder, *pieces, name="live.example", end=False, most=99):
    """A console that says these pieces to each question, a moment apart; yields an open line to it.

    It answers no more than `most`.
    """
    authority, context = console_of(folder)

    async def serve(reader, writer):
        answered = 0
        while await reader.read(1024):
            answered += 1
            for piece in pieces if answered <= most else ():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
            if end:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    with a_door() as door:
        line = ConsoleLine(door)
        try:
            async with asyncio.timeout(60):
                place = ConsolePlace("localhost", server.sockets[0].getsockname()[1], name)
                await line.open(place, console_client_context(authority.ca_file.read_text()))
                yield line
        finally:
            line.close()
            server.close()


def answer_once(listener, context):
    """Be a console in a thread: one connection, one question, one answer."""
    near, _ = listener.accept()
    with context.wrap_socket(near, server_side=True) as tls:
        tls.recv(1024)
        tls.send(ANSWER)


def served(devices):
    """Return how many the relay has come to."""
    return sum(bool(each.told) for each in devices)


async def ask(line, timeout_s=5):
    """Return what is heard: an answer, or why there is none."""
    heard = asyncio.get_running_loop().create_future()
    line.ask(QUESTION, heard.set_result, timeout_s=timeout_s)
    return await heard


@pytest.mark.asyncio
async def test_an_answer_does_not_stand_in_line_with_devices_that_came_before_it(tmp_path):
    authority, context = console_of(tmp_path)
    context.num_tickets = 0  # nothing comes of it but the answer
    listener = socket.create_server(("127.0.0.1", 0))
    answering = threading.Thread(target=answer_once, args=(listener, context), daemon=True)
    answering.start()
    with a_door() as door, listener:
        line = ConsoleLine(door)
        place = ConsolePlace("localhost", listener.getsockname()[1], "live.example")
        await line.open(place, console_client_context(authority.ca_file.read_text()))
        await asyncio.sleep(0.01)  # what a handshake leaves is looked for once
        devices, heard = [Owner(door.sockets) for _ in range(200)], []
        for device in devices:
            device.watch(READ)
            device.far.send(b"a")
        line.ask(QUESTION, lambda _: heard.append(served(devices)), timeout_s=5)
        answering.join()  # all of it is there before the loop looks
        await until(lambda: heard)
        assert heard[0] < len(devices) / 2
        await until(lambda: served(devices) == len(devices))
        for device in devices:
            device.close()
        line.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("pieces", [(ANSWER,), (ANSWER[:20], ANSWER[20:]), (ANSWER[:-1], b"}")])
async def test_answers_come_whole_and_in_pieces_one_after_another(tmp_path, pieces):
    async with console(tmp_path, *pieces) as line:
        for _ in range(3):
            answer = await ask(line)
            assert isinstance(answer, Response)
            assert (answer.status, answer.body) == (200, b"{}")
            assert not line.is_lost


@pytest.mark.asyncio
async def test_an_answer_of_megabytes_arrives(tmp_path):
    body = bytes(range(256)) * 16_384
    async with console(tmp_path, response(200, {}, body)) as line:
        assert (await ask(line)).body == body


@pytest.mark.asyncio
async def test_whoever_takes_long_over_an_answer_is_not_taken_for_a_read_without_end(tmp_path):
    async with console(tmp_path, ANSWER) as line:
        heard = asyncio.get_running_loop().create_future()

        def take_long(answer):
            end = time.thread_time() + 0.5
            while time.thread_time() < end:
                pass
            heard.set_result(answer)

        line.ask(QUESTION, take_long, timeout_s=5)
        assert (await heard).status == 200
        assert (await ask(line)).status == 200


@pytest.mark.asyncio
async def test_whoever_says_that_it_closes_is_not_asked_again(tmp_path):
    async with console(tmp_path, LAST) as line:
        assert (await ask(line)).status == 200
        assert line.is_lost


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "pieces",
    [
        (ANSWER + ANSWER,),
        (ANSWER[:20], ANSWER[20:] + ANSWER),
        (b"nonsense\n",),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",),
        (b"x" * 70_000,),
    ],
)
async def test_what_is_not_one_answer_is_none(tmp_path, pieces):
    async with console(tmp_path, *pieces) as line:
        assert isinstance(await ask(line), ConsoleError)
        assert line.is_lost


@pytest.mark.asyncio
async def test_an_answer_to_no_question_ends_the_line(tmp_path):
    async with console(tmp_path, ANSWER, ANSWER) as line:
        assert (await ask(line)).status == 200
        await until(lambda: line.is_lost)


@pytest.mark.asyncio
@pytest.mark.parametrize("pieces", [(), (ANSWER[:-1],)])
async def test_a_console_that_goes_away_is_heard_of(tmp_path, pieces):
    async with console(tmp_path, *pieces, end=True) as line:
        assert isinstance(await ask(line), ConsoleError)


@pytest.mark.asyncio
@pytest.mark.parametrize("pieces", [(), (ANSWER[:-1],)])
async def test_a_console_that_does_not_finish_is_given_up(tmp_path, pieces):
    async with console(tmp_path, *pieces) as line:
        assert isinstance(await ask(line, timeout_s=0.2), TimeoutError)
        assert line.is_lost


@pytest.mark.asyncio
async def test_a_line_of_which_nothing_is_asked_stays(tmp_path):
    async with console(tmp_path, ANSWER) as line:
        await ask(line, timeout_s=2)
        await asyncio.sleep(2.5)
        assert not line.is_lost


@pytest.mark.asyncio
async def test_a_question_that_is_asked_at_the_answer_of_another_has_its_own_time(tmp_path):
    async with console(tmp_path, ANSWER, most=1) as line:
        heard = asyncio.get_running_loop().create_future()

        def ask_again(_answer):
            line.ask(QUESTION, heard.set_result, timeout_s=0.2)

        line.ask(QUESTION, ask_again, timeout_s=5)
        assert isinstance(await heard, TimeoutError)
        assert line.is_lost


@pytest.mark.asyncio
async def test_a_console_of_another_name_is_told_nothing(tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError):
        async with console(tmp_path, ANSWER, name="other.example"):
            pass


@pytest.mark.asyncio
async def test_whoever_asks_when_the_console_has_gone_is_told(tmp_path):
    async with console(tmp_path, LAST) as line:
        await ask(line)
        assert isinstance(await ask(line), ConsoleError)


@pytest.mark.asyncio
async def test_nobody_who_gave_up_hears_an_answer(tmp_path):
    async with console(tmp_path, ANSWER) as line:
        heard = []
        line.ask(QUESTION, heard.append, timeout_s=5)
        line.close()
        await asyncio.sleep(0.1)
        assert heard == []

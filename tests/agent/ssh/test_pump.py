"""Bytes between a channel and descriptors: all of them, in order, with the pressure kept."""

import asyncio
import os

import pytest

from bedside.agent.ssh.pump import FdReader, FdWriter

pytestmark = pytest.mark.asyncio


async def test_a_reader_hands_on_everything_and_then_its_end():
    read, write = os.pipe()
    got, ended = [], asyncio.Event()
    reader = FdReader(read, got.append, ended.set)
    reader.resume()
    for word in (b"one ", b"two"):
        os.write(write, word)
        await asyncio.sleep(0)
    os.close(write)
    await asyncio.wait_for(ended.wait(), 60)
    assert b"".join(got) == b"one two"
    reader.close()


async def test_a_reader_that_is_paused_leaves_the_bytes_where_they_are():
    read, write = os.pipe()
    got: list[bytes] = []
    reader = FdReader(read, got.append, lambda: None)
    reader.resume()
    reader.pause()
    os.write(write, b"later")
    await asyncio.sleep(0.01)
    assert got == []
    reader.drain()
    assert got == [b"later"]
    os.close(write)


async def test_a_writer_presses_while_too_much_waits_and_loses_nothing():
    read, write = os.pipe()
    pressure: list[bool] = []
    writer = FdWriter(write, pressure.append)
    data = os.urandom(1_000_000)
    writer.write(data[:600_000])
    assert pressure == [True]
    writer.write(data[600_000:])
    writer.finish()
    got = b""
    while len(got) < len(data):
        got += await asyncio.to_thread(os.read, read, 1 << 20)
    assert got == data
    assert os.read(read, 1) == b""
    os.close(read)


async def test_a_writer_lets_the_pressure_go_when_it_has_written():
    read, write = os.pipe()
    pressure: list[bool] = []
    writer = FdWriter(write, pressure.append)
    writer.write(bytes(600_000))
    rest = 600_000
    while rest:
        rest -= len(await asyncio.to_thread(os.read, read, 1 << 20))
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert pressure == [True, False]
    writer.close()
    os.close(read)


async def test_a_writer_whose_reader_is_gone_drops_what_comes_and_presses_nobody():
    read, write = os.pipe()
    pressure: list[bool] = []
    writer = FdWriter(write, pressure.append)
    writer.write(bytes(600_000))
    os.close(read)
    await asyncio.sleep(0.01)
    writer.write(b"more")
    writer.finish()
    assert pressure == [True, False]

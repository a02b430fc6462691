"""The fake console leaves nothing open when it stops, however far a connection has come."""

import asyncio
import contextlib
import gc
import socket

import pytest

from bedside.testing.certificates import PocketAuthority
from bedside.testing.fake_live import FakeLive


@pytest.mark.asyncio
@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_has_not_shaken_hands_is_closed_too(tmp_path, turns):
    live = FakeLive(PocketAuthority(tmp_path).console("live.example"), "live.example")
    await live.start()
    with socket.create_connection(("127.0.0.1", live.port)) as client:
        client.settimeout(5)
        for _ in range(turns):  # of the loop: not accepted yet, just accepted, in its handshake
            await asyncio.sleep(0)
        await live.stop()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert live.connections == 0
    gc.collect()

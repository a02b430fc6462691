"""A leg whose host vanished without a word: the relay finds that out, and the other leg hears of it."""

import ctypes
import socket
import struct

import pytest

from bedside.protocol.batch import TunnelClosed
from bedside.relay import dead_leg
from bedside.relay.dead_leg import GONE_MS, is_gone
from bedside.vocabulary import PollMode
from tests.relay.world import PATIENT, offered, poll, running

SO_ATTACH_FILTER = 26
DROP = struct.pack("=HBBI", 6, 0, 0, 0)
"""A filter of one instruction: nothing of any packet is kept."""
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


def vanish(client):
    """Whatever is sent to this client from now on is lost, and not acknowledged."""
    code = ctypes.create_string_buffer(DROP)
    program = struct.pack("@HP", 1, ctypes.addressof(code))
    sock = client.stream.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def accepted(world, client):
    """The relay's own socket of this client's connection."""
    port = client.stream.transport.get_extra_info("sockname")[1]
    socks = [link._tls for link in world.relay.door.links]
    (found,) = (each for each in socks if port_of(each) == port)
    return found


def port_of(tls):
    with socket.socket(fileno=tls.fileno()) as sock:
        port = sock.getpeername()[1]
        sock.detach()
    return port


def option(tls, level, name):
    return int.from_bytes(tls.getsockopt(level, getattr(socket, name), 4), "little")


def state(*, unacked, last_data_ms=GONE_MS, last_ack_ms=GONE_MS):
    return bytes(24) + struct.pack("=I24xII", unacked, last_data_ms, last_ack_ms)


def test_gone_is_who_gives_no_sign_while_something_is_under_way():
    told = state(unacked=3)
    assert is_gone(told)
    assert not is_gone(told[:-1])
    assert not is_gone(state(unacked=3, last_ack_ms=GONE_MS - 1))
    # It sends, and nothing went to it for long: what is under way left only now.
    assert not is_gone(state(unacked=1, last_data_ms=5, last_ack_ms=3_600_000))
    # It takes nothing for now: an `ssh` that was stopped.
    assert not is_gone(state(unacked=0, last_data_ms=3_600_000, last_ack_ms=3_600_000))


@pytest.mark.asyncio
@pytest.mark.parametrize("gone", ["device", "specialist"])
async def test_the_kernel_asks_after_a_silent_leg_and_the_other_hears_that_it_is_gone(
    tmp_path, gone
):
    async with running(tmp_path, PATIENT, offered()) as world:
        device, specialist = await world.paired()
        lost, left = (device, specialist) if gone == "device" else (specialist, device)
        for client in (device, specialist):
            tls = accepted(world, client)
            assert option(tls, socket.SOL_SOCKET, "SO_KEEPALIVE")
            assert {n: option(tls, socket.IPPROTO_TCP, n) for n in KEEPALIVE} == KEEPALIVE
            assert option(tls, socket.IPPROTO_TCP, "TCP_USER_TIMEOUT") == 0
        for name in KEEPALIVE:  # nobody need wait a minute here
            accepted(world, lost).setsockopt(socket.IPPROTO_TCP, getattr(socket, name), 1)
        vanish(lost)
        assert await left.closed() == b""
        event = await world.live.wait_for(lambda event: isinstance(event, TunnelClosed))
        assert event.reason == f"by_{gone}"


@pytest.mark.asyncio
@pytest.mark.parametrize("gone", ["device", "specialist"])
async def test_a_leg_that_acknowledges_nothing_of_what_is_under_way_is_gone(
    tmp_path, gone, monkeypatch
):
    monkeypatch.setattr(dead_leg, "LOOK_MS", 50)
    monkeypatch.setattr(dead_leg, "GONE_MS", 300)
    async with running(tmp_path, PATIENT, offered()) as world:
        device, specialist = await world.paired()
        lost, left = (device, specialist) if gone == "device" else (specialist, device)
        vanish(lost)
        left.send(b"is anybody there")
        assert await left.closed() == b""
        event = await world.live.wait_for(lambda event: isinstance(event, TunnelClosed))
        assert event.reason == f"by_{gone}"


@pytest.mark.asyncio
async def test_whoever_only_polls_is_not_asked(tmp_path):
    async with running(tmp_path) as world:
        device = await world.device()
        await device.poll(poll(mode=PollMode.INTERVAL))
        tls = accepted(world, device)
        assert int.from_bytes(tls.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 4)) == 0

"""A peer that vanished without a word: what is dialled finds that out, and what follows."""

import asyncio
import ctypes
import socket
import struct
import sys
import threading

import pytest

from bedside.agent.dead_peer import GONE_MS, is_gone, tcp_state
from bedside.agent.dial import DialError, Line, Watch, open_line
from bedside.agent.legs import Legs, Way
from bedside.agent.link import Link, Target
from bedside.agent.patience import Patience
from bedside.agent.reactor import Reactor
from bedside.protocol.poll import MAX_HOLD_MS
from bedside.protocol.shapes import Relay
from bedside.protocol.tunnel import tunnel_accepted
from bedside.vocabulary import RelayName, SessionId
from tests.agent.test_legs import Heard
from tests.agent.tls_peer import SERVER_NAME, TlsPeer

SESSION = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0YZ")
SO_ATTACH_FILTER = 26
DROP = struct.pack("=HBBI", 6, 0, 0, 0)
"""A filter of one instruction: nothing of any packet is kept."""


def drop_what_comes(line: socket.socket) -> None:
    """Whatever is sent to `line` from now on is lost, and not acknowledged."""
    code = ctypes.create_string_buffer(DROP)
    program = struct.pack("@HP", 1, ctypes.addressof(code))
    line.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


class Vanishing:
    """A relay that shakes hands and reads nothing; told so, it is gone without a word."""

    def __init__(self, folder) -> None:
        self._line: socket.socket | None = None
        self._there, self._over = threading.Event(), threading.Event()
        self.peer = TlsPeer(folder, self._serve)
        self.target = Target(host="127.0.0.1", port=self.peer.port, server_name=SERVER_NAME)

    def _serve(self, line: socket.socket) -> None:
        self._line = line
        self._there.set()
        self._over.wait(60)

    def vanish(self) -> None:
        assert self._there.wait(60)
        assert self._line is not None
        drop_what_comes(self._line)

    def close(self) -> None:
        self._over.set()
        self.peer.close()


@pytest.fixture
def relay(tmp_path):
    relay = Vanishing(tmp_path / "pki")
    yield relay
    relay.close()


def state(*, unacked: int, last_ack_ms: int) -> bytes:
    return bytes(24) + struct.pack("=I28xI", unacked, last_ack_ms)


@pytest.mark.parametrize(
    ("unacked", "last_ack_ms", "gone"),
    [
        (3, GONE_MS, True),
        (3, GONE_MS - 1, False),
        # It takes nothing for now: an `ssh` that was stopped, for as long as the idle limit lets it.
        (0, 3_600_000, False),
    ],
)
def test_gone_is_who_acknowledges_nothing_of_what_is_under_way(unacked, last_ack_ms, gone):
    told = state(unacked=unacked, last_ack_ms=last_ack_ms)
    assert is_gone(told) is gone
    assert not is_gone(told[:-1])


def option(sock, name: str) -> int:
    return sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))


def assert_asked_when_silent(sock) -> None:
    idle, every, times = (option(sock, f"TCP_KEEP{each}") for each in ("IDLE", "INTVL", "CNT"))
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    # Once in each hold, so that an idle device stays as quiet as it is; sooner lost than looked for.
    assert idle == MAX_HOLD_MS / 2000
    assert idle + every * times == 27


@pytest.mark.asyncio
async def test_the_kernel_asks_after_the_peer_of_a_leg_and_lets_it_be_slow(relay):
    line = await open_line(relay.target, relay.peer.client)
    sock = socket_of(line)
    assert_asked_when_silent(sock)
    assert option(sock, "TCP_USER_TIMEOUT") == 0
    line.close()


def socket_of(line: Line):
    assert line._transport is not None
    return line._transport.get_extra_info("socket")


def test_the_kernel_asks_after_the_peer_of_a_poll_and_gives_up_what_it_takes_nothing_of(relay):
    reactor, opened = Reactor(), []
    link = Link(
        reactor,
        relay.target,
        relay.peer.client,
        on_open=lambda: opened.append(True),
        on_data=lambda data: None,
        on_closed=lambda reason: opened.append(False),
    )
    while not opened:
        reactor.turn()
    assert_asked_when_silent(link._socket)
    assert option(link._socket, "TCP_USER_TIMEOUT") == 20_000
    link.close()
    reactor.close()


def hurry(sock) -> None:
    """Ask sooner, where asking is on at all: nobody need wait half a minute here."""
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"):
        sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), 1)


@pytest.mark.asyncio
async def test_a_line_on_which_nothing_is_said_is_lost_with_its_peer(relay):
    line = await open_line(relay.target, relay.peer.client)
    hurry(socket_of(line))
    relay.vanish()
    await asyncio.wait_for(line.closed, 60)


class Stream(asyncio.Protocol):
    """What carries SSH over a leg, as far as the legs hear of it."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs

    def connection_lost(self, exc: Exception | None) -> None:
        self._legs.streamed(spoke_ssh=True)


@pytest.mark.asyncio
async def test_a_session_whose_only_leg_is_dead_does_not_wait_for_a_relay_that_lets_nobody_in(
    tmp_path,
):
    paired: list[socket.socket] = []
    over = threading.Event()

    def pair(line: socket.socket) -> None:
        line.recv(4096)
        peer.certify(ends_in_s=-60)  # whoever comes from now on finds the relay shut
        paired.append(line)
        line.sendall(tunnel_accepted())
        over.wait(60)

    peer = TlsPeer(tmp_path / "pki", pair)
    place = Relay(
        name=RelayName("a"), host="127.0.0.1", server_name=SERVER_NAME, ports=(peer.port,)
    )
    way = Way(relay=place, port=peer.port, proxy=None, context=peer.client)
    heard = Heard()
    legs = Legs(SESSION, bytes(32), way, heard.events, patience=Patience(lost_after_s=0))
    running = asyncio.get_running_loop().create_task(legs.run())
    try:
        async with asyncio.timeout(60):
            leg = await heard.opened.get()
            leg.transport.set_protocol(Stream(legs))
            hurry(leg.transport.get_extra_info("socket"))
            drop_what_comes(paired[0])
            assert await heard.lost == "certificate"
            await running
    finally:
        over.set()
        await asyncio.to_thread(peer.close)


@pytest.mark.asyncio
async def test_a_line_whose_proof_nobody_acknowledges_is_lost(relay):
    line = await open_line(relay.target, relay.peer.client, watch=Watch(look_s=0.05, gone_ms=300))
    relay.vanish()
    with pytest.raises(DialError, match="closed"):
        await line.ask(SESSION, 0, "p" * 43)


@pytest.mark.asyncio
async def test_a_peer_that_is_there_and_takes_nothing_more_is_not_lost(relay):
    line = await open_line(relay.target, relay.peer.client, watch=Watch(look_s=0.05, gone_ms=300))
    assert line._transport is not None
    line._transport.write(bytes(16_000_000))
    # Its window is zero: the kernel asks again and again, with growing pauses.
    while True:
        await asyncio.sleep(0.1)
        if line.closed.done() or last_ack_ms(socket_of(line)) >= 400:
            break
    assert not line.closed.done()
    line.close()


def last_ack_ms(sock) -> int:
    return int.from_bytes(tcp_state(sock)[56:60], sys.byteorder)

"""A session's legs: whoever is inside stays, and the relay is asked again, whatever befell one of them."""

import asyncio
import contextlib
import socket

import pytest

from bedside.agent.dial import OpenLeg
from bedside.agent.legs import LegEvents, Legs, Way
from bedside.agent.patience import Patience
from bedside.agent.spare_lines import LINES
from bedside.protocol.feed import TunnelOffered
from bedside.protocol.http import HttpLimits, whole_request
from bedside.protocol.shapes import Relay
from bedside.protocol.tunnel import (
    parse_tunnel_request,
    proof_digests,
    tunnel_accepted,
    tunnel_refused,
)
from bedside.relay.pairing import Leg, Pairing, PairingLimits, Side
from bedside.vocabulary import DeviceId, RelayName, SessionId
from tests.agent.tls_peer import SERVER_NAME, TlsPeer

SESSION = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0YZ")
DEVICE = DeviceId("CI-20417")
pytestmark = pytest.mark.asyncio


class Heard:
    """What the session is told."""

    def __init__(self) -> None:
        self.opened: asyncio.Queue[OpenLeg] = asyncio.Queue()
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.events = LegEvents(
            opened=self._opened,
            lost=self.lost.set_result,
            refused=self._unwanted,
            spent=self._unwanted,
        )

    async def _opened(self, _number: int, leg: OpenLeg) -> None:
        await self.opened.put(leg)

    def _unwanted(self, *_: object) -> None:
        raise AssertionError


@pytest.fixture
def peer(tmp_path):
    """A relay that pairs each leg, and whose certificate has run out from then on."""

    def pair(line: socket.socket) -> None:
        line.recv(4096)
        peer.certify(ends_in_s=-60)
        line.sendall(tunnel_accepted())
        while line.recv(4096):
            pass

    peer = TlsPeer(tmp_path / "pki", pair)
    yield peer
    peer.close()


@pytest.mark.parametrize("ready", [False, True], ids=["a new line", "a line that was ready"])
async def test_a_leg_that_broke_on_this_side_only_does_not_end_the_session(tmp_path, ready):
    pairing = Pairing(PairingLimits())
    terms = TunnelOffered(
        session=SESSION,
        device=DEVICE,
        device_proofs=proof_digests(bytes(32), "device"),
        specialist_proofs=proof_digests(bytes(32), "specialist"),
        not_after_ms=10**15,
        idle_s=600,
        max_bytes=1_000,
    )
    pairing.offer(terms, 0)
    asked = []

    def relay(line: socket.socket) -> None:
        if not (came := line.recv(4096)):
            return  # a line that nobody needed
        wanted = parse_tunnel_request(whole_request(came, HttpLimits()))
        asked.append(wanted.index)
        (*_, said) = pairing.arrive(Leg(line, Side.DEVICE, DEVICE), wanted, 0) or [None]
        if said is not None:
            line.sendall(tunnel_refused(said.gate, retry_in_ms=said.retry_in_ms))
        elif len(asked) > 1:
            line.sendall(tunnel_accepted())
            while line.recv(4096):
                pass

    with contextlib.closing(TlsPeer(tmp_path / "pki", relay)) as peer:
        way = Way(
            relay=Relay(
                name=RelayName("a"), host="127.0.0.1", server_name=SERVER_NAME, ports=(peer.port,)
            ),
            port=peer.port,
            proxy=None,
            context=peer.client,
        )
        heard = Heard()
        legs = Legs(SESSION, bytes(32), way, heard.events)
        if ready:
            preparing = asyncio.get_running_loop().create_task(legs.prepare())
            async with asyncio.timeout(60):
                while len(legs._spare._lines) < LINES:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.01)
            preparing.cancel()
        running = asyncio.get_running_loop().create_task(legs.run())
        leg = await asyncio.wait_for(heard.opened.get(), 60)
        assert asked[:3] == [0, 0, 1]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        leg.transport.abort()
        legs.close()
        # What is closed here leaves in the loop's next turns; the peer waits for it.
        await asyncio.to_thread(peer.close)


async def test_a_relay_is_kept_while_a_leg_goes_on_and_given_up_without(peer):
    relay = Relay(
        name=RelayName("a"), host="127.0.0.1", server_name=SERVER_NAME, ports=(peer.port,)
    )
    way = Way(relay=relay, port=peer.port, proxy=None, context=peer.client)
    heard = Heard()
    # One that gives up at the second failure: nobody need wait for it here.
    legs = Legs(SESSION, bytes(32), way, heard.events, patience=Patience(lost_after_s=0))
    running = asyncio.get_running_loop().create_task(legs.run())
    paired = [await heard.opened.get()]
    async with asyncio.timeout(60):
        for _ in range(3):
            assert await asyncio.to_thread(peer.in_vain.acquire, timeout=10)
        assert not heard.lost.done()

        peer.certify()
        paired.append(await heard.opened.get())

        for leg in paired:
            leg.transport.abort()
            legs.streamed(spoke_ssh=True)
        assert await heard.lost == "certificate"
        await running

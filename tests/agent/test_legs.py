"""A session whose relay's certificate runs out: whoever is inside stays, and the relay is asked again."""

import asyncio
import socket

import pytest

from bedside.agent.dial import OpenLeg
from bedside.agent.legs import LegEvents, Legs, Way
from bedside.agent.patience import Patience
from bedside.protocol.shapes import Relay
from bedside.protocol.tunnel import tunnel_accepted
from bedside.vocabulary import RelayName, SessionId
from tests.agent.tls_peer import SERVER_NAME, TlsPeer

SESSION = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0YZ")
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

"""Relays that share a port: whoever comes in by the wrong door is taken to the right one."""

import array
import asyncio
import contextlib
import io
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bedside.language.config_error import ConfigError
from bedside.pki.contexts import (
    device_client_context,
    enrolment_client_context,
    specialist_client_context,
)
from bedside.protocol.poll import parse_poll_reply
from bedside.relay.config import Address, RelayConfig, SiblingsConfig
from bedside.relay.console_line import ConsolePlace
from bedside.relay.log import Log
from bedside.relay.server import Relay
from bedside.testing.certificates import PocketAuthority
from bedside.testing.fake_live import FakeLive
from bedside.testing.streams import connect
from bedside.vocabulary import PollMode, RelayName
from tests.relay.world import DEVICE, PATIENT, SESSION, Client, offered, poll, until

pytestmark = pytest.mark.asyncio

INTERVAL = poll(mode=PollMode.INTERVAL)
NAMES = ("relay-a1.example", "relay-a2.example")


class House:
    """Two relays, in one loop, on one port."""

    def __init__(self, folder: Path) -> None:
        self.authority = PocketAuthority(folder)
        self.live = FakeLive(self.authority.console("live.example"), "live.example")
        # A short path: a Unix socket has room for 108 bytes.
        self.sockets = Path(tempfile.mkdtemp(prefix="b-"))
        self.relays: list[Relay] = []
        self.clients: list[Client] = []
        self.port = 0
        self._stops: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    def config(self, index: int) -> RelayConfig:
        name = RelayName(f"a{index + 1}")
        credentials = self.authority.relay(name, NAMES[index])
        self.live.know(name, credentials.certificate)
        return RelayConfig(
            name=name,
            server_name=NAMES[index],
            listen=(Address("127.0.0.1", self.port),),
            certificate=credentials.certificate,
            key=credentials.key,
            ca=self.authority.ca_file,
            console=ConsolePlace("127.0.0.1", self.live.port, "live.example"),
            spool=self.authority.folder / f"{self.sockets.name}-spool-{name}",
            limits=PATIENT,
            siblings=SiblingsConfig(self.sockets, NAMES),
        )

    def start(self, index: int) -> Relay:
        relay = Relay(self.config(index), Log(f"a{index + 1}", io.StringIO()))
        self.port = relay.open()[0][1]
        stopping = asyncio.Event()
        task = asyncio.get_running_loop().create_task(relay.serve(stopping))
        self._stops.append((stopping, task))
        self.relays.append(relay)
        return relay

    async def stop(self, index: int) -> None:
        stopping, task = self._stops.pop(index)
        stopping.set()
        await task
        self.relays.pop(index)

    async def device(self, name: str, *, tunnel: bool = False) -> Client:
        who = self.authority.device(DEVICE)
        context = device_client_context(who.certificate, who.key, self.authority.ca, tunnel=tunnel)
        return await self.client(context, name)

    async def specialist(self, name: str) -> Client:
        who = self.authority.session(SESSION)
        context = specialist_client_context(who.certificate, who.key, self.authority.ca)
        return await self.client(context, name)

    async def client(self, context, name: str) -> Client:
        client = Client(await connect("127.0.0.1", self.port, context, name))
        self.clients.append(client)
        return client

    def counted(self, what: str) -> int:
        return sum(relay.door.counts[what] for relay in self.relays)

    async def close(self) -> None:
        for client in self.clients:
            client.stream.abort()
        while self.relays:
            await self.stop(0)
        await self.live.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    world = House(folder / secrets.token_hex(4))
    await world.live.start()
    await world.live.push(offered())
    try:
        for index in range(len(NAMES)):
            world.start(index)
        yield world
    finally:
        await world.close()


async def test_each_reaches_the_relay_that_it_asks_for_by_whichever_door(tmp_path):
    async with house(tmp_path) as at:
        for turn in range(40):
            client = await at.device(NAMES[turn % 2])
            answer = await client.poll(INTERVAL)
            assert answer.status == 200
            assert parse_poll_reply(answer.body).next_in_ms > 0
            client.stream.abort()
        assert [relay.door.counts["established"] for relay in at.relays] == [20, 20]
        # The kernel gives half of them to the other one; that none came so is one case in 2^40.
        assert at.counted("handed_over") > 0
        assert at.counted("taken_over") == at.counted("handed_over")
        assert at.counted("accepted") == 40 + at.counted("handed_over")
        await until(lambda: not any(relay.door.links for relay in at.relays))


async def test_both_legs_of_a_session_meet_in_the_process_that_its_address_names(tmp_path):
    async with house(tmp_path) as at:
        await until(lambda: all(relay.pairing.known() for relay in at.relays))
        for index in range(6):
            device = await at.device(NAMES[1], tunnel=True)
            specialist = await at.specialist(NAMES[1])
            device.ask_for_tunnel("device", index)
            specialist.ask_for_tunnel("specialist", index)
            assert (await device.response()).status == 101
            assert (await specialist.response()).status == 101
            device.send(b"from the bedside")
            assert await specialist.read(16) == b"from the bedside"
        assert [relay.door.counts["established"] for relay in at.relays] == [0, 12]
        assert at.counted("handed_over") > 0


async def test_the_name_for_enrolment_is_a_siblings_too(tmp_path):
    async with house(tmp_path) as at:
        bare = enrolment_client_context(at.authority.ca)
        for turn in range(20):
            client = await at.client(bare, f"enrol.{NAMES[turn % 2]}")
            assert (await client.poll()).status == 404
            client.stream.abort()
        assert [relay.door.counts["established"] for relay in at.relays] == [10, 10]


async def test_a_sibling_that_is_gone_is_as_if_the_host_refused_and_it_may_come_back(tmp_path):
    async with house(tmp_path) as at:
        for _ in range(10):  # the lines between the two are open
            (await at.device(NAMES[1])).stream.abort()
        await at.stop(1)
        with pytest.raises(OSError):
            await at.device(NAMES[1])
        assert (await (await at.device(NAMES[0])).poll(INTERVAL)).status == 200
        assert at.relays[0].door.counts["sibling_lost"] == 1
        at.start(1)
        for _ in range(20):
            client = await at.device(NAMES[1])
            assert (await client.poll(INTERVAL)).status == 200
            client.stream.abort()


async def test_whoever_is_in_a_siblings_line_when_the_listeners_close_is_let_in(tmp_path):
    async with house(tmp_path) as at:
        giver, taker = (relay.door for relay in at.relays)
        with_ = at.authority.device(DEVICE)
        context = device_client_context(with_.certificate, with_.key, at.authority.ca)
        # More than a turn takes; nothing is awaited, so the relay that they are for has taken none.
        with socket.create_server(("127.0.0.1", 0)) as server:
            given = [socket.create_connection(server.getsockname()) for _ in range(20)]
            for _ in given:
                with server.accept()[0] as handed:
                    assert giver._siblings.hand_over(handed, NAMES[1])
        taker.empty_queues()
        taker.close_listeners()
        for sock in given:
            _, writer = await asyncio.open_connection(
                sock=sock, ssl=context, server_hostname=NAMES[1]
            )
            writer.close()
            await writer.wait_closed()


async def test_what_is_no_connection_is_closed_and_hurts_nobody(tmp_path):
    async with house(tmp_path) as at:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with line, (tmp_path / "file").open("wb") as file, socket.socket() as loose:
            line.connect(str(at.sockets / f"{NAMES[0]}.sock"))
            for each in (file, line, loose):
                rights = array.array("i", [each.fileno()])
                line.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            line.send(b"more than is ever said, and no connection")
            await until(lambda: at.relays[0].door.counts["gone_at_accept"] == 1)
        assert (await (await at.device(NAMES[0])).poll(INTERVAL)).status == 200


async def test_a_folder_that_is_not_there_stops_the_start_with_its_name(tmp_path):
    async with house(tmp_path) as at:
        at.sockets = at.sockets / "nowhere"
        relay = Relay(at.config(0), Log("a1", io.StringIO()))
        with pytest.raises(ConfigError, match=r"siblings\.folder"):
            relay.open()
        relay.door.close()

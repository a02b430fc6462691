"""A relay, a fake console, and clients that speak TLS to it: what the relay's tests share."""

import asyncio
import contextlib
import io
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from bedside.pki.contexts import (
    device_client_context,
    enrolment_client_context,
    specialist_client_context,
)
from bedside.protocol.feed import TunnelOffered
from bedside.protocol.http import Response, ResponseReader, request
from bedside.protocol.poll import PollRequest
from bedside.protocol.shapes import JournalHead
from bedside.protocol.tunnel import proof, proof_digests, tunnel_request
from bedside.relay.clock import wall_ms
from bedside.relay.config import Address, Limits, RelayConfig
from bedside.relay.console_line import ConsolePlace
from bedside.relay.log import Log
from bedside.relay.server import Relay
from bedside.testing.certificates import Credentials, PocketAuthority
from bedside.testing.fake_live import FakeLive
from bedside.testing.streams import Stream, connect
from bedside.vocabulary import Activity, DeviceId, PollMode, RelayName, SessionId

NAME = "relay-a.example"
DEVICE = DeviceId("CI-20417")
OTHER = DeviceId("CI-20418")
SESSION = SessionId("01JD0000000000000000000000")
ELSEWHERE = SessionId("01JD0000000000000000000001")
SEED = bytes(range(32))

PATIENT = Limits()
"""Limits that no test meets by accident."""


def poll(
    instance: str = "0" * 32,
    *,
    acks: tuple[str, ...] = (),
    mode: PollMode = PollMode.HELD,
    **changes,
) -> PollRequest:
    made = PollRequest(
        instance=instance,
        sequence=1,
        mode=mode,
        acks=acks,
        activity=Activity.IDLE,
        journal=JournalHead(size=1, head="0" * 64),
        version="1.0",
        configuration=1,
    )
    return replace(made, **changes)


def offered(session: SessionId = SESSION, device: DeviceId = DEVICE, **changes) -> TunnelOffered:
    made = TunnelOffered(
        session=session,
        device=device,
        device_proofs=proof_digests(SEED, "device"),
        specialist_proofs=proof_digests(SEED, "specialist"),
        not_after_ms=wall_ms() + 3_600_000,
        idle_s=600,
        max_bytes=2**40,
    )
    return replace(made, **changes)


class Client:
    """One connection to the relay, as any peer might open it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.send = stream.send
        self.close = stream.close
        self.closed = stream.rest
        self._responses = ResponseReader()

    async def response(self) -> Response:
        while (answer := self._responses.next()) is None:
            assert self._responses.error is None, self._responses.error
            data = await self.stream.some()
            assert data, f"closed without an answer: {self.stream.error}"
            self._responses.receive(data)
        return answer

    async def ask(self, method: str, target: str, body: bytes | None = None, **headers) -> Response:
        self.send(request(method, target, NAME, headers, body))
        return await self.response()

    async def poll(self, asked: PollRequest | None = None) -> Response:
        return await self.ask("POST", "/v1/poll", (asked or poll()).to_json())

    def ask_for_tunnel(self, side: str, index: int = 0, session: SessionId = SESSION) -> None:
        self.send(tunnel_request(NAME, session, index, proof(SEED, side, index)))

    async def read(self, count: int) -> bytes:
        """Bytes of the stream behind the upgrade."""
        early, self._responses = self._responses.trailing, ResponseReader()
        return early + await self.stream.read(count - len(early))


class World:
    """Certificates, a fake console and one relay, in this event loop."""

    relay: Relay
    port: int
    serving: asyncio.Task[None]

    def __init__(self, folder: Path) -> None:
        self.stopping = asyncio.Event()
        self.authority = PocketAuthority(folder)
        self.log = io.StringIO()
        self.relay_credentials = self.authority.relay("a", NAME)
        self.live = FakeLive(self.authority.console("live.example"), "live.example")
        self.live.know("a", self.relay_credentials.certificate)
        self.clients: list[Client] = []

    def config(self, limits: Limits) -> RelayConfig:
        return RelayConfig(
            name=RelayName("a"),
            server_name=NAME,
            listen=(Address("127.0.0.1", 0),),
            certificate=self.relay_credentials.certificate,
            key=self.relay_credentials.key,
            ca=self.authority.ca_file,
            console=ConsolePlace("127.0.0.1", self.live.port, "live.example"),
            spool=self.authority.folder / "spool",
            limits=limits,
        )

    async def connect(self, context: ssl.SSLContext | None, server_name: str = NAME) -> Client:
        stream = await connect(
            "127.0.0.1", self.port, context, server_name if context is not None else None
        )
        client = Client(stream)
        self.clients.append(client)
        return client

    async def device(
        self, device: str = DEVICE, *, tunnel: bool = False, credentials: Credentials | None = None
    ) -> Client:
        with_ = credentials or self.authority.device(device)
        context = device_client_context(
            with_.certificate, with_.key, self.authority.ca, tunnel=tunnel
        )
        return await self.connect(context)

    async def specialist(self, session: str = SESSION) -> Client:
        with_ = self.authority.session(session)
        context = specialist_client_context(with_.certificate, with_.key, self.authority.ca)
        return await self.connect(context)

    async def newcomer(self) -> Client:
        return await self.connect(enrolment_client_context(self.authority.ca), f"enrol.{NAME}")

    async def held(
        self, device: str = DEVICE, *, credentials: Credentials | None = None
    ) -> "tuple[Client, asyncio.Task[Response]]":
        """A device, and its poll that is held, for as long as holds are: its first one may be short."""
        client = await self.device(device, credentials=credentials)
        await client.poll(poll(mode=PollMode.INTERVAL))
        asking = asyncio.get_running_loop().create_task(client.poll())
        await until(lambda: self.relay.polls.held)
        return client, asking

    async def raw(self) -> Client:
        """A TCP connection without TLS."""
        return await self.connect(None)

    async def paired(self) -> tuple[Client, Client]:
        """A device's leg and a specialist's, already spliced."""
        device = await self.device(tunnel=True)
        specialist = await self.specialist()
        device.ask_for_tunnel("device")
        specialist.ask_for_tunnel("specialist")
        assert (await device.response()).status == 101
        assert (await specialist.response()).status == 101
        return device, specialist

    async def told(self, feeds: int) -> None:
        """Wait until the relay has asked for news so often: it has taken in the answers before."""
        await self.live.wait_for_feeds(feeds)


async def until(holds: Callable[[], object]) -> None:
    """Wait until `holds()`; TimeoutError after a minute."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - the relay's own state, no event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(
    folder: Path, limits: Limits = PATIENT, *events, relay_class=Relay, **options
) -> AsyncIterator[World]:
    """A world whose relay has taken in `events`."""
    world = World(folder / secrets.token_hex(4))
    await world.live.start()
    await world.live.push(*events)
    relay = world.relay = relay_class(world.config(limits), Log("a", world.log), **options)
    world.port = relay.open()[0][1]
    world.serving = asyncio.get_running_loop().create_task(relay.serve(world.stopping))
    try:
        await world.told(2)  # the second question is asked once the first answer was applied
        yield world
    finally:
        for client in world.clients:
            client.stream.abort()
        world.stopping.set()
        await world.serving
        await world.live.stop()

"""A relay under attack, and how long honest devices wait meanwhile.

One relay process with its default limits. Honest devices poll on connections that stand, and others
connect, shake hands and poll, all from one address; each attack comes from another address and from a
process of its own, as often as that process can, for SECONDS. `counted` is how often the relay says
that it refused, cut off or delayed something meanwhile; `cpu` is what the relay used of one core.

The attacker is niced: on a machine of two cores it would otherwise take the core of whoever measures.
"""

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bedside.protocol.feed import TunnelOffered
from bedside.protocol.poll import PollRequest
from bedside.protocol.shapes import JournalHead
from bedside.protocol.tunnel import proof, proof_digests, tunnel_request
from bedside.testing import attacks
from bedside.testing.attacks import Target
from bedside.testing.certificates import Credentials, PocketAuthority
from bedside.testing.fake_live import FakeLive
from bedside.testing.streams import Stream
from bedside.vocabulary import Activity, DeviceId, PollMode, SessionId
from bench.figures import compile_c, cpu_seconds, report, say

SECONDS = float(os.environ.get("SECONDS", "12"))  # noqa: TID251 - as the other benchmarks
HONEST = 40
NAME = "relay-a.example"
ATTACKER, SESSION, SEED = DeviceId("CI-66666"), SessionId("01JD0000000000000000000000"), bytes(32)
INTERVAL = PollRequest(
    instance="0" * 32,
    sequence=1,
    mode=PollMode.INTERVAL,
    acks=(),
    activity=Activity.IDLE,
    journal=JournalHead(size=1, head="0" * 64),
    version="1.0",
    configuration=1,
)
BODY = INTERVAL.to_json()
ASKED = b"POST /v1/poll HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
CONFIG = """\
name = "a"
server_name = "{name}"
listen = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
certificate = "{relay.certificate}"
key = "{relay.key}"
ca = "{folder}/ca.pem"
[console]
host = "127.0.0.1"
port = {port}
server_name = "live.example"
"""
_COUNTED = re.compile(
    r"^bedside_relay_(?:connections_refused|refusals|polls_delayed)_total(?:\{[^}]*\})? (\S+)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Relay:
    """The process under attack."""

    pid: int
    port: int
    admin: int

    async def counted(self) -> float:
        """Return how often it refused, cut off or delayed something."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.admin)
        writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        text = (await reader.read()).decode()
        writer.close()
        return sum(map(float, _COUNTED.findall(text)))


class Honest:
    """Devices that keep to what they are told, and the time that each poll took."""

    def __init__(self, targets: list[Target]) -> None:
        self._targets = targets
        self._tasks: list[asyncio.Task[None]] = []
        self.polls: list[float] = []
        self.arrivals: list[float] = []
        self.failed = 0

    async def start(self) -> None:
        """Connect, and poll once a second each; every tenth of a second one more comes anew."""
        loop = asyncio.get_running_loop()
        streams = [await each.open() for each in self._targets[1:]]
        for number, stream in enumerate(streams):
            self._tasks.append(loop.create_task(self._stay(stream, number / len(streams))))
        self._tasks.append(loop.create_task(self._arrive(self._targets[0])))

    def stop(self) -> None:
        """Stop polling."""
        for task in self._tasks:
            task.cancel()

    async def _stay(self, stream: Stream, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        while True:
            await self._ask(stream, self.polls, time.perf_counter())
            await asyncio.sleep(1)

    async def _arrive(self, target: Target) -> None:
        while True:
            started = time.perf_counter()
            try:
                stream = await target.open()
                await self._ask(stream, self.arrivals, started)
                stream.abort()
            except (OSError, TimeoutError):
                self.failed += 1
            await asyncio.sleep(0.5)

    async def _ask(self, stream: Stream, into: list[float], started: float) -> None:
        stream.send(ASKED)
        answer = await stream.some()
        if answer.startswith(b"HTTP/1.1 200"):
            into.append((time.perf_counter() - started) * 1000)
        else:
            self.failed += 1


Attack = Callable[[Target, Path, float], Awaitable[object]]


def _again(attack: Callable[[Target, Path], Awaitable[object]], *, at_once: int) -> Attack:
    async def play(target: Target, folder: Path, seconds: float) -> int:
        return await attacks.often(lambda: attack(target, folder), seconds=seconds, at_once=at_once)

    return play


async def _half_open(target: Target, _: Path, seconds: float) -> int:
    streams: list[Stream] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(streams) < 10_000:
        streams += await attacks.half_open(target, 100)
    await asyncio.sleep(max(0.0, end - time.monotonic()))
    return len(streams)


async def _stall(target: Target, _: Path) -> None:
    stream = await attacks.stalled_handshake(target)
    await stream.rest()


async def _flood(target: Target, _: Path, seconds: float) -> int:
    return await attacks.flood_polls(target, INTERVAL, seconds, pause_s=0.01)


async def _reconnect(target: Target, _: Path) -> None:
    stream = await target.open()
    stream.send(ASKED)
    await stream.some()
    stream.abort()


async def _smuggle(target: Target, _: Path) -> None:
    for data in attacks.SMUGGLED.values():
        await attacks.smuggle(target, data)


async def _garbage(target: Target, _: Path) -> None:
    head = tunnel_request(NAME, SESSION, 0, proof(SEED, "device", 0))
    await attacks.garbage_after_upgrade(target, head, b"\0garbage" * 100_000)


async def _rekey(target: Target, _: Path) -> None:
    program = compile_c(Path(__file__).parent / "loadgen" / "rekey.c", "ssl", "crypto")
    where = (target.host, str(target.port), target.server_name)
    files = (target.device.certificate, target.device.key)
    process = await asyncio.create_subprocess_exec(
        *(program, *where, *files, str(target.source), str(SECONDS)), stdout=asyncio.subprocess.PIPE
    )
    await process.communicate()


def _offer(name: str) -> Callable[[Target, Path], Awaitable[object]]:
    return lambda target, folder: attacks.offer_certificate(
        target, folder / f"{name}.crt", folder / f"{name}.key"
    )


def _drip(last: int) -> Callable[[Target, Path], Awaitable[object]]:
    return lambda target, _: attacks.drip(target, ASKED, pause_s=0.05, last=last)


ATTACKS: dict[str, Attack] = {
    "half_open": _half_open,
    "slow_handshake": _again(_stall, at_once=500),
    "slow_head": _again(_drip(len(BODY) + 4), at_once=70),
    "slow_body": _again(_drip(4), at_once=70),
    "old_tls": _again(lambda target, _: attacks.old_tls(target), at_once=20),
    "rekey": _again(_rekey, at_once=10),
    "giant_certificate": _again(_offer("giant-60000"), at_once=20),
    "chain_of_20": _again(_offer("chain-20"), at_once=20),
    "smuggled": _again(_smuggle, at_once=10),
    "garbage_after_upgrade": _again(_garbage, at_once=20),
    "polls_100_a_second": _flood,
    "reconnects": _again(_reconnect, at_once=20),
}


def attacker(name: str, target: Target, folder: Path) -> None:
    """Play one attack in a process of its own, and end."""
    os.nice(10)
    with contextlib.suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(_play(name, target, folder), SECONDS + 2))


async def _play(name: str, target: Target, folder: Path) -> None:
    played = await ATTACKS[name](target, folder, SECONDS)
    say(f"{name}: {played}")


@contextlib.asynccontextmanager
async def relay_of(folder: Path, authority: PocketAuthority) -> AsyncIterator[Relay]:
    """Start a relay process with its default limits, and a console that it can follow."""
    credentials = authority.relay("a", NAME)
    live = FakeLive(authority.console("live.example"), "live.example")
    live.know("a", credentials.certificate)
    await live.start()
    await live.push(_tunnel())
    config = folder / "relay.toml"
    values = {"name": NAME, "relay": credentials, "folder": folder, "port": live.port}
    config.write_text(CONFIG.format(**values))
    with (folder / "relay.log").open("w+b") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bedside", "relay", "run", "--config", str(config)), stderr=log
        )
        try:
            ports = await _ports(folder / "relay.log")
            yield Relay(process.pid, *ports)
        finally:
            process.kill()
            await process.wait()
            await live.stop()


def _tunnel() -> TunnelOffered:
    return TunnelOffered(
        session=SESSION,
        device=ATTACKER,
        device_proofs=proof_digests(SEED, "device"),
        specialist_proofs=proof_digests(SEED, "specialist"),
        not_after_ms=4_000_000_000_000,
        idle_s=600,
        max_bytes=2**50,
    )


async def _ports(log: Path) -> tuple[int, int]:
    async with asyncio.timeout(20):
        while True:
            text = log.read_text()  # noqa: ASYNC240  # a line or two
            found = [
                re.search(rf'"{event}".*"port": ?(\d+)', text)
                for event in ("listening", "admin_listening")
            ]
            if all(found):
                return int(found[0][1]), int(found[1][1])  # type: ignore[index]
            await asyncio.sleep(0.05)


def p99(values: list[float]) -> float:
    """Return the 99th percentile: of few values the slowest."""
    return sorted(values)[-1 - len(values) // 100] if values else float("inf")


async def bout(name: str, relay: Relay, honest: list[Target], attack: Target, folder: Path) -> None:
    """Play one attack and print what became of everybody."""
    devices = Honest(honest)
    await devices.start()
    before, cpu, started = await relay.counted(), cpu_seconds([relay.pid]), time.monotonic()
    process = get_context("spawn").Process(target=attacker, args=(name, attack, folder))
    if name in ATTACKS:
        process.start()
        while process.is_alive():  # noqa: ASYNC110  # a process tells no event
            await asyncio.sleep(0.1)
    else:
        await asyncio.sleep(SECONDS)
    took = time.monotonic() - started
    report(f"attacks.{name}.poll_p99", p99(devices.polls), "ms")
    report(f"attacks.{name}.arrive_p99", p99(devices.arrivals), "ms")
    report(f"attacks.{name}.failed", devices.failed, "honest polls")
    report(f"attacks.{name}.counted", await relay.counted() - before, "refusals")
    report(f"attacks.{name}.cpu", (cpu_seconds([relay.pid]) - cpu) / took * 100, "%")
    devices.stop()


async def main() -> None:
    """Measure a calm while, then each attack in turn."""
    with tempfile.TemporaryDirectory(prefix="bedside-") as name:
        folder = Path(name)
        authority = PocketAuthority(folder)
        attacks.self_made_certificate(folder, f"bedside:device/{ATTACKER}", size=60_000)
        attacks.long_chain(folder, f"bedside:device/{ATTACKER}", length=20)

        def target(device: Credentials, port: int, source: str) -> Target:
            return Target("127.0.0.1", port, NAME, authority.ca, device, source)

        async with relay_of(folder, authority) as relay:
            devices = [authority.device(f"CI-{10_000 + each}") for each in range(HONEST)]
            honest = [target(each, relay.port, "127.0.0.3") for each in devices]
            attack = target(authority.device(ATTACKER), relay.port, "127.0.0.2")
            for each in sys.argv[1:] or ["calm", *ATTACKS]:
                await bout(each, relay, honest, attack, folder)
        say(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    asyncio.run(main())

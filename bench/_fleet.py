"""A relay or mosquitto under a fleet of devices: processes, their memory and CPU, the generator.

The generator (`loadgen/fleet`) issues each device a certificate of its own, plays the console towards
the relay, and takes one command at a time. What it prints is in its `main.c`.
"""

import asyncio
import contextlib
import os
import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from bedside.protocol.feed import TunnelOffered
from bedside.protocol.tunnel import proof, proof_digests, tunnel_request
from bedside.testing.certificates import Credentials, PocketAuthority
from bedside.vocabulary import DeviceId, SessionId
from bench.figures import compile_c, cpu_seconds, tree_rss_mib, work_folder

__all__ = ["NAME", "Fleet", "Place", "Server", "Wake", "numbers", "place"]

NAME = "relay-a.example"
_SESSION = SessionId("01JD0000000000000000000000")
_DEVICE = DeviceId("CI-20417")
_SEED = bytes(32)
_WAIT_S = 300

_RELAY = """\
name = "{name}"
server_name = "{server_name}"
listen = ["127.0.0.1:{port}"]
certificate = "relay.crt"
key = "relay.key"
ca = "ca.pem"
spool = "spool-{port}"
[limits]
connections_count = 19800
connections_per_source_count = 1000000
handshakes_per_source_count = 10000
polls_per_minute_count = 60000
{limits}
[console]
host = "127.0.0.1"
port = {console}
server_name = "live.example"
"""
_MOSQUITTO = """\
user root
listener {port} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/relay.crt
keyfile {folder}/relay.key
tls_version tlsv1.3
require_certificate true
allow_anonymous true
max_connections -1
set_tcp_nodelay true
persistence false
log_type none
"""


@dataclass(frozen=True, slots=True)
class Wake:
    """From an order enqueued to its bytes at the device, in milliseconds."""

    p50: float
    p99: float
    most: float
    lost: int


@dataclass(frozen=True, slots=True)
class Server:
    """What is measured: one process that devices connect to."""

    process: asyncio.subprocess.Process
    port: int

    @property
    def memory_kib(self) -> float:
        """Resident memory now."""
        return tree_rss_mib(self.process.pid) * 1024

    @property
    def memory_peak_kib(self) -> float:
        """Resident memory at its most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return float(status.partition("VmHWM:")[2].split()[0])

    @property
    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds([self.process.pid])


class Fleet:
    """One generator, commanded line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.console_port = 0

    async def ask(self, *words: object) -> list[float]:
        """Give one command and return the numbers of its answer; SystemExit when it dies."""
        self.say(*words)
        return await self.answer()

    def say(self, *words: object) -> None:
        """Give one command."""
        assert self._process.stdin is not None
        self._process.stdin.write((" ".join(map(str, words)) + "\n").encode())

    async def answer(self) -> list[float]:
        """Return the numbers of the next answer."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_WAIT_S):
            line = (await self._process.stdout.readline()).decode()
        if not line:
            raise SystemExit("the generator ended")
        return [float(word) for word in line.split()[1:]]

    async def connect(self, port: int) -> float:
        """Connect all devices and return the seconds; SystemExit unless all are served."""
        seconds, refused, timed_out = await self.ask("connect", port, 64)
        if refused or timed_out:
            raise SystemExit(f"{refused:.0f} devices were refused, {timed_out:.0f} timed out")
        return seconds

    async def wake(self, count: int, *, gap_us: int) -> Wake:
        """Send `count` orders to devices at random, one every `gap_us` or so."""
        p50, p99, most, lost = await self.ask("wake", count, gap_us)
        return Wake(p50 / 1000, p99 / 1000, most / 1000, int(lost))


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with certificates of one authority, and programs that use them."""

    folder: Path
    generator: Path

    @contextlib.asynccontextmanager
    async def fleet(self, speech: str, count: int, *, first: int = 0) -> AsyncIterator[Fleet]:
        """Start a generator of so many devices that speak `polls` or `mqtt`."""
        pipe = asyncio.subprocess.PIPE
        words = (speech, NAME, str(self.folder), str(first), str(count))
        process = await asyncio.create_subprocess_exec(
            self.generator, *words, stdin=pipe, stdout=pipe
        )
        async with _ended(process):
            fleet = Fleet(process)
            (console,) = await fleet.answer()
            fleet.console_port = int(console)
            yield fleet

    @contextlib.asynccontextmanager
    async def relay(
        self, fleet: Fleet, *, name: str = "a", limits: str = ""
    ) -> AsyncIterator[Server]:
        """Start a relay process that follows this generator's console."""
        port = _free_port()
        config = self.folder / f"relay-{port}.toml"
        config.write_text(
            _RELAY.format(
                name=name, server_name=NAME, port=port, console=fleet.console_port, limits=limits
            )
        )
        command = (sys.executable, "-m", "bedside", "relay", "run", "--config", str(config))
        async with self._serving(command, port) as server:
            yield server

    @contextlib.asynccontextmanager
    async def mosquitto(self) -> AsyncIterator[Server]:
        """Start mosquitto with the relay's own certificate, asking for the devices'."""
        port = _free_port()
        config = self.folder / f"mosquitto-{port}.conf"
        config.write_text(_MOSQUITTO.format(port=port, folder=self.folder))
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        async with self._serving((program, "-c", str(config)), port) as server:
            yield server

    @contextlib.asynccontextmanager
    async def _serving(self, command: tuple[str, ...], port: int) -> AsyncIterator[Server]:
        with (self.folder / f"{port}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        async with _ended(process):
            await _listening(port)
            await asyncio.sleep(1)  # its first words with the console are not what is measured
            yield Server(process, port)


@contextlib.contextmanager
def place(*, tunnels: int = 0) -> Iterator[Place]:
    """Make a folder in memory with certificates, and heads for so many tunnels."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    generator = compile_c(Path(__file__).parent / "loadgen" / "fleet", "ssl", "crypto")
    memory = Path("/dev/shm")  # noqa: S108  # memory, not a place that others may write
    parent = memory if memory.is_dir() else work_folder()
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        authority = PocketAuthority(folder)
        authority.write_key()
        _put(folder, "relay", authority.relay("a", NAME))
        _put(folder, "console", authority.console("live.example"))
        _put(folder, "device", authority.device(_DEVICE))
        _put(folder, "specialist", authority.session(_SESSION))
        if tunnels:
            _offer_tunnels(folder, tunnels)
        yield Place(folder, generator)


def numbers(name: str, default: str) -> list[int]:
    """Return what an environment variable says: numbers joined by commas."""
    return [int(each) for each in os.environ.get(name, default).split(",")]  # noqa: TID251


def _put(folder: Path, who: str, credentials: Credentials) -> None:
    shutil.copy(credentials.certificate, folder / f"{who}.crt")
    shutil.copy(credentials.key, folder / f"{who}.key")


def _offer_tunnels(folder: Path, count: int) -> None:
    offered = TunnelOffered(
        session=_SESSION,
        device=_DEVICE,
        device_proofs=proof_digests(_SEED, "device"),
        specialist_proofs=proof_digests(_SEED, "specialist"),
        not_after_ms=4_000_000_000_000,
        idle_s=600,
        max_bytes=2**50,
    )
    (folder / "feed.json").write_bytes(offered.to_json())
    for side in ("device", "specialist"):
        for index in range(count):
            head = tunnel_request(NAME, _SESSION, index, proof(_SEED, side, index))
            (folder / f"{side}.{index}").write_bytes(head)


@contextlib.asynccontextmanager
async def _ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _listening(port: int) -> None:
    wanted = f":{port:04X} 00000000:0000 0A "
    sockets = Path("/proc/net/tcp")
    async with asyncio.timeout(20):
        while wanted not in sockets.read_text("ascii"):  # noqa: ASYNC110, ASYNC240  # nobody tells
            await asyncio.sleep(0.05)

"""CPU a gigabyte of the relay's splice, beside haproxy doing the same TLS on the same machine.

Both legs are mutual TLS 1.3, AES-256-GCM, P-256. Bedside pairs two legs that dial in; haproxy cannot
pair, so it accepts one leg and dials the other: the same number of TLS legs. Both run with one
thread, round by round in turn; a ratio is the median of the rounds' ratios.
"""

import asyncio
import os
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bedside.protocol.feed import TunnelOffered
from bedside.protocol.tunnel import proof, proof_digests, tunnel_request
from bedside.testing.certificates import Credentials, PocketAuthority
from bedside.testing.fake_live import FakeLive
from bedside.vocabulary import DeviceId, SessionId
from bench.figures import compile_c, cpu_seconds, median, report, say, work_folder

ROUNDS = int(os.environ.get("ROUNDS", "5"))  # noqa: TID251  # a benchmark's own configuration
GIGABYTES = int(os.environ.get("GIGABYTES", "2"))  # noqa: TID251  # the same
STREAMS = (1, 8)
NAME = "relay-a.example"
DEVICE = DeviceId("CI-20417")
SESSION = SessionId("01JD0000000000000000000000")
SEED = bytes(32)

_HAPROXY = """\
global
  nbthread 1
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode tcp
  timeout connect 10s
  timeout client 120s
  timeout server 120s
listen splice
  bind 127.0.0.1:{port} ssl crt {folder}/relay.pem ca-file {folder}/ca.pem verify required
  server sink 127.0.0.1:{sink} ssl crt {folder}/specialist.pem ca-file {folder}/ca.pem verify required
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """One measurement: CPU seconds a gigabyte, and megabytes a second."""

    cpu_per_gb: float
    megabytes_per_s: float


class Bench:
    """Certificates, the load generator, and both servers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loadgen = compile_c(Path(__file__).parent / "loadgen" / "splice.c", "ssl", "crypto")
        authority = PocketAuthority(folder)
        self.relay = authority.relay("a", NAME)
        self._place("relay", self.relay)
        self._place("sink", authority.issue("bedside:relay/b", hosts=("sink",)))
        self._place("device", authority.device(DEVICE))
        self._place("specialist", authority.session(SESSION))
        self.live = FakeLive(authority.console("live.example"), "live.example")
        self.live.know("a", self.relay.certificate)
        for side in ("device", "specialist"):
            for index in range(64):
                head = tunnel_request(NAME, SESSION, index, proof(SEED, side, index))
                (folder / f"{side}.{index}").write_bytes(head)

    def _place(self, who: str, credentials: Credentials) -> None:
        certificate, key = credentials.certificate.read_text(), credentials.key.read_text()
        (self.folder / f"{who}.crt").write_text(certificate)
        (self.folder / f"{who}.key").write_text(key)
        (self.folder / f"{who}.pem").write_text(certificate + key)

    async def start(self) -> None:
        """Start the console's stand-in with one session."""
        await self.live.start()
        await self.live.push(
            TunnelOffered(
                session=SESSION,
                device=DEVICE,
                device_proofs=proof_digests(SEED, "device"),
                specialist_proofs=proof_digests(SEED, "specialist"),
                not_after_ms=int(time.time() * 1000) + 7_200_000,
                idle_s=600,
                max_bytes=2**50,
            )
        )

    async def bedside(self, streams: int) -> Moved:
        """Measure the relay, started afresh."""
        port = _free_port()
        config = self.folder / "relay.toml"
        config.write_text(
            f'name = "a"\nserver_name = "{NAME}"\nlisten = ["127.0.0.1:{port}"]\n'
            f'certificate = "relay.crt"\nkey = "relay.key"\nca = "ca.pem"\n'
            f'[console]\nhost = "127.0.0.1"\nport = {self.live.port}\n'
            f'server_name = "live.example"\n'
        )
        feeds = self.live.feeds
        arguments = ("-m", "bedside", "relay", "run", "--config", str(config))
        relay = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        try:
            await self.live.wait_for_feeds(feeds + 2)
            load = await self._load("pair", str(port), streams)
            return await _measure(load, relay.pid)
        finally:
            relay.terminate()
            await relay.wait()

    async def haproxy(self, streams: int) -> Moved:
        """Measure haproxy, started afresh."""
        load = await self._load("forward", "-", streams)
        sink = (await _line(load)).removeprefix("port ")
        port = _free_port()
        config = self.folder / "haproxy.cfg"
        config.write_text(_HAPROXY.format(port=port, sink=sink, folder=self.folder))
        # -db: one process in the foreground.
        server = await asyncio.create_subprocess_exec(
            "haproxy", "-db", "-f", str(config), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await _listening(port)
            _say_to(load, str(port))
            return await _measure(load, server.pid)
        finally:
            server.terminate()
            await server.wait()

    async def _load(self, kind: str, port: str, streams: int) -> asyncio.subprocess.Process:
        size = GIGABYTES * 1_000_000_000
        arguments = (kind, "127.0.0.1", port, NAME, str(streams), str(size), str(self.folder))
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            self.loadgen, *arguments, stdin=pipe, stdout=pipe
        )


async def _measure(load: asyncio.subprocess.Process, server: int) -> Moved:
    if await _line(load) != "ready":
        raise SystemExit("the load generator could not connect")
    before = cpu_seconds([server])
    _say_to(load, "go")
    seconds = float(await _line(load))
    used = cpu_seconds([server]) - before
    await load.wait()
    return Moved(used / GIGABYTES, 1000 * GIGABYTES / seconds)


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


def _say_to(process: asyncio.subprocess.Process, word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n".encode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _listening(port: int) -> None:
    """Wait until somebody listens, without connecting: haproxy would dial the sink."""
    wanted = f":{port:04X} 00000000:0000 0A "
    sockets = Path("/proc/net/tcp")
    while wanted not in sockets.read_text("ascii"):  # noqa: ASYNC110, ASYNC240  # /proc tells nobody
        await asyncio.sleep(0.02)


async def main() -> None:
    """Measure in turn, print the figures."""
    with tempfile.TemporaryDirectory(dir=work_folder()) as folder:
        bench = Bench(Path(folder))
        await bench.start()
        for streams in STREAMS:
            ours, theirs = [], []
            for number in range(ROUNDS):
                theirs.append(await bench.haproxy(streams))
                ours.append(await bench.bedside(streams))
                mine, peer = ours[-1], theirs[-1]
                say(
                    f"{streams} streams, round {number + 1}: "
                    f"bedside {mine.cpu_per_gb:.3f} s/GB {mine.megabytes_per_s:.0f} MB/s, "
                    f"haproxy {peer.cpu_per_gb:.3f} s/GB {peer.megabytes_per_s:.0f} MB/s, "
                    f"{mine.cpu_per_gb / peer.cpu_per_gb:.3f} x"
                )
            show(streams, ours, theirs)
        await bench.live.stop()


def show(streams: int, ours: list[Moved], theirs: list[Moved]) -> None:
    """Print this number of streams' figures."""
    for name, moved in (("bedside", ours), ("haproxy", theirs)):
        cpu = median(each.cpu_per_gb for each in moved)
        report(f"relay_splice.cpu_per_gb.{name}.{streams}", cpu, "s")
        speed = median(each.megabytes_per_s for each in moved)
        report(f"relay_splice.speed.{name}.{streams}", speed, "MB/s")
    ratios = [mine.cpu_per_gb / peer.cpu_per_gb for mine, peer in zip(ours, theirs, strict=True)]
    report(f"relay_splice.cpu_vs_haproxy.{streams}", median(ratios), "x")


if __name__ == "__main__":
    asyncio.run(main())

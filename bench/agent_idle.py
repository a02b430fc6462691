"""What the idle agent costs a device: memory, CPU and bytes on the wire, in both poll modes.

Beside it, in the same run: `ssh -N` with a keepalive at the same period (what people install for
the same end), and the obvious way to write a poller in Python (asyncio and ssl, connected).
Bytes are those of the TLS connections with the headers of their segments, read from the kernel.
"""

import asyncio
import contextlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bedside.protocol.shapes import Relay
from bedside.relay.config import Limits
from bedside.vocabulary import PollMode
from bench.figures import median, report, say, tree_pids, tree_rss_mib
from tests.agent.world import World, world

ROUNDS = 2
WINDOW_S = 61.0
QUIET_LOOKS = 12
"""Half seconds without a worker: its last word to the console was answered."""
_SEGMENT_HEADERS = 20 + 32
"""IPv4 and TCP with timestamps."""
_TCP_INFO_BYTES = 144
_SEGMENTS_AT = 136

_ASYNCIO_CLIENT = """
import asyncio, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(sys.argv[1])
context.load_cert_chain(sys.argv[2], sys.argv[3])
async def main():
  while True:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[4]), ssl=context, server_hostname=sys.argv[5])
    print("up", flush=True)
    await reader.read()
    writer.close()
asyncio.run(main())
"""


@dataclass
class Idle:
    """What one window showed."""

    rss_mib: float
    cpu_s_per_hour: float
    bytes_per_hour: float


class Meter:
    """A TCP forwarder before the relay that counts what goes through it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self._closed = 0
        self._open: dict[socket.socket, list[int]] = {}

    @property
    def count(self) -> int:
        """Bytes so far, both ways, headers included."""
        return self._closed + sum(
            payload[0] + _headers(sock) for sock, payload in self._open.items()
        )

    async def serve(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _carry(self, reader: Any, writer: Any) -> None:
        sock = writer.get_extra_info("socket")._sock
        counter = self._open[sock] = [0]
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)

        async def one_way(source: Any, sink: Any) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    counter[0] += len(data)
                    sink.write(data)
                    await sink.drain()
            # Whoever closes closes both ways, as the relay and the agent do.
            for end in (writer, there_writer):
                end.close()

        await asyncio.gather(one_way(reader, there_writer), one_way(there_reader, writer))
        self._closed += counter[0]
        del self._open[sock]


def _headers(sock: socket.socket) -> int:
    if sock.fileno() < 0:
        return 0
    told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    sent, taken = struct.unpack_from("II", told, _SEGMENTS_AT)
    return int(sent + taken) * _SEGMENT_HEADERS


def cpu_ns(pid: int) -> int:
    """Nanoseconds on a CPU of a process and all below it, finer than the clock's ticks."""
    total = 0
    for each in tree_pids(pid):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{each}/schedstat").read_text().split()[0])
    return total


async def idle_agent(play: World, meter: Meter, mode: PollMode) -> Idle:
    """Measure the agent in `mode` once nothing but the supervisor is left."""
    await play.configure(poll_mode=mode, relays=tuple(play.places.values()))
    assert play.agent is not None
    pid = play.agent.pid
    await play.wait_until(
        lambda: any(entry["detail"].get("serial") == play.serial for entry in play.entries),
        within_s=90,
    )
    quiet = 0
    while quiet < QUIET_LOOKS:
        await play.read_reports()
        quiet = quiet + 1 if len(tree_pids(pid)) == 1 else 0
        await asyncio.sleep(0.5)
    cpu, count, began = cpu_ns(pid), meter.count, time.monotonic()
    await asyncio.sleep(WINDOW_S)
    share = 3600 / (time.monotonic() - began)
    return Idle(
        rss_mib=tree_rss_mib(pid),
        cpu_s_per_hour=(cpu_ns(pid) - cpu) / 1e9 * share,
        bytes_per_hour=(meter.count - count) * share,
    )


@contextlib.contextmanager
def asyncio_client(play: World) -> Iterator[int]:
    """A poller as one would write it, connected to relay a; yields its pid."""
    place = play.places["a"]
    keys = play.config.identity_dir / "current"
    words = [str(play.maker.ca_file), f"{keys}/certificate.pem", f"{keys}/identity.pem"]
    command = [sys.executable, "-I", "-S", "-c", _ASYNCIO_CLIENT, *words]
    with subprocess.Popen(
        [*command, str(place.ports[0]), place.server_name], stdout=subprocess.PIPE
    ) as client:
        yield client.pid
        client.kill()


@contextlib.contextmanager
def idle_ssh(folder: Path) -> Iterator[int]:
    """`ssh -N` to a local sshd; yields its pid."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if sshd is None:
        raise SystemExit("sshd is missing: apt-get install openssh-server")
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nUsePAM no\nPermitRootLogin yes\nPidFile none\n"
    )
    server = subprocess.Popen(
        [sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL
    )
    while not _greets(port):
        time.sleep(0.1)
    options = [
        "StrictHostKeyChecking=no",
        f"UserKnownHostsFile={folder}/known",
        "ServerAliveInterval=30",
    ]
    (folder / "user").chmod(0o600)
    client = subprocess.Popen(
        ["ssh", "-N", "-F", "none", "-o", "LogLevel=ERROR", "-p", str(port), "-i", f"{folder}/user"]
        + [word for option in options for word in ("-o", option)]
        + ["127.0.0.1"],
    )
    try:
        yield client.pid
    finally:
        client.kill()
        client.wait()
        server.terminate()
        server.wait()


def _greets(port: int) -> bool:
    """Whether an SSH server answers; a mere connection could be one with itself."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


@contextlib.asynccontextmanager
async def metered(folder: Path) -> AsyncIterator[tuple[World, Meter]]:
    """A world with the real periods whose agent reaches its relay through a meter."""
    async with world(folder, relays="a", enrolled=False) as play:
        await play.stop_relay("a")
        play.limits = replace(Limits())
        await play.start_relay("a")
        place = play.places["a"]
        meter = Meter(place.ports[0])
        server = await meter.serve()
        play.places["a"] = Relay(
            name=place.name, host=place.host, server_name=place.server_name, ports=(meter.port,)
        )
        status, out = await play.enrol()
        assert status == 0, out
        await play.set_credential()
        play.start_agent()
        try:
            yield play, meter
        finally:
            play.stop_agent()
            server.close()


async def run() -> None:
    """Interleave the modes and the peers, and print the figures."""
    found: dict[PollMode, list[Idle]] = {mode: [] for mode in PollMode}
    peers: dict[str, list[float]] = {"ssh": [], "asyncio": []}
    with tempfile.TemporaryDirectory(prefix="bedside-") as name:
        folder = Path(name)
        (folder / "ssh").mkdir()
        (folder / "world").mkdir()
        async with metered(folder / "world") as (play, meter):
            with idle_ssh(folder / "ssh") as ssh, asyncio_client(play) as client:
                for number in range(ROUNDS):
                    for mode in PollMode:
                        found[mode].append(await idle_agent(play, meter, mode))
                        peers["ssh"].append(tree_rss_mib(ssh))
                        peers["asyncio"].append(tree_rss_mib(client))
                        say(f"round {number + 1}, {mode}: {found[mode][-1]}")
    everything = [one.rss_mib for windows in found.values() for one in windows]
    report("agent_idle.rss", max(everything), "MiB")
    report("agent_idle.rss.ssh", median(peers["ssh"]), "MiB")
    report("agent_idle.rss.asyncio", median(peers["asyncio"]), "MiB")
    for mode, windows in found.items():
        report(f"agent_idle.cpu.{mode}", median(one.cpu_s_per_hour for one in windows), "s/hour")
        kib = median(one.bytes_per_hour for one in windows) / 1024
        report(f"agent_idle.wire.{mode}", kib, "KiB/hour")
    report("agent_idle.rounds", ROUNDS * len(PollMode), "windows")


def main() -> None:
    """Run the benchmark."""
    asyncio.run(run())


if __name__ == "__main__":
    main()

"""The SSH endpoint beside `sshd -i`: MB/s, and CPU seconds per GB of all that serves.

Both serve the same OpenSSH client on a Unix socket, AES-128-GCM, one connection per transfer, in
turns. Counted at the device's end: worker, leash, `cat`, for sshd its tree with `cat` and
sftp-server. Our transfers of files include what sshd does not do: the SHA-256 for the journal. So
each round also measures `openssl dgst -sha256` of the same file; `cpu_vs_sshd` compares with sshd
alone, `cpu_vs_sshd_and_digest` with sshd plus that digest for the file transfers.
"""

import abc
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figures import cpu_seconds, median, report

MEGABYTES = int(os.environ.get("BENCH_MB", "400"))  # noqa: TID251 - a benchmark's own knob
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))  # noqa: TID251
SIZE = MEGABYTES * 1_000_000
HERE = Path(__file__).parent
ACTS = ("cat", "scp_get", "scp_put", "forward")


@dataclass
class Figure:
    """One transfer: how long the client took, and the CPU seconds of what served it."""

    seconds: float
    cpu: float


class Peer(abc.ABC):
    """One server, and how the client reaches the same things on it."""

    item: str
    inbox: str

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.blob = folder / "events.log"

    def client(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start an OpenSSH client on a connection of its own."""
        proxy = f"{sys.executable} -I -S {HERE / '_fdpass.py'} {self.folder / 's'}"
        options = (
            "-F", str(self.folder / "config"), "-o", f"ProxyCommand={proxy}",
            "-o", "ProxyUseFdpass=yes", "-o", "Ciphers=aes128-gcm@openssh.com",
        )  # fmt: skip
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "SSH_ASKPASS": str(self.folder / "askpass"),
            "SSH_ASKPASS_REQUIRE": "force",
        }
        return subprocess.Popen(
            [program, *options, *arguments],
            env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def act(self, name: str) -> subprocess.Popen[bytes]:
        """Start one of ACTS."""
        match name:
            case "cat":
                return self.client("ssh", "device", f"cat {self.blob}")
            case "scp_get":
                return self.client("scp", "-q", f"device:{self.item}", "out")
            case "scp_put":
                return self.client("scp", "-q", "blob", f"device:{self.inbox}")
        return self.client("ssh", "-W", f"127.0.0.1:{self.port}", "device")

    @abc.abstractmethod
    def cpu(self) -> float:
        """Return the CPU seconds of all that served so far."""

    def measure(self, name: str) -> Figure:
        """Do one of ACTS to its end, and count."""
        before = self.cpu()
        start = time.perf_counter()
        client = self.act(name)
        status = client.wait()
        seconds = time.perf_counter() - start
        if status != 0:
            raise SystemExit(f"{type(self).__name__} {name}: the client says {status}")
        return Figure(seconds, self.cpu() - before)


class Bedside(Peer):
    """The worker with its leash."""

    item = "items/events.log"
    inbox = "inbox/"

    def __init__(self, folder: Path, port: int, *words: str) -> None:
        super().__init__(folder, port)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench._ssh_server", str(folder), str(port), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._pids = [int(word) for word in self._process.stdout.readline().split()]

    def cpu(self) -> float:
        """Count the worker, its leash, and what the leash waited for."""
        return cpu_seconds(self._pids)

    def close(self) -> None:
        """End the server."""
        self._process.communicate("")


class Sshd(Peer):
    """`sshd -i` for each connection, as inetd would start it."""

    inbox = "inbox/"

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, port)
        self.item = str(folder / "events.log")
        self.inbox = str(folder / "inbox")
        self._used = 0.0
        self._running: list[subprocess.Popen[bytes]] = []
        (folder / "inbox").mkdir()
        Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("id", "host"):
            make = ["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(folder / name)]
            subprocess.run(make, check=True)
        shutil.copy(folder / "id.pub", folder / "authorized_keys")
        (folder / "sshd_config").write_text(
            f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
            "StrictModes no\nUsePAM no\nPermitRootLogin yes\nLogLevel ERROR\n"
            "Subsystem sftp /usr/lib/openssh/sftp-server\n"
        )
        (folder / "config").write_text(
            f"Host device\nHostName device\nUser root\nIdentityFile {folder}/id\n"
            "IdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n"
            "LogLevel ERROR\n"
        )
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "s"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _address = self._listener.accept()
                command = ["/usr/sbin/sshd", "-i", "-f", str(self.folder / "sshd_config")]
                with line:
                    end = line.fileno()
                    self._running.append(subprocess.Popen(command, stdin=end, stdout=end))

    def cpu(self) -> float:
        """Wait for what serves, then count it with all that it waited for."""
        while self._running:
            process = self._running.pop()
            _pid, _status, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            self._used += usage.ru_utime + usage.ru_stime
        return self._used

    def close(self) -> None:
        """Serve nobody any more."""
        self._listener.close()


@contextlib.contextmanager
def source() -> Iterator[int]:
    """A loopback service that sends SIZE bytes to whoever connects; it is nobody's server CPU."""
    listener = socket.create_server(("127.0.0.1", 0))
    zeros = bytes(1 << 20)

    def send() -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _address = listener.accept()
                with line, contextlib.suppress(OSError):
                    left = SIZE
                    while left:
                        left -= line.send(zeros[:left])

    threading.Thread(target=send, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def prepare(folder: Path) -> Path:
    folder.mkdir()
    (folder / "blob").write_bytes(os.urandom(1 << 20) * (SIZE >> 20) + bytes(SIZE % (1 << 20)))
    return folder


def main() -> None:
    root = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="bedside-bench-"))
    figures: dict[tuple[str, str], list[Figure]] = defaultdict(list)
    try:
        with source() as port:
            loops = sys.argv[1:] or ["asyncio"]
            peers: dict[str, Bedside | Sshd] = {
                name: Bedside(prepare(root / name), port, *([name] if name == "uvloop" else []))
                for name in loops
            }
            peers["sshd"] = Sshd(prepare(root / "sshd"), port)
            for peer in peers.values():
                peer.blob.unlink(missing_ok=True)
                shutil.copyfile(peer.folder / "blob", peer.blob)
            for _ in range(ROUNDS):
                for act in ACTS:
                    for name, peer in peers.items():
                        figures[name, act].append(peer.measure(act))
                figures["digest", "blob"].append(digest(peers["sshd"].blob))
            for peer in peers.values():
                peer.close()
        show(figures, loops)
    finally:
        shutil.rmtree(root)


def digest(path: Path) -> Figure:
    """Return what the SHA-256 of a file costs by itself."""
    start = time.perf_counter()
    command = ["openssl", "dgst", "-sha256", "-out", "/dev/null", str(path)]
    process = subprocess.Popen(command)
    _pid, process.returncode, usage = os.wait4(process.pid, 0)
    return Figure(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)


def show(figures: dict[tuple[str, str], list[Figure]], loops: list[str]) -> None:
    for name in loops:
        prefix = "ssh_endpoint" if name == "asyncio" else f"ssh_endpoint.{name}"
        worst = worst_with_digest = 0.0
        for act in ACTS:
            ours, theirs = figures[name, act], figures["sshd", act]
            extra = figures["digest", "blob"] if act.startswith("scp") else [Figure(0, 0)] * ROUNDS
            ratio = median(a.cpu / b.cpu for a, b in zip(ours, theirs, strict=True))
            with_digest = median(
                a.cpu / (b.cpu + c.cpu) for a, b, c in zip(ours, theirs, extra, strict=True)
            )
            worst, worst_with_digest = max(worst, ratio), max(worst_with_digest, with_digest)
            report(f"{prefix}.{act}.rate", MEGABYTES / median(f.seconds for f in ours), "MB/s")
            report(f"{prefix}.{act}.cpu", median(f.cpu for f in ours) * 1e9 / SIZE, "s/GB")
            report(f"{prefix}.{act}.cpu_vs_sshd", ratio, "x")
            report(f"{prefix}.{act}.cpu_vs_sshd_and_digest", with_digest, "x")
        report(f"{prefix}.cpu_vs_sshd.worst", worst, "x")
        report(f"{prefix}.cpu_vs_sshd_and_digest.worst", worst_with_digest, "x")
    report("sha256.cpu", median(f.cpu for f in figures["digest", "blob"]) * 1e9 / SIZE, "s/GB")
    for act in ACTS:
        theirs = figures["sshd", act]
        report(f"sshd.{act}.rate", MEGABYTES / median(f.seconds for f in theirs), "MB/s")
        report(f"sshd.{act}.cpu", median(f.cpu for f in theirs) * 1e9 / SIZE, "s/GB")


if __name__ == "__main__":
    main()

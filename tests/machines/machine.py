"""A Debian machine with systemd, booted in a folder: real units, real users, addresses of its own.

Root and Debian's `debootstrap`, `systemd-container` and `iproute2` do it; nothing of the host changes
but two network namespaces and more, which end with the machines.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bedside.demo.processes import wait_for

__all__ = ["Machine", "Switch", "base"]

_PACKAGES = (
    "ca-certificates", "dbus", "iproute2", "nginx", "openssh-client", "openssl", "procps",
    "python3", "python3-venv", "systemd", "systemd-sysv",
)  # fmt: skip
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
# What a machine has to know of the host to fetch packages as the host does.
_OF_THE_HOST = (Path("/etc/resolv.conf"), _AUTHORITIES)


def _do(*words: object) -> None:
    done = subprocess.run(
        [str(each) for each in words],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout[-4000:]}"


def base(folder: Path) -> Path:
    """Return Debian 12 as it comes, in `folder`; made once, in a minute."""
    done = folder / "debian-12"
    if not done.exists():
        making = folder / "debian-12.part"
        shutil.rmtree(making, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        _do(
            "debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", "bookworm", making
        )  # fmt: skip
        making.rename(done)
    return done


class Switch:
    """The network between the machines: a bridge in a namespace, out of the host's sight."""

    def __init__(self) -> None:
        self.name = f"bedside-{os.getpid()}"
        _do("ip", "netns", "add", self.name)
        _do("ip", "-n", self.name, "link", "add", "switch", "type", "bridge")
        _do("ip", "-n", self.name, "link", "set", "switch", "up")
        self._plugged: list[str] = []

    def plug(self, name: str, addresses: Sequence[str]) -> Path:
        """Return a network namespace with these addresses (`192.0.2.10/24`), on this network."""
        space, end = f"{self.name}-{name}", f"to-{name}"
        _do("ip", "netns", "add", space)
        self._plugged.append(space)
        cable = ("type", "veth", "peer", "name", "host0", "netns", space)
        _do("ip", "-n", self.name, "link", "add", end, *cable)
        _do("ip", "-n", self.name, "link", "set", end, "master", "switch", "up")
        for link in ("lo", "host0"):
            _do("ip", "-n", space, "link", "set", link, "up")
        for address in addresses:
            _do("ip", "-n", space, "addr", "add", address, "dev", "host0")
        return Path("/run/netns") / space

    def end(self) -> None:
        """Take it all away."""
        for space in (*self._plugged, self.name):
            _do("ip", "netns", "del", space)


class Machine:
    """One machine; the network is plugged in, and it is booted when `with` begins.

    Args:
        folder: becomes its disk.
        debian: the disk that it starts from (`base`).
        space: its network namespace (`Switch.plug`).
        hosts: further lines of its /etc/hosts.
    """

    def __init__(self, folder: Path, debian: Path, space: Path, *, hosts: str = "") -> None:
        self.folder, self._space = folder, space
        _do("cp", "-a", "--reflink=auto", debian, folder)
        for each in _OF_THE_HOST:
            shutil.copyfile(each, folder / each.relative_to("/"))
        # Each machine makes its own at its first start.
        (folder / "etc/machine-id").write_text("")
        (folder / "etc/hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
        self._log = folder.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        self.boot()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.cut()

    def boot(self) -> None:
        """Start it, and wait until systemd says that everything is up."""
        words = ("--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["systemd-nspawn", *words, "-D", self.folder, f"--network-namespace-path={self._space}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_for("the first process of the machine", self._first_process)
        wait_for("the machine", lambda: self._try("systemctl is-system-running").returncode == 0)

    def _first_process(self) -> bool:
        assert self._process is not None
        pid = self._process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                self._pid = int(child)
                return True
        return False

    def cut(self) -> None:
        """Pull the plug: everything that runs there is gone at once, nothing is shut down."""
        if self._process is None:
            return
        os.kill(self._pid, signal.SIGKILL)
        for process in self._started:
            # Its parent is out here: one that nobody has buried keeps the machine from going off.
            process.communicate()
        self._started.clear()
        self._process.wait()
        self._process = None

    def path(self, inside: str) -> Path:
        """Return where a file of the running machine is for the host, `/run` and `/dev` too."""
        return Path(f"/proc/{self._pid}/root") / inside.lstrip("/")

    def run(self, script: str, *, typed: str = "", fetches: bool = False) -> str:
        """Run a script as root, each line as it stands, and return what it printed.

        Args:
            script: lines for bash; the first that fails ends it.
            typed: its standard input.
            fetches: it needs packages from outside, by the host's own way.

        Raises:
            AssertionError: with everything that was said.
        """
        done = self._try(script, typed=typed, fetches=fetches)
        assert done.returncode == 0, f"{script}\n{done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, script: str) -> "subprocess.Popen[str]":
        """Start a script as root and let it run; both its outputs are one."""
        process = subprocess.Popen(
            [*self._inside(), "-c", f"cd /srv; {script}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def _try(
        self, script: str, *, typed: str = "", fetches: bool = False
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._inside(fetches=fetches), "-euc", f"cd /srv\n{script}"],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def _inside(self, *, fetches: bool = False) -> list[str]:
        spaces = [f"--{each}" for each in ("mount", "uts", "ipc", "pid", "cgroup")]
        if not fetches:
            spaces.append("--net")
        given = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("PIP_")]  # noqa: TID251 - handed on
        known = [f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8", f"PIP_CERT={_AUTHORITIES}"]
        return [
            "nsenter", "--target", str(self._pid), *spaces,
            "env", "-i", *given, *known, "bash",
        ]  # fmt: skip

"""Which processes listen: read from the kernel's own tables, for the promise that none does (S14).

And which are connected to a Unix socket.
"""

import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

__all__ = [
    "ListenerWatch",
    "answers",
    "connections_to",
    "descendants",
    "listening",
    "processes_with",
]

_LISTEN = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")
# sock_diag(7): linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY, _NLMSG_DONE = 20, 3
_REQUEST_AND_DUMP = 0x301
_SHOW_NAME_AND_PEER = 1 | 4
_NAME, _PEER = 0, 2
_HEADS = 16 + 16


def answers(path: Path) -> bool:
    """Whether somebody takes connections at a Unix socket; its file is there before that."""
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(str(path)) == 0


def processes_with(words: str) -> set[int]:
    """Return the processes whose command line or environment contains `words`."""
    wanted, found = words.encode(), set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            texts = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if wanted in texts:
            found.add(int(entry.name))
    return found


def descendants(pid: int) -> set[int]:
    """Return a process and everything that it started, directly or not."""
    found = {pid}
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found |= descendants(int(child))
    except OSError:
        # It ended while we looked.
        pass
    return found


def listening(pids: set[int]) -> list[str]:
    """Return every TCP socket that listens and every UDP socket of these processes.

    A UDP socket receives as soon as it is bound, so each counts.
    """
    inodes = {inode for pid in pids for inode in _inodes(pid)}
    found = []
    for table, states in (("tcp", {_LISTEN}), ("tcp6", {_LISTEN}), ("udp", None), ("udp6", None)):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[9] in inodes and (states is None or fields[3] in states):
                found.append(f"{table} {fields[1]}")
    return found


def _inodes(pid: int) -> set[str]:
    found = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            match = _SOCKET.match(str(descriptor.readlink()))
            if match:
                found.add(match[1])
    except OSError:
        # It ended while we looked.
        pass
    return found


def connections_to(pid: int, path_end: str) -> int:
    """Return how many connections a process has to Unix sockets whose paths end so.

    Raises OSError where the kernel does not tell.
    """
    sockets = list(_unix_sockets())
    served = {inode for inode, _, path in sockets if path.endswith(path_end)}
    connected = {str(inode) for inode, peer, _ in sockets if peer in served}
    return len(connected & _inodes(pid))


def _unix_sockets() -> Iterator[tuple[int, int, str]]:
    """Yield (inode, inode of the other end or 0, path) of every Unix socket."""
    wanted = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 2**32 - 1, 0, _SHOW_NAME_AND_PEER, 0, 0)
    size = 16 + len(wanted)
    head = struct.pack("=IHHII", size, _SOCK_DIAG_BY_FAMILY, _REQUEST_AND_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(head + wanted)
        while True:
            rest = kernel.recv(1 << 20)
            while rest:
                length, kind = struct.unpack_from("=IH", rest)
                if kind == _NLMSG_DONE:
                    return
                if kind != _SOCK_DIAG_BY_FAMILY:
                    raise OSError("the kernel does not tell which Unix sockets there are")
                told = _attributes(rest[_HEADS:length])
                peer = int.from_bytes(told.get(_PEER, b""), sys.byteorder)
                inode = int.from_bytes(rest[20:24], sys.byteorder)
                yield inode, peer, told.get(_NAME, b"").decode(errors="replace").rstrip("\0")
                rest = rest[(length + 3) & ~3 :]


def _attributes(data: bytes) -> dict[int, bytes]:
    told = {}
    while data:
        size, attribute = struct.unpack_from("=HH", data)
        told[attribute] = data[4:size]
        data = data[(size + 3) & ~3 :]
    return told


class ListenerWatch:
    """Looks at the sockets of processes again and again, in a thread, until it is left.

    Args:
        pids: which processes, asked anew each time.
        pause_s: how long it rests between two looks (seconds).
    """

    def __init__(self, pids: Callable[[], set[int]], *, pause_s: float = 0.01) -> None:
        self._pids = pids
        self._pause_s = pause_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0
        self.found: set[str] = set()
        self.watched: set[str] = set()
        """The command lines that it looked at."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self._pause_s):
            pids = self._pids()
            self.found.update(listening(pids))
            self.watched.update(filter(None, map(_command, pids)))
            self.looks += 1


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""

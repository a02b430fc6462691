"""Which processes listen: read from the kernel's own tables, for the promise that none does (S14)."""

import re
from pathlib import Path

__all__ = ["descendants", "listening", "processes_with"]

_LISTEN = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


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

"""A small disk that can be full: a file system of its own where we may mount one, else a limit."""

import resource
import subprocess
from pathlib import Path

__all__ = ["SmallDisk"]

_FULL_BYTES = 400_000


class SmallDisk:
    """A file system of 1 MiB where we may mount one, else a limit on the size of a process's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "bedside", str(folder)]
        mounted = subprocess.run(command, check=False, capture_output=True)
        self.is_mounted = mounted.returncode == 0

    def shrink(self, pid: int) -> None:
        """Let it have little room for this process; what is mounted has no more from the start."""
        if not self.is_mounted:
            _limit(pid, _FULL_BYTES)

    def fill(self, pid: int) -> None:
        """Let there be no room at all for what this process writes."""
        if not self.is_mounted:
            _limit(pid, 0)
            return
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                return

    def grow(self, pid: int) -> None:
        """Let there be room."""
        if not self.is_mounted:
            _limit(pid, resource.RLIM_INFINITY)
            return
        (self.folder / "filler").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=16m", self.folder], check=True)

    def close(self) -> None:
        """Take the file system away."""
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", self.folder], check=True)


def _limit(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

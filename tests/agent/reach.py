"""Makes this Python one that any user can run, as an installed one is, for programs of a test.

They have the powers of root that the agent's unit leaves it, and no others. A Python below somebody's closed home is mounted anew in a namespace of the program's own, where its
folders are open; nothing changes for anybody else. Where that may not be done, or we are not root,
`for_any_user` returns None, and the agent's own parts stay one user.
"""

import os
import re
import shlex
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path

import bedside

__all__ = ["for_any_user"]

_HOLD = "/run/bedside-test-hold"


def _closed(path: Path) -> Path | None:
    """The first folder on the way to `path` through which not everybody may walk."""
    for folder in (*reversed(path.parents), path):
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def _script(needed: list[Path]) -> str:
    """A shell line that opens the folders on the way to each of `needed`, then runs its arguments."""
    closed = {path: folder for path in needed if (folder := _closed(path))}
    holds = {path: f"{_HOLD}/{number}" for number, path in enumerate(closed)}
    q = shlex.quote
    return " && ".join(
        [
            "mount -t tmpfs tmpfs /run",
            *(f"mkdir -p {hold} && mount --bind {q(str(path))} {hold}" for path, hold in holds.items()),
            *(f"mount -t tmpfs -o mode=755 tmpfs {q(str(folder))}" for folder in set(closed.values())),
            *(f"mkdir -p {q(str(path))} && mount --move {hold} {q(str(path))}" for path, hold in holds.items()),
            'exec "$@"',
        ]
    )  # fmt: skip


def _powers() -> str:
    """The capabilities that the unit keeps, as setpriv spells them."""
    unit = Path(__file__).parents[2] / "deploy" / "systemd" / "bedside-agent.service"
    (line,) = re.findall(r"^CapabilityBoundingSet=(.*)$", unit.read_text(), re.MULTILINE)
    return ",".join("+" + name.removeprefix("CAP_").lower() for name in line.split())


@cache
def for_any_user() -> tuple[str, ...] | None:
    """Words before a command of this Python with which any user can run it, or None."""
    if os.geteuid() != 0:
        return None
    needed = [Path(sys.base_prefix), Path(sys.prefix), Path(bedside.__file__).parents[1]]
    words: tuple[str, ...] = ()
    if any(map(_closed, needed)):
        words = ("unshare", "--mount", "sh", "-c", _script(needed), "sh")
    words = (*words, "setpriv", f"--bounding-set=-all,{_powers()}", "--no-new-privs")
    trial = [*words, "setpriv", "--reuid=65000", "--regid=65000", "--clear-groups", sys.executable]
    try:
        subprocess.run(
            [*trial, "-c", "import ssl, bedside.agent.worker"], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return words

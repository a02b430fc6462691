"""A nudge from whoever wrote to whoever waits: one datagram to each `live` process of this host.

It carries nothing and may be lost: a waiter looks at the database every so often anyway. It saves
the wait for the next look, so that an order is on its way within a millisecond of its commit.
On PostgreSQL the commit rings for other hosts too (`bell`).
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

__all__ = ["CHANNEL", "awake", "listen", "poke", "wake_on_commit"]

CHANNEL = "bedside_wake"
"""Where PostgreSQL is told that something was written."""


def wake_on_commit() -> None:
    """Wake every process that waits, on this host and on others, once the transaction has committed."""
    if any(_wake in hook for hook in connection.run_on_commit):
        return
    transaction.on_commit(_wake)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


def poke(name: str) -> None:
    """Wake one process of this host by its name."""
    _send(_folder() / f"{name}.sock")


def listen(name: str) -> socket.socket:
    """Return a socket that becomes readable when somebody wakes; the caller closes it.

    Args:
        name: of the process, unique on this host; its old socket is replaced.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{name}.sock"
    path.unlink(missing_ok=True)
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    with _address(folder) as short:
        receiver.bind(f"{short}/{path.name}")
    return receiver


def awake() -> list[str]:
    """Return the names of the processes of this host that listen now."""
    return [path.stem for path in sorted(_folder().glob("*.sock")) if _answers(path)]


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, _address(path.parent) as short:
        return probe.connect_ex(f"{short}/{path.name}") == 0


@contextlib.contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Name the folder in few letters: a socket's address has room for 107."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _folder() -> Path:
    return Path(settings.BEDSIDE_DATA_DIR) / "wake"


def _wake() -> None:
    for path in _folder().glob("*.sock"):
        _send(path)


def _send(path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        _address(path.parent) as short,
    ):
        sender.setblocking(False)
        try:
            sender.sendto(b"\n", f"{short}/{path.name}")
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)  # its process was killed
        except OSError:
            return  # full: whoever waits there has been woken already

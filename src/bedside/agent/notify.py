"""Tells systemd that the supervisor is up and turning (sd_notify), where systemd asks."""

import contextlib
import socket

__all__ = ["notify"]


def notify(path: str | None, words: str) -> None:
    """Send `words` (`READY=1`, `WATCHDOG=1`) to the socket at `path`; nothing without one."""
    if path is None:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock,
    ):
        sock.sendto(words.encode(), address)

"""A peer that vanished without a word: a relay's host without power, a firewall that drops.

1. Where nothing is under way, the kernel asks the peer (keepalive) and gives it up within 27 s. It
   asks after 15 s: a poll that is held for 30 s costs one or two small packets each way.
2. Where something is under way and the peer acknowledges nothing, it is gone after 45 s.
3. A peer that is there and takes nothing more for now (its window is zero) is not gone: behind it
   may be an `ssh` that somebody stopped. Therefore 2 is not `TCP_USER_TIMEOUT` for a tunnel's leg,
   which counts both alike; a poll is never so long that a relay could be slow to take it.

Where the system lacks one of these, the connection goes on without it.
"""

import socket
import sys

__all__ = ["GONE_MS", "ask_when_silent", "is_gone", "limit_unacknowledged", "tcp_state"]

GONE_MS = 45_000
_KEEPALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 4), ("TCP_KEEPCNT", 3))
_POLL_MS = 20_000
_UNACKED, _LAST_ACK_MS, _LENGTH = 24, 56, 60
"""Where `struct tcp_info` of Linux has what is under way (segments) and the last sign of the peer."""


def ask_when_silent(sock: socket.socket) -> None:
    """Have the kernel find out that the peer of `sock` is gone while nothing is under way (1)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        _set(sock, name, value)


def limit_unacknowledged(sock: socket.socket) -> None:
    """Have the kernel give a poll's connection up when nothing of it is taken for 20 s."""
    _set(sock, "TCP_USER_TIMEOUT", _POLL_MS)


def _set(sock: socket.socket, name: str, value: int) -> None:
    option = getattr(socket, name, None)
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def tcp_state(sock: socket.socket) -> bytes:
    """Return the kernel's `struct tcp_info` of `sock`, nothing where there is none."""
    option = getattr(socket, "TCP_INFO", None)
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, option, _LENGTH) if option is not None else b""
    except OSError:
        return b""


def is_gone(state: bytes, *, gone_ms: int = GONE_MS) -> bool:
    """Return whether something is under way and the peer gave no sign for `gone_ms` (2, 3).

    Args:
        state: of `tcp_state`; what is too short to tell says nothing.
        gone_ms: how long a peer may give no sign, milliseconds.
    """
    if len(state) < _LENGTH:
        return False
    return _number(state, _UNACKED) > 0 and _number(state, _LAST_ACK_MS) >= gone_ms


def _number(state: bytes, at: int) -> int:
    return int.from_bytes(state[at : at + 4], sys.byteorder)

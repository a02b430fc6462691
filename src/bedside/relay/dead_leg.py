"""A leg of a tunnel whose host vanished without a word: no power, no network, a firewall that drops.

1. Where nothing is under way to it, the kernel asks (keepalive) and gives it up within 60 s.
2. Where something is under way and no packet of it comes, it is gone after 45 s; whoever looks every
   15 s finds that within 60 s too. Otherwise the kernel would try for a quarter of an hour, and what
   `ssh` sends to find out whether anybody is there would keep the tunnel from ever being idle.
3. A peer that is there and takes nothing more for now (its window is zero) is not gone: behind it
   may be an `ssh` that somebody stopped. Therefore 2 is not `TCP_USER_TIMEOUT`, which counts both
   alike.

Only legs are asked. A poll has a deadline of its own, and thousands that wait would each have a timer
in the kernel and a packet each way for what the deadline tells anyway; a device asks after its relay.
"""

import socket
import sys
from typing import Protocol

from bedside.relay.sockets import Connected

__all__ = ["GONE_MS", "LOOK_MS", "Leg", "ask_when_silent", "is_gone", "tcp_state"]

GONE_MS = 45_000
"""Longer than the kernel lets a peer that is there be silent (1): what is under way may have left only
now, after a long silence."""
LOOK_MS = 15_000
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
_UNACKED, _LAST_DATA_MS, _LAST_ACK_MS, _LENGTH = 24, 52, 56, 60
"""Where `struct tcp_info` of Linux has what is under way (segments) and the last signs of the peer."""


class Leg(Connected, Protocol):
    """A leg's TCP socket, whatever stands around it."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Set an option of the socket."""


def ask_when_silent(sock: Leg) -> None:
    """Have the kernel find out that the peer of `sock` is gone while nothing is under way (1)."""
    for level, option, value in _KEEPALIVE:
        sock.setsockopt(level, option, value)


def tcp_state(sock: Connected) -> bytes:
    """Return the kernel's `struct tcp_info` of `sock`, nothing where there is none."""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH)
    except OSError:
        return b""


def is_gone(state: bytes) -> bool:
    """Return whether something is under way and no packet of the peer came for `GONE_MS` (2, 3).

    Args:
        state: of `tcp_state`; what is too short to tell says nothing.
    """
    if len(state) < _LENGTH:
        return False
    # Data is a sign too, whether or not this kernel counts it among what acknowledges.
    silent_ms = min(_number(state, _LAST_DATA_MS), _number(state, _LAST_ACK_MS))
    return _number(state, _UNACKED) > 0 and silent_ms >= GONE_MS


def _number(state: bytes, at: int) -> int:
    return int.from_bytes(state[at : at + 4], sys.byteorder)

"""All sockets of a relay behind one reader of the event loop.

asyncio keeps two handles and a callback for each socket it watches, uvloop a handle of libuv too, and
both make a call of several frames for each event. An epoll of our own, watched by the loop as one
descriptor, costs a dictionary entry for each socket and one call for each event (docs/rfd, 8).
"""

import asyncio
import errno
import fcntl
import select
import socket
import struct
import termios
from typing import Protocol

__all__ = ["READ", "WRITE", "Connected", "Sockets", "Watched", "bytes_taken"]

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
_EVENTS_A_TURN = 64
_FEW = 4
# tcpi_bytes_received of linux/tcp.h, since Linux 4.1.
_BYTES_RECEIVED = struct.Struct("=Q")
_INT = struct.Struct("=i")


class Connected(Protocol):
    """A TCP socket, whatever stands around it."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        """Return an option of the socket."""


def bytes_taken(sock: Connected) -> int:
    """Return how many bytes of a connection were read so far; 0 where the kernel does not count them.

    Raises OSError.
    """
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128 + _BYTES_RECEIVED.size)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP or not _is_local(sock):
            raise
        return 0  # the relay's own end (`rehearsal`)
    if len(info) < 128 + _BYTES_RECEIVED.size:
        return 0
    unread = bytearray(_INT.size)
    fcntl.ioctl(sock.fileno(), termios.FIONREAD, unread)
    received: int = _BYTES_RECEIVED.unpack_from(info, 128)[0]
    return received - int(_INT.unpack(unread)[0])


def _is_local(sock: Connected) -> bool:
    family = sock.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN, _INT.size)
    return int(_INT.unpack(family)[0]) == socket.AF_UNIX


class Watched(Protocol):
    """Whatever owns a socket that is watched."""

    def ready(self, events: int) -> None:
        """The socket can be read (any bit but WRITE, a hang-up among them) or written. May not raise."""


class Sockets:
    """Watches sockets, level-triggered, for their owners.

    Args:
        loop: the event loop, which watches all of them as one.
        at_once: how many owners at most are told before the loop has its turn again. Few to begin
            with, so that nobody waits long for the others; twice as many after a turn that was full,
            half as many after one that was not.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, at_once: int = _EVENTS_A_TURN) -> None:
        self._loop = loop
        self._at_once = at_once
        self._share = min(_FEW, at_once)
        self._epoll = select.epoll()
        self._owners: dict[int, Watched] = {}
        self.full = False
        """Whether the last turn had as much to do as it may, so that more may wait."""
        loop.add_reader(self._epoll.fileno(), self._turn)

    def watch(self, descriptor: int, owner: Watched, events: int) -> None:
        """Tell `owner` when any of `events` (READ, WRITE) is possible, in place of what was watched."""
        if descriptor in self._owners:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._owners[descriptor] = owner

    def forget(self, descriptor: int) -> None:
        """Watch a socket no more: before it is closed."""
        if self._owners.pop(descriptor, None) is not None and not self._epoll.closed:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Watch nothing any more."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _turn(self) -> None:
        """Tell the owners, some of them at a time: the loop has others to serve."""
        owners = self._owners
        share = self._share
        ready = self._epoll.poll(0, share)
        self.full = len(ready) == share
        self._share = min(2 * share if self.full else max(share // 2, _FEW), self._at_once)
        for descriptor, events in ready:
            owner = owners.get(descriptor)
            if owner is not None:  # else one before it in this turn closed it
                owner.ready(events)

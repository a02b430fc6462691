"""A forward (`ssh -L`) to an endpoint that the profile names, on the device's own loopback."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

import asyncssh

from bedside.agent.ssh.context import SessionContext
from bedside.agent.ssh.pump import FdReader, FdWriter
from bedside.protocol.profile import Endpoint
from bedside.vocabulary import JournalAction, Outcome

__all__ = ["Forward"]

_DIAL_SECONDS = 5.0


class _SocketWriter(FdWriter):
    """Says end-of-file to the endpoint while the other direction stays open."""

    def __init__(self, connected: socket.socket, pressure: Callable[[bool], None]) -> None:
        super().__init__(os.dup(connected.fileno()), pressure)
        self._socket = connected

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it may be gone
            self._socket.shutdown(socket.SHUT_WR)
        super().close()


class Forward(asyncssh.SSHTCPSession[bytes]):
    """One forwarded connection."""

    def __init__(
        self,
        context: SessionContext,
        endpoint: Endpoint,
        connected: socket.socket,
        over: Callable[[], None],
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._socket = connected
        self._over = over
        self._chan: asyncssh.SSHTCPChannel[bytes] | None = None
        self._sent = self._received = 0
        self._reader = FdReader(os.dup(connected.fileno()), self._send, self._ended)
        self._writer = _SocketWriter(connected, self._press)
        self._uncut = context.stage.helm.cut(context.seat, self.cut)

    @classmethod
    async def dial(
        cls, context: SessionContext, endpoint: Endpoint, over: Callable[[], None]
    ) -> "Forward":
        """Dial `endpoint` on 127.0.0.1, else ::1; journal it first.

        Raises asyncssh.ChannelOpenError when nothing answers there.
        """
        await context.hooks.record(
            JournalAction.SESSION_CHANNEL_OPENED,
            outcome=Outcome.SUCCESS,
            detail={"channel": "direct-tcpip", "endpoint": endpoint.name, "port": endpoint.port},
        )
        connected = await _dial(endpoint.port)
        if connected is None:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_CONNECT_FAILED, f"{endpoint.name} does not answer on the device"
            )
        context.hooks.doing(
            f"-L {endpoint.name}:{endpoint.port}", may_change=not endpoint.view_safe
        )
        return cls(context, endpoint, connected, over)

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        """Note the channel."""
        self._chan = chan

    def session_started(self) -> None:
        """Start moving bytes."""
        self._reader.resume()

    def cut(self) -> None:
        """Close it: whoever opened it does not control any more (R10)."""
        if self._chan is not None:
            self._chan.abort()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand bytes to the endpoint."""
        del datatype
        self._received += len(data)
        self._context.count_received(len(data))
        self._writer.write(data)

    def eof_received(self) -> bool:
        """Tell the endpoint; the other direction stays open."""
        self._writer.finish()
        return True

    def pause_writing(self) -> None:
        """Read no more from the endpoint for now."""
        self._reader.pause()

    def resume_writing(self) -> None:
        """Read on."""
        self._reader.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the endpoint's side and journal what moved."""
        del exc
        self._uncut()
        self._reader.close()
        self._writer.close()
        self._socket.close()
        self._over()
        if self._chan is not None:
            self._chan.get_connection().create_task(self._record_closed())

    async def _record_closed(self) -> None:
        await self._context.hooks.record(
            JournalAction.SESSION_CHANNEL_CLOSED,
            outcome=Outcome.SUCCESS,
            detail={
                "channel": "direct-tcpip",
                "endpoint": self._endpoint.name,
                "bytes_sent": self._sent,
                "bytes_received": self._received,
            },
        )

    def _send(self, data: bytes) -> None:
        assert self._chan is not None
        self._sent += len(data)
        self._context.count_sent(len(data))
        self._chan.write(data)

    def _ended(self) -> None:
        if self._chan is not None:
            self._chan.write_eof()
            self._chan.close()

    def _press(self, pressed: bool) -> None:  # noqa: FBT001
        if self._chan is not None:
            if pressed:
                self._chan.pause_reading()
            else:
                self._chan.resume_reading()


async def _dial(port: int) -> socket.socket | None:
    loop = asyncio.get_running_loop()
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        candidate = None
        try:
            candidate = socket.socket(family, socket.SOCK_STREAM)
            candidate.setblocking(False)
            async with asyncio.timeout(_DIAL_SECONDS):
                await loop.sock_connect(candidate, (address, port))
            candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return candidate
        except (OSError, TimeoutError):
            if candidate is not None:
                candidate.close()
    return None

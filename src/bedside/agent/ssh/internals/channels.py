"""Channels that send without copying twice, and that say what they refuse."""

from typing import TYPE_CHECKING, Any

from asyncssh.channel import SSHChannel, SSHServerChannel, SSHTCPChannel
from asyncssh.constants import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
)
from asyncssh.packet import SSHPacket, UInt32

from bedside.agent.ssh.plan import ChannelKind, ChannelRequest

if TYPE_CHECKING:
    from bedside.agent.ssh.internals.connection import EndpointConnection

__all__ = ["EndpointChannel", "ForwardChannel"]


class _FastChannel(SSHChannel[bytes]):
    """A channel of bytes that cuts packets out of what was written, without moving it first.

    What waits is kept as views of the caller's bytes, and a connection whose transport has enough
    keeps it waiting here, where the session that writes feels it.
    """

    _conn: "EndpointConnection | None"
    _send_buf: list[tuple[Any, int | None]]

    def send_packet(self, pkttype: int, *args: Any) -> None:
        """Send a packet of this channel; `args` are joined once, when it is sealed."""
        if self._send_chan is not None and self._conn is not None:
            self._conn.send_packet(pkttype, UInt32(self._send_chan), *args, handler=self)

    def write(self, data: bytes, datatype: int | None = None) -> None:
        """Send `data` as far as window and transport allow, and keep the rest."""
        if self._send_state != "open":
            raise BrokenPipeError("Channel not open for sending")
        if data:
            self._send_buf.append((memoryview(data), datatype))
            self._send_buf_len += len(data)
            self._flush_send_buf()

    def _flush_send_buf(self) -> None:
        while self._send_buf and self._send_window and self._conn and not self._conn.choked:
            view, datatype = self._send_buf[0]
            size = min(len(view), self._send_window, self._send_pktsize)
            if size == len(view):
                del self._send_buf[0]
            else:
                self._send_buf[0] = (view[size:], datatype)
                view = view[:size]
            self._send_buf_len -= size
            self._send_window -= size
            if datatype is None:
                self.send_packet(MSG_CHANNEL_DATA, UInt32(size), view)
            else:
                self.send_packet(MSG_CHANNEL_EXTENDED_DATA, UInt32(datatype), UInt32(size), view)
        if self._session is not None:
            self._pause_resume_writing()
        if not self._send_buf:
            if self._send_state == "eof_pending":
                self.send_packet(MSG_CHANNEL_EOF)
                self._send_state = "eof"
            elif self._send_state == "close_pending":
                self._close_send()


class ForwardChannel(_FastChannel, SSHTCPChannel[bytes]):
    """The channel of one forward."""


class EndpointChannel(_FastChannel, SSHServerChannel[bytes]):
    """A session channel that tells its owner what it refuses."""

    _conn: "EndpointConnection"

    def _refuse(self, kind: ChannelKind) -> bool:
        words = self._conn._owner.request_refused(ChannelRequest(kind))
        if self._send_state == "open":
            self.write_stderr(words.encode())
        return False

    def _process_x11_req_request(self, packet: SSHPacket) -> bool:
        del packet
        return self._refuse(ChannelKind.X11)

    def _process_auth_agent_req_at_openssh_dot_com_request(  # type: ignore[override]
        self, packet: SSHPacket
    ) -> bool:
        del packet
        return self._refuse(ChannelKind.AGENT)

    def _process_env_request(self, packet: SSHPacket) -> bool:
        name = packet.get_string().decode("utf-8", "backslashreplace")
        value = packet.get_string().decode("utf-8", "backslashreplace")
        packet.check_end()
        if not self._conn._owner.environment_allowed(name, value):
            return False
        self._env[name.encode()] = value.encode()
        return True

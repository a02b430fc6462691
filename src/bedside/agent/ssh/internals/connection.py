"""The connection: taken over from an HTTP upgrade, authenticated in two steps, told what it refuses."""

import asyncio
import copy
from typing import Any, Protocol

import asyncssh
from asyncssh.constants import (
    DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
    MSG_CHANNEL_OPEN,
    MSG_USERAUTH_FAILURE,
)
from asyncssh.packet import Boolean, NameList, SSHPacket, String
from asyncssh.public_key import SSHOpenSSHCertificate, decode_ssh_certificate

from bedside.agent.ssh.admission import CertificateFacts, CertificateFault
from bedside.agent.ssh.internals.authentication import METHODS, facts_of
from bedside.agent.ssh.internals.channels import EndpointChannel, ForwardChannel
from bedside.agent.ssh.internals.packets import FastPackets
from bedside.agent.ssh.plan import ChannelKind, ChannelRequest

__all__ = ["ConnectionOwner", "EndpointConnection", "options_for", "take_over"]

_CHANNEL_TYPES = frozenset(
    {b"session", b"direct-tcpip", b"direct-streamlocal@openssh.com", b"tun@openssh.com"}
)


class ConnectionOwner(Protocol):
    """What the connection asks of the one who serves it (an `asyncssh.SSHServer` besides)."""

    async def judge_certificate(self, user: str, facts: CertificateFacts) -> bool:
        """Return whether this certificate opens this session."""
        ...

    def certificate_refused(self, fault: CertificateFault, detail: str) -> None:
        """Note that a key or certificate was offered in vain."""
        ...

    def permission_missing(self, permission: str) -> None:
        """Note that the certificate does not permit what was asked."""
        ...

    def request_refused(self, request: ChannelRequest) -> str:
        """Note a request that is never granted; return the sentence for the client."""
        ...

    def environment_allowed(self, name: str, value: str) -> bool:
        """Return whether the client may set this variable."""
        ...

    def too_many_attempts(self) -> int:
        """Return how many refused authentication requests one connection may make."""
        ...


class EndpointConnection(FastPackets):
    """An SSH server connection that takes a certificate, then a second authentication."""

    _owner: Any  # an asyncssh.SSHServer that is also a ConnectionOwner

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: asyncssh.SSHServerConnectionOptions
    ) -> None:
        options.waiter = None
        super().__init__(loop, options)
        self.first_factor: tuple[str, Any, Any] | None = None
        self.named_user = False
        self._refusals = 0

    async def _finish_userauth(
        self,
        begin_auth: bool,  # noqa: FBT001 - the base class's own signature
        method: bytes,
        packet: SSHPacket,
    ) -> None:
        del begin_auth  # no configuration depends on the user name here
        self.named_user = True
        if not self._owner:
            return
        if self._auth:
            self._auth.cancel()
            self._auth = None
        handler = METHODS.get(method)
        if handler is None or not handler.supported(self):
            self.send_userauth_failure(partial_success=False)
            return
        self._auth = handler(self, self._username, method, packet)

    def send_userauth_failure(self, partial_success: bool) -> None:  # noqa: FBT001
        """Answer a refused or partial authentication with the methods that may follow."""
        self._auth = None
        if not partial_success:
            self._refusals += 1
            if self._owner and self._refusals > self._owner.too_many_attempts():
                self.disconnect(DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "too many attempts")
                return
        methods = [name for name, handler in METHODS.items() if handler.supported(self)]
        self.send_packet(
            MSG_USERAUTH_FAILURE,
            NameList(methods),
            Boolean(partial_success),
        )

    async def validate_public_key(
        self, username: str, key_data: bytes, msg: bytes, signature: bytes
    ) -> bool:
        """Return whether the certificate opens the session and, if signed, its key signed this."""
        certificate = self._read_certificate(key_data)
        if certificate is None:
            return False
        if not await self._owner.judge_certificate(username, facts_of(certificate)):
            return False
        self._key_options = {}
        self._cert_options = certificate.options
        if not msg:
            return True
        return certificate.key.verify(String(self._session_id) + msg, signature)

    def _read_certificate(self, key_data: bytes) -> SSHOpenSSHCertificate | None:
        try:
            certificate = decode_ssh_certificate(key_data)
        except asyncssh.KeyImportError as error:
            try:
                asyncssh.public_key.decode_ssh_public_key(key_data)
            except asyncssh.KeyImportError:
                self._owner.certificate_refused(CertificateFault.UNREADABLE, str(error))
            else:
                self._owner.certificate_refused(CertificateFault.NO_CERTIFICATE, "")
            return None
        if not isinstance(certificate, SSHOpenSSHCertificate):
            self._owner.certificate_refused(CertificateFault.KIND, "")
            return None
        return certificate

    def check_certificate_permission(self, permission: str) -> bool:
        """Return whether the first factor's certificate permits this (clause 3); tell if not."""
        permitted = super().check_certificate_permission(permission)
        if not permitted and self._owner:
            self._owner.permission_missing(permission)
        return permitted

    def _process_channel_open(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        copy = SSHPacket(packet.get_remaining_payload())
        kind = copy.get_string()
        if kind not in _CHANNEL_TYPES and self._owner:
            sender = copy.get_uint32()
            name = kind.decode("ascii", "backslashreplace")[:64]
            words = self._owner.request_refused(ChannelRequest(ChannelKind.OTHER, name))
            self.send_channel_open_failure(
                sender, asyncssh.OPEN_UNKNOWN_CHANNEL_TYPE, words, asyncssh.DEFAULT_LANG
            )
            return
        super()._process_channel_open(pkttype, pktid, packet)

    _packet_handlers = {  # noqa: RUF012 - the base class's own way
        **FastPackets._packet_handlers,
        MSG_CHANNEL_OPEN: _process_channel_open,
    }

    def create_session_channel(self) -> "EndpointChannel":
        """Return a channel of bytes for a session that was just requested."""
        self._update_recv_pktlen(self._max_pktsize)
        return EndpointChannel(
            self, self._loop, True, False, False, 0, 0, None, "strict",
            self._window, self._max_pktsize,
        )  # fmt: skip

    def create_forward_channel(self) -> ForwardChannel:
        """Return a channel for a forward that was just requested."""
        self._update_recv_pktlen(self._max_pktsize)
        return ForwardChannel(
            self, self._loop, None, "strict", self._window, self._max_pktsize
        )  # fmt: skip


def options_for(
    options: asyncssh.SSHServerConnectionOptions, owner: asyncssh.SSHServer
) -> asyncssh.SSHServerConnectionOptions:
    """Return these options for one connection, whose owner is `owner` (clause 6)."""
    own = copy.copy(options)
    own.protocol_factory = lambda: owner
    return own


def take_over(
    connection: EndpointConnection, transport: asyncio.Transport, received: bytes
) -> None:
    """Make `connection` the protocol of `transport`, beginning with what was `received` (clause 1)."""
    transport.set_protocol(connection)
    connection.connection_made(transport)
    if received:
        connection.data_received(received)

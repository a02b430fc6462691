"""The one module that touches what asyncssh does not promise; pinned to its version by tests.

1. An SSH server connection is set as the protocol of a transport that was dialled and carries an
   upgraded HTTP connection; no listener exists.
2. Public key, *then* keyboard-interactive: success of the first is partial. A key offered without
   a signature never counts; the second is not even offered before the first.
3. asyncssh forgets a certificate's options at every authentication request; those of the first
   factor are put back before success, so its missing permissions still count.
4. Certificates are judged by us (`admission`): asyncssh would take the user name as principal and
   an empty principal list as "everyone". A key without a certificate is never accepted.
5. Refusals that asyncssh makes silently (X11, agent, unknown channels) are told to the owner.

`process.redirect` is never used (it loses data under flow control, see `pump`), nor asyncssh's SFTP
server (no exit status for `scp`, and a default that opens the whole file system, see `sftp`).
"""

import asyncio
from typing import Any, Protocol

import asyncssh
from asyncssh import auth as _auth
from asyncssh.channel import SSHServerChannel
from asyncssh.connection import SSHServerConnection
from asyncssh.constants import (
    DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
    MSG_CHANNEL_OPEN,
    MSG_USERAUTH_FAILURE,
)
from asyncssh.packet import Boolean, NameList, SSHPacket, String
from asyncssh.public_key import CERT_TYPE_USER, SSHOpenSSHCertificate, decode_ssh_certificate

from bedside.agent.ssh.admission import CertificateFacts, CertificateFault
from bedside.agent.ssh.plan import ChannelKind, ChannelRequest

__all__ = [
    "ASYNCSSH_VERSION",
    "ConnectionOwner",
    "EndpointChannel",
    "EndpointConnection",
    "take_over",
]

ASYNCSSH_VERSION = "2.24.1"
"""The version whose internals these are; a test holds the installed one to it."""

_CHANNEL_KINDS = {
    b"session": None,
    b"direct-tcpip": None,
    b"direct-streamlocal@openssh.com": ChannelKind.DIRECT_STREAMLOCAL,
    b"tun@openssh.com": ChannelKind.TUNNEL_INTERFACE,
}


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


class _CertificateAuth(_auth._ServerPublicKeyAuth):
    """The first factor: success is only partial (clause 2)."""

    _conn: "EndpointConnection"

    @classmethod
    def supported(cls, conn: Any) -> bool:
        return conn.first_factor is None

    async def send_success(self) -> None:
        if self._conn.auth is self:
            conn = self._conn
            conn.first_factor = (self._username, conn._key_options, conn._cert_options)
            conn.send_userauth_failure(partial_success=True)


class _SecondAuth(_auth._ServerKbdIntAuth):
    """The second factor, for the same user name as the first (clauses 2 and 3)."""

    _conn: "EndpointConnection"

    @classmethod
    def supported(cls, conn: Any) -> bool:
        return conn.first_factor is not None

    async def send_success(self) -> None:
        first = self._conn.first_factor
        if first is None or first[0] != self._username:
            self.send_failure()
            return
        if self._conn.auth is self:
            _user, self._conn._key_options, self._conn._cert_options = first
            await super().send_success()


_METHODS: dict[bytes, type[_CertificateAuth | _SecondAuth]] = {
    b"publickey": _CertificateAuth,
    b"keyboard-interactive": _SecondAuth,
}


class EndpointConnection(SSHServerConnection):
    """An SSH server connection that takes a certificate, then a second authentication."""

    _owner: Any  # an asyncssh.SSHServer that is also a ConnectionOwner

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: asyncssh.SSHServerConnectionOptions
    ) -> None:
        options.waiter = None
        super().__init__(loop, options)
        self.first_factor: tuple[str, Any, Any] | None = None
        self._refusals = 0

    async def _finish_userauth(
        self,
        begin_auth: bool,  # noqa: FBT001 - the base class's own signature
        method: bytes,
        packet: SSHPacket,
    ) -> None:
        del begin_auth  # no configuration depends on the user name here
        if not self._owner:
            return
        if self._auth:
            self._auth.cancel()
            self._auth = None
        handler = _METHODS.get(method)
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
        methods = [name for name, handler in _METHODS.items() if handler.supported(self)]
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
        if not await self._owner.judge_certificate(username, _facts(certificate)):
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
        if kind not in _CHANNEL_KINDS and self._owner:
            sender = copy.get_uint32()
            name = kind.decode("ascii", "backslashreplace")[:64]
            words = self._owner.request_refused(ChannelRequest(ChannelKind.OTHER, name))
            self.send_channel_open_failure(
                sender, asyncssh.OPEN_UNKNOWN_CHANNEL_TYPE, words, asyncssh.DEFAULT_LANG
            )
            return
        super()._process_channel_open(pkttype, pktid, packet)

    _packet_handlers = {  # noqa: RUF012 - the base class's own way
        **SSHServerConnection._packet_handlers,
        MSG_CHANNEL_OPEN: _process_channel_open,
    }

    def create_session_channel(self) -> "EndpointChannel":
        """Return a channel of bytes for a session that was just requested."""
        self._update_recv_pktlen(self._max_pktsize)
        return EndpointChannel(
            self, self._loop, True, False, False, 0, 0, None, "strict",
            self._window, self._max_pktsize,
        )  # fmt: skip


def _facts(certificate: SSHOpenSSHCertificate) -> CertificateFacts:
    signer = certificate.signing_key.export_public_key().decode()
    return CertificateFacts(
        is_user=certificate._cert_type == CERT_TYPE_USER,
        authority=" ".join(signer.split()[:2]),
        principals=tuple(certificate.principals),
        fingerprint=certificate.key.get_fingerprint(),
        valid_after_s=certificate._valid_after,
        valid_before_s=certificate._valid_before,
        options=frozenset(certificate.options),
        key_id=certificate._key_id,
    )


class EndpointChannel(SSHServerChannel[bytes]):
    """A session channel that tells its owner what it refuses (clause 5)."""

    _conn: EndpointConnection

    def _refuse(self, kind: ChannelKind, name: str = "") -> bool:
        words = self._conn._owner.request_refused(ChannelRequest(kind, name))
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


def take_over(
    connection: EndpointConnection, transport: asyncio.Transport, received: bytes
) -> None:
    """Make `connection` the protocol of `transport`, beginning with what was `received` (clause 1)."""
    transport.set_protocol(connection)
    connection.connection_made(transport)
    if received:
        connection.data_received(received)

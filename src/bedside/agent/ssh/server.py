"""Serves SSH on streams that the device dialled: one `Endpoint` per session, one `Visit` per stream.

1. Nothing listens: a stream is handed over with what was already received on it.
2. A certificate opens the way to the second authentication, never more (`admission`, `internals`).
3. The device asks for its own support credential and the presence code; wrong answers are counted
   over all connections of the session, journalled with their gate, and end it when used up.
4. What cannot be journalled does not happen: an error from a hook closes the connection.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path

import asyncssh

from bedside.agent.ssh import words
from bedside.agent.ssh.admission import CertificateFacts, CertificateFault, check_certificate
from bedside.agent.ssh.channels import SessionChannel
from bedside.agent.ssh.children import Leash
from bedside.agent.ssh.context import Activity, SessionContext
from bedside.agent.ssh.forward import Forward
from bedside.agent.ssh.grant import SessionGrant, SessionHooks
from bedside.agent.ssh.internals import (
    EndpointChannel,
    EndpointConnection,
    ForwardChannel,
    options_for,
    take_over,
)
from bedside.agent.ssh.plan import ChannelKind, ChannelRequest, Refusal, check_channel
from bedside.agent.ssh.stage import Stage
from bedside.audit.entry import DetailValue, Thing, short
from bedside.language.plain import in_ascii
from bedside.protocol.profile import Endpoint as ProfileEndpoint
from bedside.vocabulary import Gate, JournalAction, Outcome

__all__ = ["KEY_EXCHANGE", "Endpoint", "Visit", "encryption"]

KEY_EXCHANGE = (
    "mlkem768x25519-sha256",
    "mlkem768nistp256-sha256",
    "curve25519-sha256",
    "ecdh-sha2-nistp256",
)
_AES_GCM = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
_CHACHA = ("chacha20-poly1305@openssh.com",)
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
_SIGNATURES = ("ecdsa-sha2-nistp256",)

_Challenge = tuple[str, str, str, Sequence[tuple[str, bool]]]


def encryption(cpuinfo: str) -> tuple[str, ...]:
    """Return the ciphers to offer on a machine whose /proc/cpuinfo is `cpuinfo`.

    The client's order decides, and OpenSSH puts ChaCha20 first, which costs half as much again
    where the processor knows AES: there it is not offered.
    """
    flags = (line for line in cpuinfo.splitlines() if line.startswith(("flags", "Features")))
    knows_aes = any("aes" in line.split() for line in flags)
    return _AES_GCM if knows_aes else _CHACHA + _AES_GCM


class Endpoint:
    """The SSH end of one session: every stream that carries it, every process that it started.

    `stage` holds the terminals that are seen: for a join, those of the session that is joined.
    """

    def __init__(
        self, grant: SessionGrant, hooks: SessionHooks, leash: Leash, stage: Stage | None = None
    ) -> None:
        self._context = SessionContext(
            grant=grant, hooks=hooks, leash=leash, stage=stage or Stage()
        )
        self._visits: set[Visit] = set()
        self._over = False
        key = asyncssh.import_private_key(grant.host_key)
        # Its own log would repeat command lines; what may be known stands in the journal.
        asyncssh.set_log_level(logging.WARNING)
        self._ciphers = encryption(Path("/proc/cpuinfo").read_text())
        self._host_key = (key, asyncssh.import_certificate(grant.host_certificate))
        self._options = self._make_options()

    @property
    def activity(self) -> Activity:
        """Bytes either way and the time of the last one."""
        return self._context.activity

    @property
    def host_key(self) -> str:
        """The fingerprint of the key that whoever connects here sees, as `ssh-keygen -l` writes it."""
        return self._host_key[0].get_fingerprint()

    @property
    def locked_by(self) -> Gate | None:
        """The gate whose wrong answers were used up, if they were."""
        return self._context.locked_by

    def serve(self, transport: asyncio.Transport, received: bytes = b"") -> "Visit":
        """Serve SSH on `transport`, of which `received` was already read; it is its protocol now.

        A session that is over, locked, or has its number of connections closes the stream.
        """
        visit = Visit(self, self._context)
        limit = self._context.grant.limits.connections
        if self._over or self._context.attempts.used_up or len(self._visits) >= limit:
            transport.abort()
            visit.connection_lost(None)
            return visit
        self._visits.add(visit)
        options = options_for(self._options, visit)
        connection = EndpointConnection(asyncio.get_running_loop(), options)
        take_over(connection, transport, received)
        return visit

    async def end(self) -> int:
        """Abort every connection, kill every process; return how many could not be killed (0)."""
        self._over = True
        self.abort_all()
        if self._context.grant.watcher:
            return 0  # whoever watches started nothing, and what runs is not theirs to end
        return await self._context.leash.end()

    def abort_all(self) -> None:
        """Cut every connection now; what waits to be sent is lost."""
        for visit in tuple(self._visits):
            visit.abort()

    def left(self, visit: "Visit") -> None:
        """Note that a visit is over."""
        self._visits.discard(visit)

    def _make_options(self) -> asyncssh.SSHServerConnectionOptions:
        limits = self._context.grant.limits
        return asyncssh.SSHServerConnectionOptions(
            server_version="Bedside",
            server_host_keys=[self._host_key],
            kex_algs=KEY_EXCHANGE,
            encryption_algs=self._ciphers,
            mac_algs=_MACS,
            signature_algs=_SIGNATURES,
            compression_algs=None,
            login_timeout=limits.login_seconds,
            gss_host=None,
            host_based_auth=False,
            password_auth=False,
            x11_forwarding=False,
            agent_forwarding=False,
            encoding=None,
            line_editor=False,
        )


class Visit(asyncssh.SSHServer):
    """One connection of a session."""

    def __init__(self, endpoint: Endpoint, context: SessionContext) -> None:
        self._endpoint = endpoint
        self._context = context
        self._grant = context.grant
        self._conn: EndpointConnection | None = None
        self._closed = asyncio.Event()
        self._faults: set[tuple[CertificateFault, str]] = set()
        self._bare_key = False
        self._channels = 0
        self.notices: list[str] = []
        """Refusals that had no channel to be said on; the next session channel says them."""

    # -- the connection ------------------------------------------------------------------------

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Note the connection."""
        assert isinstance(conn, EndpointConnection)
        self._conn = conn

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; a bare key that was all it had to offer is journalled now."""
        del exc
        conn = self._conn
        if self._bare_key and conn is not None and conn.first_factor is None and not self._faults:
            self._record_certificate(CertificateFault.NO_CERTIFICATE, "")
        self._endpoint.left(self)
        self._closed.set()

    @property
    def spoke_ssh(self) -> bool:
        """Whether whoever is at the other end got as far as naming a user: keys were exchanged."""
        return self._conn is not None and self._conn.named_user

    async def closed(self) -> None:
        """Wait until the connection is over."""
        await self._closed.wait()

    def abort(self) -> None:
        """Cut the connection now."""
        if self._conn is not None:
            self._conn.abort()

    def record_soon(
        self,
        action: JournalAction,
        *,
        gate: Gate | None,
        outcome: Outcome,
        thing: Thing | None = None,
        detail: dict[str, DetailValue],
    ) -> None:
        """Write an entry of something that does not wait for it; clause 4 holds all the same."""
        if self._conn is not None:
            self._conn.create_task(
                self._context.hooks.record(
                    action, outcome=outcome, gate=gate, object=thing, detail=detail
                )
            )

    # -- authentication --------------------------------------------------------------------------

    async def judge_certificate(self, user: str, facts: CertificateFacts) -> bool:
        """Return whether this certificate opens this session (clause 2)."""
        fault = check_certificate(facts, self._grant, user=user, now_s=time.time())
        if fault is not None:
            self.certificate_refused(fault, facts.fingerprint)
        return fault is None

    def certificate_refused(self, fault: CertificateFault, detail: str) -> None:
        """Journal a key or certificate offered in vain, once per connection; tell the client."""
        if fault is CertificateFault.NO_CERTIFICATE:
            # Every client offers the bare key of its certificate first: it counts if nothing better
            # follows.
            self._bare_key = True
            return
        if (fault, detail) in self._faults or self._conn is None:
            return
        self._faults.add((fault, detail))
        self._record_certificate(fault, detail)
        self._conn.send_auth_banner(words.certificate_sentence(self._grant.language) + "\r\n")

    def _record_certificate(self, fault: CertificateFault, fingerprint: str) -> None:
        self.record_soon(
            JournalAction.SESSION_AUTHENTICATION_FAILED,
            gate=Gate.USER_CERTIFICATE,
            outcome=Outcome.REFUSED,
            detail={"reason": str(fault), "fingerprint": short(fingerprint)},
        )

    def permission_missing(self, permission: str) -> None:
        """Journal what the certificate does not permit; the next session channel says it."""
        self.record_soon(
            JournalAction.SESSION_CHANNEL_REFUSED,
            gate=Refusal.CERTIFICATE.gate,
            outcome=Outcome.REFUSED,
            detail={"reason": str(Refusal.CERTIFICATE), "name": f"permit-{permission}"},
        )
        self.notices.append(words.sentence(Refusal.CERTIFICATE, self._grant) + "\r\n")

    def too_many_attempts(self) -> int:
        """Return how many refused authentication requests one connection may make."""
        return self._grant.limits.authentication_attempts

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> _Challenge | bool:
        """Ask for the support credential and the presence code together."""
        del username, lang, submethods
        if self._context.attempts.used_up:
            return False
        grant = self._grant
        credential, code = words.prompts(grant.language, of_site=grant.site_credential)
        return "", "", self._grant.language, ((credential, False), (code, True))

    async def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
        """Check both answers; which one was wrong is for the journal, not for the client (3)."""
        del username
        attempts = self._context.attempts
        if len(responses) != 2 or not attempts.take():
            return False
        try:
            gate = await self._wrong_answer(responses[0], responses[1])
        except BaseException:
            attempts.give_back()  # cut off before it was judged: nobody learned anything
            raise
        if gate is None:
            attempts.give_back()
            return not self._context.attempts.used_up
        last = attempts.fail()
        try:
            await self._context.hooks.record(
                JournalAction.SESSION_AUTHENTICATION_FAILED,
                outcome=Outcome.REFUSED,
                gate=gate,
                detail={"attempt": attempts.wrong, "remaining": attempts.limit - attempts.wrong},
            )
        finally:
            if last:
                self._lock(gate)
        return False

    async def _wrong_answer(self, credential: str, code: str) -> Gate | None:
        hooks = self._context.hooks
        async with asyncio.timeout(self._grant.limits.second_authentication_seconds):
            credential_right = await hooks.check_support_credential(credential)
            code_right = await hooks.check_presence_code(code.replace(" ", ""))
        if not credential_right:
            return Gate.SUPPORT_CREDENTIAL
        return None if code_right else Gate.PRESENCE_CODE

    def _lock(self, gate: Gate) -> None:
        """The last wrong answer: say so here, cut every connection, end the session as refused."""
        self._context.locked_by = gate
        if self._conn is not None:
            self._conn.disconnect(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
                in_ascii(words.locked_sentence(self._grant.language)),
                self._grant.language,
            )
        self._endpoint.abort_all()
        self._context.hooks.refused(gate)

    async def auth_completed(self) -> None:
        """Journal that both authentications passed: the session is live."""
        self._context.hooks.authenticated()

    # -- channels ----------------------------------------------------------------------------------

    def session_requested(self) -> tuple[EndpointChannel, SessionChannel]:
        """Open a session channel; what runs on it is asked afterwards, by itself."""
        assert self._conn is not None
        self._take_channel()
        return self._conn.create_session_channel(), SessionChannel(self._context, self)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> tuple[ForwardChannel, Coroutine[None, None, Forward]]:
        """Dial the endpoint that the profile names, or refuse the forward."""
        del orig_host, orig_port
        request = ChannelRequest(ChannelKind.DIRECT_TCPIP, dest_host, dest_port)
        decision = check_channel(request, self._context.grant_now)
        if decision.endpoint is None:
            raise self._refused(request, decision.refusal or Refusal.FORWARD)
        assert self._conn is not None
        self._take_channel()
        return self._conn.create_forward_channel(), self._forward(request, decision.endpoint)

    async def _forward(self, request: ChannelRequest, endpoint: ProfileEndpoint) -> Forward:
        turns = self._context.stage.helm.turns
        try:
            forward = await Forward.dial(self._context, endpoint, self.channel_over)
        except BaseException:
            self.channel_over()
            raise
        if self._context.stage.helm.turns != turns:
            # Control went elsewhere while it was dialled.
            forward.connection_lost(None)
            raise self._refused(request, Refusal.NOT_IN_CONTROL)
        return forward

    def unix_connection_requested(self, dest_path: str) -> bool:
        """Refuse a forward to a socket."""
        request = ChannelRequest(ChannelKind.DIRECT_STREAMLOCAL, dest_path)
        raise self._refused(request, Refusal.SOCKET)

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        """Refuse a reverse forward; the client only hears "failed", so the next channel says why."""
        request = ChannelRequest(ChannelKind.REMOTE_FORWARD, listen_host, listen_port)
        self.notices.append(self.request_refused(request))
        return False

    def unix_server_requested(self, listen_path: str) -> bool:
        """Refuse a reverse forward of a socket."""
        request = ChannelRequest(ChannelKind.REMOTE_STREAMLOCAL, listen_path)
        self.notices.append(self.request_refused(request))
        return False

    def tun_requested(self, unit: int | None) -> bool:
        """Refuse a network interface."""
        request = ChannelRequest(ChannelKind.TUNNEL_INTERFACE, str(unit))
        raise self._refused(request, Refusal.OTHER)

    tap_requested = tun_requested

    def request_refused(self, request: ChannelRequest) -> str:
        """Journal a request that is never granted; return the line for the client."""
        refusal = check_channel(request, self._grant).refusal or Refusal.OTHER
        self.journal_refusal(request, refusal)
        return words.sentence(refusal, self._grant) + "\r\n"

    def environment_allowed(self, name: str, value: str) -> bool:
        """Return whether the client may set this variable; journal it if not."""
        request = ChannelRequest(ChannelKind.ENVIRONMENT, name, value=value)
        decision = check_channel(request, self._grant)
        if decision.refusal is not None:
            self.journal_refusal(request, decision.refusal)
        return decision.allowed

    def journal_refusal(self, request: ChannelRequest, refusal: Refusal) -> None:
        """Write which channel was refused, and by which gate."""
        detail: dict[str, DetailValue] = {"channel": str(request.kind), "reason": str(refusal)}
        if request.name:
            detail["command" if request.kind is ChannelKind.EXEC else "name"] = short(request.name)
        if request.port:
            detail["port"] = request.port
        self.record_soon(
            JournalAction.SESSION_CHANNEL_REFUSED,
            gate=refusal.gate,
            outcome=Outcome.REFUSED,
            detail=detail,
        )

    def channel_over(self) -> None:
        """Note that a channel closed."""
        self._channels -= 1

    def _take_channel(self) -> None:
        if self._channels >= self._grant.limits.channels:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE, "too many channels on one connection"
            )
        self._channels += 1

    def _refused(self, request: ChannelRequest, refusal: Refusal) -> asyncssh.ChannelOpenError:
        self.journal_refusal(request, refusal)
        return asyncssh.ChannelOpenError(
            asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED,
            in_ascii(words.sentence(refusal, self._grant)),
        )
